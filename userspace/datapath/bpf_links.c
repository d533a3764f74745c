/* Programs on interfaces: attached, found again, and taken up after an interface came back. */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/log.h"
#include "datapath/bpf_priv.h"
#include "datapath/look.h"

/* bpffs takes no dots; a slash would leave the directory. */
static void write_path(const struct datapath_bpf *b, const char *name, char path[BPF_PATH_SIZE])
{
	struct buf text;

	buf_init_fixed(&text, path, BPF_PATH_SIZE);
	buf_printf(&text, "%s/", b->links);
	for (; *name; name++) {
		if (strchr(".%/", *name))
			buf_printf(&text, "%%%02x", (unsigned char)*name);
		else
			buf_put_char(&text, *name);
	}
}

/* Logs and remembers a change; says nothing of what was so before. */
static void show(struct datapath_bpf *b, struct bpf_interface *interface, enum datapath_mode mode,
		 const char *why)
{
	struct datapath_interface *shown = &interface->shown;

	if (shown->mode == mode && strncmp(shown->why, why, sizeof(shown->why) - 1) == 0)
		return;
	pthread_mutex_lock(&b->lock);
	shown->mode = mode;
	snprintf(shown->why, sizeof(shown->why), "%s", why);
	pthread_mutex_unlock(&b->lock);
	if (mode == DATAPATH_NATIVE)
		log_info("%s: packets are limited, by native XDP", shown->name);
	else if (mode == DATAPATH_GENERIC)
		log_warning("%s: packets are limited, by generic XDP, which is slower: %s",
			    shown->name, why);
	else
		log_warning("%s: packets are not limited: %s", shown->name, why);
}

static __attribute__((format(printf, 3, 4))) void show_none(struct datapath_bpf *b,
							    struct bpf_interface *interface,
							    const char *format, ...)
{
	char why[DATAPATH_WHY_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	show(b, interface, DATAPATH_NONE, why);
}

static int read_link(int fd, struct bpf_link_info *ret)
{
	__u32 len = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return bpf_obj_get_info_by_fd(fd, ret, &len);
}

/* How this program is attached there; none if it is not, though a link says so. */
static enum datapath_mode query_mode(unsigned int index, uint32_t program)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, found);

	if (bpf_xdp_query((int)index, 0, &found))
		return DATAPATH_NONE;
	if (found.drv_prog_id == program || found.hw_prog_id == program)
		return DATAPATH_NATIVE;
	return found.skb_prog_id == program ? DATAPATH_GENERIC : DATAPATH_NONE;
}

static unsigned int read_mtu(const char *name)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFMTU, &request) < 0)
		return 0;
	return (unsigned int)request.ifr_mtu;
}

/* Why the driver did not take the program, in words for whoever owns the interface. */
static void explain_native(int err, const char *name, char why[DATAPATH_WHY_SIZE])
{
	if (err == -EOPNOTSUPP)
		snprintf(why, DATAPATH_WHY_SIZE,
			 "its driver has no native XDP, or an offload is on that excludes it");
	else if (err == -ENOSPC || err == -ENOMEM)
		snprintf(why, DATAPATH_WHY_SIZE,
			 "its driver lacks queues or memory for native XDP (%s)", strerror(-err));
	else
		snprintf(why, DATAPATH_WHY_SIZE,
			 "its driver refuses native XDP, perhaps for its MTU of %u (%s)",
			 read_mtu(name), strerror(-err));
}

static int create_link(const struct datapath_bpf *b, unsigned int index, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);

	return bpf_link_create(b->program, (int)index, BPF_XDP, &options);
}

static void show_busy(struct datapath_bpf *b, struct bpf_interface *interface, unsigned int index)
{
	struct datapath_attached there;

	datapath_look_attached(index, &there);
	if (there.sluice)
		show_none(b, interface,
			  "another Sluice's program limits it (id %u): detach that, or remove the "
			  "pin directory it left",
			  there.id);
	else
		show_none(b, interface,
			  "another XDP program is attached to it (id %u): detach that one first",
			  there.id);
}

/* Native if the driver can, else generic; returns the link or -errno, having shown why. */
static int attach(struct datapath_bpf *b, struct bpf_interface *interface, unsigned int index,
		  char why[DATAPATH_WHY_SIZE])
{
	int native = create_link(b, index, XDP_FLAGS_DRV_MODE), generic;

	why[0] = '\0';
	if (native >= 0)
		return native;
	explain_native(native, interface->shown.name, why);
	/* Where another program is attached, in whatever mode, this finds it too. */
	generic = create_link(b, index, XDP_FLAGS_SKB_MODE);
	if (generic == -EBUSY || generic == -EEXIST)
		show_busy(b, interface, index);
	else if (generic < 0)
		show_none(b, interface, "%.120s; nor generic XDP: %s", why, strerror(-generic));
	return generic;
}

static void take_up(struct datapath_bpf *b, struct bpf_interface *interface, unsigned int index)
{
	char path[BPF_PATH_SIZE], why[DATAPATH_WHY_SIZE];
	_cleanup_fd_ int link = attach(b, interface, index, why);
	int err;

	if (link < 0)
		return;
	write_path(b, interface->shown.name, path);
	err = bpf_obj_pin(link, path);
	if (err) {
		show_none(b, interface, "cannot pin %.100s: %s", path, strerror(-err));
		return;
	}
	interface->link = take_fd(&link);
	show(b, interface, why[0] ? DATAPATH_GENERIC : DATAPATH_NATIVE, why);
}

static void drop_link(const struct datapath_bpf *b, struct bpf_interface *interface)
{
	char path[BPF_PATH_SIZE];

	write_path(b, interface->shown.name, path);
	unlink(path);
	close(take_fd(&interface->link));
}

/* The link stays, only its program changes: there is no packet that neither of them judges. */
static void adopt_link(struct datapath_bpf *b, struct bpf_interface *interface,
		       enum datapath_mode mode)
{
	int err = bpf_link_update(interface->link, b->program, NULL);

	if (err)
		log_warning("%s: keeps the program of an earlier start: %s; to replace it, stop "
			    "once with --detach-on-exit",
			    interface->shown.name, strerror(-err));
	show(b, interface, mode,
	     mode == DATAPATH_NATIVE ?
		     "" :
		     "so an earlier start attached it; detach it to try native XDP again");
}

static bool is_named(const struct datapath_bpf *b, const char *path)
{
	char mine[BPF_PATH_SIZE];

	for (size_t i = 0; i < b->n_interfaces; i++) {
		write_path(b, b->interfaces[i].shown.name, mine);
		if (strcmp(mine, path) == 0)
			return true;
	}
	return false;
}

static void for_each_link(struct datapath_bpf *b,
			  void (*visit)(struct datapath_bpf *b, const char *path, void *data),
			  void *data)
{
	DIR *dir = opendir(b->links);
	const struct dirent *entry;
	char path[BPF_PATH_SIZE];

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%.*s/%.60s", BPF_DIR_SIZE, b->links, entry->d_name);
		visit(b, path, data);
	}
	closedir(dir);
}

/* An interface whose link may be pinned by a former name, and where. */
struct search {
	unsigned int index;
	char path[BPF_PATH_SIZE]; /* "": nowhere */
};

static void find_by_index(struct datapath_bpf *b, const char *path, void *data)
{
	_cleanup_fd_ int fd = bpf_pin_open(path, "link");
	struct search *search = data;
	struct bpf_link_info info;

	if (fd < 0 || is_named(b, path) || read_link(fd, &info) || info.type != BPF_LINK_TYPE_XDP ||
	    info.xdp.ifindex != search->index)
		return;
	if (query_mode(search->index, info.prog_id) != DATAPATH_NONE)
		snprintf(search->path, sizeof(search->path), "%s", path);
}

/* An interface renamed since an earlier start runs our program: only the pin's name is wrong. */
static void rename_pin(struct datapath_bpf *b, unsigned int index, const char *path)
{
	struct search search = {.index = index};

	if (index)
		for_each_link(b, find_by_index, &search);
	if (search.path[0] && rename(search.path, path) == 0)
		log_info("%s is now %s, as its interface is", search.path, path);
}

/* Looks for the link of an earlier controller. False: what is there is not ours to replace. */
static bool find_pinned(struct datapath_bpf *b, struct bpf_interface *interface, unsigned int index)
{
	struct bpf_link_info info;
	char path[BPF_PATH_SIZE];
	int fd;

	write_path(b, interface->shown.name, path);
	fd = bpf_pin_open(path, "link");
	if (fd == -ENOENT) {
		rename_pin(b, index, path);
		fd = bpf_pin_open(path, "link");
	}
	if (fd == -ENOENT)
		return true;
	if (fd >= 0 && read_link(fd, &info) == 0 && info.type == BPF_LINK_TYPE_XDP) {
		interface->link = fd;
		return true;
	}
	if (fd >= 0)
		close(fd);
	show_none(b, interface, "%.120s is no XDP link: remove it", path);
	return false;
}

/* True: the link is on the interface that now has the name, or must wait; nothing is to be done. */
static bool keep_link(struct datapath_bpf *b, struct bpf_interface *interface, unsigned int index,
		      bool adopted)
{
	struct bpf_link_info info;
	enum datapath_mode mode;

	if (read_link(interface->link, &info) || !info.xdp.ifindex ||
	    (index && index != info.xdp.ifindex)) {
		drop_link(b, interface);
		return false;
	}
	if (!index) {
		show_none(b, interface, "renamed or moved; limits go on there, as interface %u",
			  info.xdp.ifindex);
		return true;
	}
	/* Indexes are a namespace's own: the same one may be another's interface. */
	mode = query_mode(index, info.prog_id);
	if (mode == DATAPATH_NONE) {
		show_none(b, interface, "its pinned link is another network namespace's");
		close(take_fd(&interface->link));
	} else if (adopted || interface->shown.mode == DATAPATH_NONE) {
		adopt_link(b, interface, mode);
	}
	return true;
}

static void tend_interface(struct datapath_bpf *b, struct bpf_interface *interface)
{
	unsigned int index = if_nametoindex(interface->shown.name);
	bool adopted = interface->link < 0;

	if (interface->link < 0 && !find_pinned(b, interface, index))
		return;
	if (interface->link >= 0 && keep_link(b, interface, index, adopted))
		return;
	if (index)
		take_up(b, interface, index);
	else
		show_none(b, interface, "there is no such interface");
}

void bpf_links_tend(struct datapath_bpf *b)
{
	for (size_t i = 0; i < b->n_interfaces; i++)
		tend_interface(b, &b->interfaces[i]);
}

static void report_unnamed(struct datapath_bpf *b, const char *path, void *data)
{
	_cleanup_fd_ int fd = bpf_pin_open(path, "link");
	struct bpf_link_info info;
	char name[IF_NAMESIZE] = "?";

	(void)data;
	if (is_named(b, path) || fd < 0 || read_link(fd, &info))
		return;
	if (!info.xdp.ifindex) {
		unlink(path);
		return;
	}
	if_indextoname(info.xdp.ifindex, name);
	log_warning("%s: packets are limited by an earlier start, though it is not named now: "
		    "name it, or detach it with rm %s",
		    name, path);
}

static void detach(struct datapath_bpf *b, const char *path, void *data)
{
	_cleanup_fd_ int fd = bpf_pin_open(path, "link");
	int err;

	(void)b;
	(void)data;
	if (fd < 0)
		return;
	err = bpf_link_detach(fd);
	if (err && err != -ENOLINK)
		log_warning("cannot detach %s: %s", path, strerror(-err));
	unlink(path);
}

void bpf_links_report_unnamed(struct datapath_bpf *b)
{
	for_each_link(b, report_unnamed, NULL);
}

void bpf_links_detach(struct datapath_bpf *b)
{
	for_each_link(b, detach, NULL);
}

void bpf_links_close(struct datapath_bpf *b)
{
	for (size_t i = 0; i < b->n_interfaces; i++) {
		int fd = take_fd(&b->interfaces[i].link);

		if (fd >= 0)
			close(fd);
	}
}
