/* The backend in the kernel: what its files share. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/fd.h"
#include "datapath/datapath_priv.h"

enum {
	BPF_DIR_SIZE = 256,
	BPF_PATH_SIZE = BPF_DIR_SIZE + 64, /* a directory and an escaped interface or map name */
};

/* One named interface. Only who opens or tends writes it; `shown` also under the lock. */
struct bpf_interface {
	struct datapath_interface shown;
	int link; /* -1: none */
};

/* Has a packet timed now and then. A program that is kept counts where we do not look. */
struct bpf_sampler {
	pthread_mutex_t lock; /* guards tables and stop */
	pthread_cond_t wake;
	struct sluice_tables *tables; /* in force, its first page; NULL: none yet, or not to be had */
	bool stop;
	bool running;
	pthread_t thread;
};

struct datapath_bpf {
	struct datapath base;
	pthread_mutex_t lock; /* guards what interfaces show */
	char pin_dir[BPF_DIR_SIZE];
	char pins[BPF_DIR_SIZE];   /* of this layout, below pin_dir */
	char links[BPF_DIR_SIZE];  /* below pins */
	int lock_fd;               /* of pins; -1: not ours to touch */
	bool may_load;             /* programs: else a pinned one is kept */
	int program;               /* -1: none */
	struct bpf_object *object; /* owns the descriptors of maps */
	int tables, counts, reasons, times;
	uint32_t tables_btf_key, tables_btf_value; /* so that each new one shows its fields */
	int cpus;
	struct bpf_interface interfaces[DATAPATH_INTERFACES_MAX];
	size_t n_interfaces;
	struct bpf_sampler sampler;
	struct sluice_slot no_slots[SLUICE_RULES_MAX]; /* while there is no map of them */
};

/*
 * Functions that may find out that packets cannot be limited here return 0 or DATAPATH_E_OFF, and
 * then base.off says why.
 */
int bpf_off(struct datapath_bpf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* bpf_object.c: the compiled programs, inside this binary. */
extern const char bpf_object_start[], bpf_object_end[];

/* bpf_place.c: where the pins are, and whether rights and clock are right. */
/* Fills the three directories; they need not exist. */
int bpf_place_name(struct datapath_bpf *b, const char *pin_dir);
/* Links pinned there; 0 also where nothing can be read. */
size_t bpf_place_count_links(const struct datapath_bpf *b);
/* The pin directory, or the nearest above it that is there; and what file system that is on. */
int bpf_place_nearest(const struct datapath_bpf *b, char at[BPF_DIR_SIZE], struct statfs *ret);
/* Whether the pins are where bpffs is mounted, also by us. */
bool bpf_place_is_default(const struct datapath_bpf *b);
/* Whether this process may limit packets, perhaps load, and reads the kernel's clock. */
int bpf_place_check(struct datapath_bpf *b);
/*
 * Mounts bpffs if it is not, makes the directories and locks them; waits a moment for a controller
 * that is stopping.
 */
int bpf_place_make(struct datapath_bpf *b);
/*
 * Removes those directories that are empty, if locked by us; pin_dir only if it can be made
 * again.
 */
void bpf_place_remove(struct datapath_bpf *b);

/* bpf_lock.c: one controller a pin directory, for as long as its process holds it. */
/* 0; -EAGAIN: another holds it, or is removing it. */
int bpf_lock_try(struct datapath_bpf *b);
/* Says who holds it. */
int bpf_lock_refuse(struct datapath_bpf *b);
/* Its pid; 0: cannot tell. */
unsigned long bpf_lock_holder(const struct datapath_bpf *b);
void bpf_lock_release(struct datapath_bpf *b);

/* bpf_program.c: the program in force, and its pin. */
/* Without the right to load one: that of the pins, whose maps are adopted; loading then skips it. */
int bpf_program_keep(struct datapath_bpf *b);
/* There is none to keep: says what to do. */
int bpf_program_off(struct datapath_bpf *b);
/* After loading: a descriptor of our own, unless one is kept. */
int bpf_program_take(struct datapath_bpf *b);
/* Replaces the pin by what was loaded, in one step; what fails is only logged. */
void bpf_program_pin(struct datapath_bpf *b);
void bpf_program_unpin(struct datapath_bpf *b);
void bpf_program_close(struct datapath_bpf *b);

/* bpf_maps.c: programs and maps, new or adopted from the pins. */
/* `lines` of a new map; 0: the default. Fills base up to datapath_adopt(), and the descriptors. */
int bpf_maps_load(struct datapath_bpf *b, uint32_t lines);
int bpf_maps_publish(struct datapath_bpf *b, const struct sluice_tables *tables);
void bpf_maps_unpin(struct datapath_bpf *b);
void bpf_maps_close(struct datapath_bpf *b);

/* bpf_sample.c: how long packets take. */
void bpf_sample_init(struct datapath_bpf *b);
void bpf_sample_start(struct datapath_bpf *b);
/* These tables are in force: packets are timed through them from now on. */
void bpf_sample_published(struct datapath_bpf *b, int fd);
void bpf_sample_close(struct datapath_bpf *b);

/* bpf_links.c: programs on interfaces. */
/* Brings every interface to where it should be: at first, and later once a second. */
void bpf_links_tend(struct datapath_bpf *b);
/* Says what goes on although nobody names it any more. */
void bpf_links_report_unnamed(struct datapath_bpf *b);
/* Detaches and unpins every link, also those of interfaces no longer named. */
void bpf_links_detach(struct datapath_bpf *b);
void bpf_links_close(struct datapath_bpf *b);

/* bpf_say.c: what libbpf and the kernel have to say. */
/* Keeps libbpf from printing; what it says next is kept for bpf_said() in this thread. */
void bpf_listen(void);
/* The first complaint since then, or the verifier's verdict; "" if none. */
const char *bpf_said(void);

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Opens a pin that must be of this kind, "map", "prog" or "link". -errno; -EMEDIUMTYPE: of another. */
int bpf_pin_open(const char *path, const char *kind);
