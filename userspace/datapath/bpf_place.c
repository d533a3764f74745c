/* Whether packets can be limited here at all, and the directories that the pins lie in. */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>

#include "base/buf.h"
#include "datapath/bpf_priv.h"
#include "datapath/look.h"

#define BPFFS    "/sys/fs/bpf"
#define NS_PER_S 1000000000

/* For a controller that is stopping. */
enum { WAIT_MS = 2000, WAIT_STEP_MS = 20 };

int bpf_place_name(struct datapath_bpf *b, const char *pin_dir)
{
	/* 16: for what is put behind it. */
	if (strlen(pin_dir) > sizeof(b->pin_dir) - 16)
		return bpf_off(b, "the pin directory's name is too long");
	snprintf(b->pin_dir, sizeof(b->pin_dir), "%s", pin_dir);
	snprintf(b->pins, sizeof(b->pins), "%.*s/v%d", BPF_DIR_SIZE - 16, pin_dir, SLUICE_LAYOUT);
	snprintf(b->links, sizeof(b->links), "%.*s/v%d/links", BPF_DIR_SIZE - 16, pin_dir,
		 SLUICE_LAYOUT);
	return 0;
}

size_t bpf_place_count_links(const struct datapath_bpf *b)
{
	DIR *dir = opendir(b->links);
	const struct dirent *entry;
	size_t n = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static int check_rights(struct datapath_bpf *b)
{
	struct datapath_right rights[DATAPATH_RIGHTS];
	char text[DATAPATH_WHY_SIZE];
	bool enough = true;
	struct buf missing;

	datapath_look_rights(rights);
	buf_init_fixed(&missing, text, sizeof(text));
	for (size_t i = 0; i < DATAPATH_RIGHTS; i++) {
		if (rights[i].held)
			continue;
		buf_printf(&missing, " %s", rights[i].name);
		enough = enough && rights[i].to_load;
	}
	b->may_load = !missing.len;
	if (enough)
		return 0;
	return bpf_off(b, "this process lacks%s", text);
}

/* Rules carry times that the program compares with the kernel's own clock. */
static int check_clock(struct datapath_bpf *b)
{
	int64_t offset_ns = datapath_look_clock();

	if (!offset_ns)
		return 0;
	return bpf_off(b,
		       "this process is in a time namespace, whose clock is %lld s off the one "
		       "that packets are judged by",
		       (long long)(offset_ns / NS_PER_S));
}

int bpf_place_check(struct datapath_bpf *b)
{
	int err = check_rights(b);

	return err ? err : check_clock(b);
}

int bpf_place_nearest(const struct datapath_bpf *b, char at[BPF_DIR_SIZE], struct statfs *ret)
{
	char *slash;

	snprintf(at, BPF_DIR_SIZE, "%s", b->pin_dir);
	while (statfs(at, ret) < 0) {
		slash = strrchr(at, '/');
		if (errno != ENOENT || !slash)
			return -errno;
		slash[slash == at] = '\0';
	}
	return 0;
}

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return strncmp(path, top, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

bool bpf_place_is_default(const struct datapath_bpf *b)
{
	return is_below(b->pin_dir, BPFFS);
}

static int mount_bpffs(struct datapath_bpf *b)
{
	if (mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") == 0)
		return 0;
	if (errno == EPERM)
		return bpf_off(b, "no bpffs is mounted, and mounting it takes CAP_SYS_ADMIN: "
				  "mount -t bpf bpf " BPFFS);
	return bpf_off(b, "cannot mount bpffs at " BPFFS ": %s", strerror(errno));
}

/* A bpffs refuses such a name also to whoever only looks for it. */
static const char *hint_of(int err, const char *path)
{
	return err == -EPERM && strchr(path, '.') ? " (a bpffs takes no dots in names)" : "";
}

static int find_bpffs(struct datapath_bpf *b)
{
	char at[BPF_DIR_SIZE];
	struct statfs fs = {0};
	int err = bpf_place_nearest(b, at, &fs);

	if (!err && (unsigned long)fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (err)
		return bpf_off(b, "cannot look at %.100s: %s%s", b->pin_dir, strerror(-err),
			       hint_of(err, b->pin_dir));
	if (bpf_place_is_default(b))
		return mount_bpffs(b);
	return bpf_off(b, "the pin directory %.100s is not on a bpffs", b->pin_dir);
}

static int make_dir(struct datapath_bpf *b, const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) == 0 ||
	    (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
		return 0;
	if (errno == ENOENT)
		return -EAGAIN; /* the one above has just been removed */
	return bpf_off(b, "cannot make the directory %.100s: %s%s", path, strerror(errno),
		       hint_of(-errno, path));
}

static int make_parents(struct datapath_bpf *b)
{
	char at[BPF_DIR_SIZE];
	int err = 0;

	snprintf(at, sizeof(at), "%s", b->pin_dir);
	for (char *slash = strchr(at + 1, '/'); slash && !err; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		/* One above that may not even be looked at is not ours to make. */
		if (access(at, F_OK) < 0 && errno == ENOENT)
			err = make_dir(b, at);
		*slash = '/';
	}
	return err;
}

/* 0; -EAGAIN: another controller holds them, or is removing them. */
static int make_and_lock(struct datapath_bpf *b)
{
	int err = make_parents(b);

	if (!err)
		err = make_dir(b, b->pin_dir);
	if (!err)
		err = make_dir(b, b->pins);
	if (!err)
		err = bpf_lock_try(b);
	return err ? err : make_dir(b, b->links);
}

int bpf_place_make(struct datapath_bpf *b)
{
	static const struct timespec step = {.tv_nsec = WAIT_STEP_MS * 1000000L};
	int err = find_bpffs(b);

	if (err)
		return err;
	err = make_and_lock(b);
	for (int left = WAIT_MS; err == -EAGAIN && left > 0; left -= WAIT_STEP_MS) {
		nanosleep(&step, NULL);
		err = make_and_lock(b);
	}
	return err == -EAGAIN ? bpf_lock_refuse(b) : err;
}

/* Whether another start could make it: else somebody made it for us, and it stays. */
static bool is_ours_to_make(const char *path)
{
	const char *slash = strrchr(path, '/');
	char parent[BPF_DIR_SIZE];

	if (!slash)
		return access(".", W_OK) == 0;
	snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path) + (slash == path), path);
	return access(parent, W_OK) == 0;
}

/* Only what is empty goes. */
void bpf_place_remove(struct datapath_bpf *b)
{
	if (b->lock_fd < 0)
		return;
	rmdir(b->links);
	rmdir(b->pins);
	if (is_ours_to_make(b->pin_dir))
		rmdir(b->pin_dir);
}
