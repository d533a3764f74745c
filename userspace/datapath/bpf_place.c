/* Whether packets can be limited here at all, and the directories that the pins lie in. */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/buf.h"
#include "datapath/bpf_priv.h"

#define BPFFS "/sys/fs/bpf"

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

bool bpf_place_has_links(const struct datapath_bpf *b)
{
	DIR *dir = opendir(b->links);
	const struct dirent *entry;
	bool found = false;

	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		found = entry->d_name[0] != '.';
	closedir(dir);
	return found;
}

/* Without CAP_PERFMON the verifier takes no offset into a packet that a header has a say in. */
static const struct {
	const char *name;
	unsigned int bit;
	bool or_admin; /* CAP_SYS_ADMIN stands for it too */
	bool to_load;  /* needless where a program is pinned */
} rights[] = {
	{"CAP_BPF", CAP_BPF, true, false},
	{"CAP_PERFMON", CAP_PERFMON, true, true},
	{"CAP_NET_ADMIN", CAP_NET_ADMIN, false, false},
};

/* Where they cannot be read the kernel's own answer has to do. */
static uint64_t read_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &header, data) < 0)
		return ~0ULL;
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

static int check_rights(struct datapath_bpf *b)
{
	uint64_t have = read_capabilities();
	bool admin = have >> CAP_SYS_ADMIN & 1, enough = true;
	char text[DATAPATH_WHY_SIZE];
	struct buf missing;

	buf_init_fixed(&missing, text, sizeof(text));
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		if ((have >> rights[i].bit & 1) || (rights[i].or_admin && admin))
			continue;
		buf_printf(&missing, " %s", rights[i].name);
		enough = enough && rights[i].to_load;
	}
	b->may_load = !missing.len;
	if (enough)
		return 0;
	return bpf_off(b, "this process lacks%s", text);
}

/* By how much the monotonic clock of this process is off the kernel's own. */
static void read_clock_offset(long long *ret_seconds, long long *ret_nanoseconds)
{
	static const char name[] = "monotonic";
	FILE *file = fopen("/proc/self/timens_offsets", "re");
	char line[128];
	char *end;

	*ret_seconds = *ret_nanoseconds = 0;
	if (!file)
		return; /* a kernel without time namespaces */
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)) != 0)
			continue;
		*ret_seconds = strtoll(line + strlen(name), &end, 10);
		*ret_nanoseconds = strtoll(end, NULL, 10);
	}
	fclose(file);
}

/* Rules carry times that the program compares with the kernel's own clock. */
static int check_clock(struct datapath_bpf *b)
{
	long long seconds, nanoseconds;

	read_clock_offset(&seconds, &nanoseconds);
	if (!seconds && !nanoseconds)
		return 0;
	return bpf_off(b,
		       "this process is in a time namespace, whose clock is %lld s off the one "
		       "that packets are judged by",
		       seconds);
}

int bpf_place_check(struct datapath_bpf *b)
{
	int err = check_rights(b);

	return err ? err : check_clock(b);
}

/* The nearest directory above `path`, or itself, that is there. */
static int stat_nearest(const char *path, struct statfs *ret)
{
	char at[BPF_DIR_SIZE];
	char *slash;

	snprintf(at, sizeof(at), "%s", path);
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
	struct statfs fs = {0};
	int err = stat_nearest(b->pin_dir, &fs);

	if (!err && (unsigned long)fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (err)
		return bpf_off(b, "cannot look at %.100s: %s%s", b->pin_dir, strerror(-err),
			       hint_of(err, b->pin_dir));
	if (is_below(b->pin_dir, BPFFS))
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
