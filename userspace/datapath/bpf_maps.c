/* Programs and maps: loaded anew, or the pinned state of an earlier controller adopted. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/random.h"
#include "datapath/bpf_priv.h"

#define META "meta"

/* How long packets took means something with the program that took it: it is not pinned. */
#define TIMES "times"

/* How the operator gets rid of pins that cannot be adopted. */
#define ADVICE "use another pin directory, or remove this one to start afresh"

static void write_path(const struct datapath_bpf *b, const char *name, char path[BPF_PATH_SIZE])
{
	snprintf(path, BPF_PATH_SIZE, "%s/%s", b->pins, name);
}

static struct bpf_map *find_map(const struct datapath_bpf *b, const char *name)
{
	return bpf_object__find_map_by_name(b->object, name);
}

static bool is_pinned(const struct bpf_map *map)
{
	return !bpf_map__is_internal(map) && strcmp(bpf_map__name(map), TIMES) != 0;
}

static int open_object(struct datapath_bpf *b)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "sluice");
	struct bpf_map *inner;

	bpf_listen();
	b->object = bpf_object__open_mem(bpf_object_start,
					 (size_t)(bpf_object_end - bpf_object_start), &options);
	if (!b->object)
		return bpf_off(b, "libbpf cannot read the program: %s", bpf_said());
	/* Loading lets go of the template. */
	inner = bpf_map__inner_map(find_map(b, "tables"));
	b->tables_btf_key = bpf_map__btf_key_type_id(inner);
	b->tables_btf_value = bpf_map__btf_value_type_id(inner);
	return 0;
}

/* NULL, or in which way a pinned map is not the one that the program wants. */
static const char *find_difference(const struct bpf_map *map, const struct bpf_map_info *info)
{
	bool sized = strcmp(bpf_map__name(map), "lines") == 0;

	if (info->type != bpf_map__type(map))
		return "type";
	if (info->key_size != bpf_map__key_size(map))
		return "key size";
	if (info->value_size != bpf_map__value_size(map))
		return "value size";
	if (info->map_flags != bpf_map__map_flags(map))
		return "flags";
	return sized || info->max_entries == bpf_map__max_entries(map) ? NULL : "size";
}

static int adopt_map(struct datapath_bpf *b, struct bpf_map *map)
{
	struct bpf_map_info info = {0};
	const char *difference;
	__u32 len = sizeof(info);
	char path[BPF_PATH_SIZE];
	_cleanup_fd_ int fd = -1;
	int err;

	write_path(b, bpf_map__name(map), path);
	fd = bpf_pin_open(path, "map");
	if (fd == -EMEDIUMTYPE)
		return bpf_off(b, "%.100s is no map: " ADVICE, path);
	if (fd < 0)
		return bpf_off(b, "cannot open %.100s: %s", path, strerror(-fd));
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (err)
		return bpf_off(b, "cannot look at %.100s: %s", path, strerror(-err));
	difference = find_difference(map, &info);
	if (difference)
		return bpf_off(b, "%.100s has another %s: " ADVICE, path, difference);
	err = bpf_map__reuse_fd(map, fd);
	return err ? bpf_off(b, "cannot take %.100s: %s", path, strerror(-err)) : 0;
}

/* Before anything in the others is believed. */
static int check_meta(struct datapath_bpf *b)
{
	uint32_t zero = 0, lines = bpf_map__max_entries(find_map(b, "lines"));
	struct sluice_meta meta;
	int err = bpf_map_lookup_elem(bpf_map__fd(find_map(b, META)), &zero, &meta);

	if (err)
		return bpf_off(b, "cannot read %.100s/" META ": %s", b->pins, strerror(-err));
	if (meta.layout != SLUICE_LAYOUT)
		return bpf_off(b, "%.80s holds layout %u, this version reads %d: " ADVICE, b->pins,
			       meta.layout, SLUICE_LAYOUT);
	if (meta.lines != lines || lines < DATAPATH_LINES_MIN || lines > DATAPATH_LINES_MAX)
		return bpf_off(b, "%.80s says %u bucket lines, and the map has %u: " ADVICE,
			       b->pins, meta.lines, lines);
	return 0;
}

static int adopt_pins(struct datapath_bpf *b, uint32_t lines)
{
	struct bpf_map *map;
	uint32_t have;
	int err = 0;

	bpf_object__for_each_map(map, b->object)
	{
		if (!err && is_pinned(map))
			err = adopt_map(b, map);
	}
	if (!err)
		err = check_meta(b);
	if (err)
		return err;
	have = bpf_map__max_entries(find_map(b, "lines"));
	if (lines && lines != have)
		log_warning("%s keeps its packet memory of %u KiB; for %u KiB stop once with "
			    "--detach-on-exit, which forgets all buckets",
			    b->pins, have / 16, lines / 16);
	return 0;
}

static int load_object(struct datapath_bpf *b)
{
	int err;

	bpf_listen();
	err = bpf_object__load(b->object);
	if (err == -EPERM)
		return bpf_off(b,
			       "the kernel forbids it (%.100s); in a container's user "
			       "namespace capabilities are not enough",
			       bpf_said());
	if (err)
		return bpf_off(b, "the kernel does not take the program: %s", bpf_said());
	b->tables = bpf_map__fd(find_map(b, "tables"));
	b->counts = bpf_map__fd(find_map(b, "counts"));
	b->reasons = bpf_map__fd(find_map(b, "reasons"));
	b->times = bpf_map__fd(find_map(b, TIMES));
	b->cpus = libbpf_num_possible_cpus();
	if (b->cpus <= 0)
		return bpf_off(b, "cannot tell how many CPUs there may be");
	return bpf_program_take(b);
}

static int write_meta(struct datapath_bpf *b)
{
	struct sluice_meta meta = {.layout = SLUICE_LAYOUT,
				   .lines = bpf_map__max_entries(find_map(b, "lines"))};
	uint32_t zero = 0;
	int err;

	random_bytes(meta.seed, sizeof(meta.seed));
	err = bpf_map_update_elem(bpf_map__fd(find_map(b, META)), &zero, &meta, BPF_ANY);
	return err ? bpf_off(b, "cannot write " META ": %s", strerror(-err)) : 0;
}

static int pin_map(struct datapath_bpf *b, const struct bpf_map *map)
{
	char path[BPF_PATH_SIZE];
	int err;

	write_path(b, bpf_map__name(map), path);
	err = bpf_obj_pin(bpf_map__fd(map), path);
	return err ? bpf_off(b, "cannot pin %.100s: %s", path, strerror(-err)) : 0;
}

/* meta comes last: whoever is killed before it leaves pins that nobody takes for whole. */
static int pin_maps(struct datapath_bpf *b)
{
	struct bpf_map *map, *meta = find_map(b, META);
	int err = 0;

	bpf_object__for_each_map(map, b->object)
	{
		if (!err && map != meta && is_pinned(map))
			err = pin_map(b, map);
	}
	return err ? err : pin_map(b, meta);
}

/* The other way round, for the same reason; no program outlives its maps. */
void bpf_maps_unpin(struct datapath_bpf *b)
{
	char path[BPF_PATH_SIZE];
	struct bpf_map *map;

	write_path(b, META, path);
	unlink(path);
	bpf_program_unpin(b);
	bpf_object__for_each_map(map, b->object)
	{
		write_path(b, bpf_map__name(map), path);
		unlink(path);
	}
}

static int make_maps(struct datapath_bpf *b, uint32_t lines)
{
	static const struct sluice_tables *const none;
	int err;

	if (bpf_place_count_links(b))
		return bpf_off(b, "%.100s holds links and no " META ": " ADVICE, b->pins);
	if (!b->may_load)
		return bpf_program_off(b);
	bpf_maps_unpin(b);
	bpf_map__set_max_entries(find_map(b, "lines"), lines ? lines : DATAPATH_LINES_DEFAULT);
	err = load_object(b);
	if (!err)
		err = write_meta(b);
	if (err)
		return err;
	err = bpf_maps_publish(b, none);
	if (err)
		return bpf_off(b, "cannot make tables: %s", strerror(-err));
	err = pin_maps(b);
	if (err)
		bpf_maps_unpin(b);
	return err;
}

/* Tables that are in force stay so until the first limits are applied. */
static int keep_tables(struct datapath_bpf *b)
{
	uint32_t zero = 0, id;
	int err = bpf_map_lookup_elem(b->tables, &zero, &id);

	if (err == -ENOENT)
		err = bpf_maps_publish(b, NULL);
	return err ? bpf_off(b, "cannot read the tables in force: %s", strerror(-err)) : 0;
}

static int adopt_maps(struct datapath_bpf *b, uint32_t lines)
{
	int err = adopt_pins(b, lines);

	if (!err && !b->may_load)
		err = bpf_program_keep(b);
	if (!err)
		err = load_object(b);
	return err ? err : keep_tables(b);
}

/* NULL on failure. */
static void *map_memory(const struct datapath_bpf *b, const char *name, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			    bpf_map__fd(find_map(b, name)), 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static size_t size_lines(const struct datapath_bpf *b)
{
	return (size_t)b->base.n_lines * sizeof(struct sluice_line);
}

static int fill_base(struct datapath_bpf *b)
{
	struct sluice_meta meta;
	struct sluice_slot *slots;
	uint32_t zero = 0;
	int err = bpf_map_lookup_elem(bpf_map__fd(find_map(b, META)), &zero, &meta);

	if (err)
		return bpf_off(b, "cannot read " META ": %s", strerror(-err));
	memcpy(b->base.seed, meta.seed, sizeof(meta.seed));
	b->base.n_lines = meta.lines;
	b->base.lines = map_memory(b, "lines", size_lines(b));
	slots = map_memory(b, "slots", SLUICE_RULES_MAX * sizeof(*slots));
	if (!b->base.lines || !slots)
		return bpf_off(b, "cannot map the bucket lines: %s", strerror(errno));
	b->base.slots = slots;
	return 0;
}

int bpf_maps_load(struct datapath_bpf *b, uint32_t lines)
{
	char path[BPF_PATH_SIZE];
	int err = open_object(b);

	write_path(b, META, path);
	if (err)
		return err;
	if (access(path, F_OK) == 0)
		err = adopt_maps(b, lines);
	else if (errno == ENOENT)
		err = make_maps(b, lines);
	else
		err = bpf_off(b, "cannot look at %.100s: %s", path, strerror(errno));
	return err ? err : fill_base(b);
}

static int fill_tables(int fd, const struct sluice_tables *tables)
{
	struct sluice_tables *memory =
		mmap(NULL, sizeof(*memory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	memcpy(memory, tables, sizeof(*memory));
	munmap(memory, sizeof(*memory));
	return 0;
}

/* NULL: no limits. The update returns only once no CPU reads the tables before. */
int bpf_maps_publish(struct datapath_bpf *b, const struct sluice_tables *tables)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE,
		    .btf_fd = (__u32)bpf_object__btf_fd(b->object),
		    .btf_key_type_id = b->tables_btf_key, .btf_value_type_id = b->tables_btf_value);
	_cleanup_fd_ int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sluice_tables", sizeof(__u32),
					     sizeof(*tables), 1, &options);
	uint32_t zero = 0;
	int err = 0;

	if (fd < 0)
		return fd;
	if (tables)
		err = fill_tables(fd, tables);
	if (!err)
		err = bpf_map_update_elem(b->tables, &zero, &fd, BPF_ANY);
	if (!err)
		bpf_sample_published(b, fd);
	return err;
}

void bpf_maps_close(struct datapath_bpf *b)
{
	if (b->base.lines)
		munmap(b->base.lines, size_lines(b));
	if (b->base.slots != b->no_slots)
		munmap(b->base.slots, SLUICE_RULES_MAX * sizeof(struct sluice_slot));
	b->base.lines = NULL;
	b->base.n_lines = 0;
	b->base.slots = b->no_slots;
	bpf_program_close(b);
	bpf_object__close(b->object);
	b->object = NULL;
}
