/* The packet path in the kernel: opened, published, counted, closed. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "datapath/bpf_priv.h"

static struct datapath_bpf *bpf_of(struct datapath *datapath)
{
	return (struct datapath_bpf *)datapath;
}

int bpf_off(struct datapath_bpf *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(b->base.off, sizeof(b->base.off), format, args);
	va_end(args);
	return DATAPATH_E_OFF;
}

static int publish(struct datapath *datapath, const struct sluice_tables *tables)
{
	struct datapath_bpf *b = bpf_of(datapath);

	return b->object ? bpf_maps_publish(b, tables) : 0;
}

/* Sums one entry of a per-CPU map, whose value is n u64, over all CPUs: nothing while off. */
static int sum_cpus(const struct datapath_bpf *b, int map, uint32_t key, uint64_t *sum, size_t n)
{
	uint64_t *values;
	int err;

	memset(sum, 0, n * sizeof(*sum));
	if (!b->object)
		return 0;
	values = calloc((size_t)b->cpus * n, sizeof(*values));
	if (!values)
		return -ENOMEM;
	err = bpf_map_lookup_elem(map, &key, values);
	for (size_t i = 0; !err && i < (size_t)b->cpus * n; i++)
		sum[i % n] += values[i];
	free(values);
	return err;
}

static int counts(struct datapath *datapath, uint32_t slot, struct sluice_counts *ret)
{
	const struct datapath_bpf *b = bpf_of(datapath);
	uint64_t sum[sizeof(*ret) / sizeof(uint64_t)];
	int err = sum_cpus(b, b->counts, slot, sum, sizeof(sum) / sizeof(sum[0]));

	if (!err)
		memcpy(ret, sum, sizeof(*ret));
	return err;
}

static int reasons(struct datapath *datapath, struct sluice_reasons *ret)
{
	const struct datapath_bpf *b = bpf_of(datapath);
	uint64_t sum[sizeof(*ret) / sizeof(uint64_t)];
	int err = sum_cpus(b, b->reasons, 0, sum, sizeof(sum) / sizeof(sum[0]));

	if (!err)
		memcpy(ret, sum, sizeof(*ret));
	return err;
}

static int times(struct datapath *datapath, struct sluice_times *ret)
{
	const struct datapath_bpf *b = bpf_of(datapath);
	uint64_t sum[sizeof(*ret) / sizeof(uint64_t)];
	int err = sum_cpus(b, b->times, 0, sum, sizeof(sum) / sizeof(sum[0]));

	if (!err)
		memcpy(ret, sum, sizeof(*ret));
	return err;
}

static int clear_counts(struct datapath *datapath, uint32_t slot)
{
	const struct datapath_bpf *b = bpf_of(datapath);
	struct sluice_counts *zeros;
	int err;

	if (!b->object)
		return 0;
	zeros = calloc((size_t)b->cpus, sizeof(*zeros));
	if (!zeros)
		return -ENOMEM;
	err = bpf_map_update_elem(b->counts, &slot, zeros, BPF_ANY);
	free(zeros);
	return err;
}

static void tend(struct datapath *datapath)
{
	struct datapath_bpf *b = bpf_of(datapath);

	if (b->object)
		bpf_links_tend(b);
}

static size_t interfaces(struct datapath *datapath, struct datapath_interface *ret, size_t n)
{
	struct datapath_bpf *b = bpf_of(datapath);

	pthread_mutex_lock(&b->lock);
	for (size_t i = 0; i < b->n_interfaces && i < n; i++)
		ret[i] = b->interfaces[i].shown;
	pthread_mutex_unlock(&b->lock);
	return b->n_interfaces;
}

static void close_bpf(struct datapath *datapath, bool detach)
{
	struct datapath_bpf *b = bpf_of(datapath);

	bpf_links_close(b);
	bpf_sample_close(b);
	if (detach && b->object) {
		bpf_links_detach(b);
		bpf_maps_unpin(b);
		bpf_place_remove(b);
	}
	bpf_maps_close(b);
	bpf_lock_release(b);
	pthread_mutex_destroy(&b->lock);
	datapath_done(&b->base);
	free(b);
}

static const struct datapath_ops bpf_ops = {
	.publish = publish,
	.counts = counts,
	.clear_counts = clear_counts,
	.reasons = reasons,
	.times = times,
	.tend = tend,
	.interfaces = interfaces,
	.close = close_bpf,
};

static void name_interfaces(struct datapath_bpf *b, const struct datapath_config *config)
{
	assert(config->n_interfaces <= DATAPATH_INTERFACES_MAX);
	for (size_t i = 0; i < config->n_interfaces; i++) {
		struct bpf_interface *interface = &b->interfaces[b->n_interfaces++];

		assert(strlen(config->interfaces[i]) < IF_NAMESIZE);
		snprintf(interface->shown.name, IF_NAMESIZE, "%s", config->interfaces[i]);
		interface->link = -1;
	}
}

static int start(struct datapath_bpf *b, const struct datapath_config *config)
{
	int err = bpf_place_name(b, config->pin_dir);

	if (!err && !b->n_interfaces && !bpf_place_count_links(b))
		err = bpf_off(b, "no interface is named: start with --iface NAME");
	if (!err)
		err = bpf_place_check(b);
	if (!err)
		err = bpf_place_make(b);
	if (!err)
		err = bpf_maps_load(b, config->lines);
	return err;
}

/* Lets go of what was half made; what was pinned before stays in force. */
static void give_up(struct datapath_bpf *b)
{
	bpf_maps_close(b);
	bpf_place_remove(b);
	bpf_lock_release(b);
	for (size_t i = 0; i < b->n_interfaces; i++)
		snprintf(b->interfaces[i].shown.why, DATAPATH_WHY_SIZE, "%s", b->base.off);
	log_write(b->n_interfaces ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
		  "packets are not limited: %s", b->base.off);
}

static void begin(struct datapath_bpf *b)
{
	size_t dropped = datapath_adopt(&b->base);

	if (dropped)
		log_warning("%s: %zu limits of packets had contradicting state there, and count "
			    "anew",
			    b->pins, dropped);
	bpf_links_tend(b);
	bpf_links_report_unnamed(b);
	bpf_sample_start(b);
	/* Last: a start killed before it leaves the earlier program, of the same maps. */
	bpf_program_pin(b);
}

int datapath_open_bpf(const struct datapath_config *config, struct datapath **ret)
{
	struct datapath_bpf *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return -ENOMEM;
	err = datapath_init(&b->base, &bpf_ops);
	if (err) {
		free(b);
		return err;
	}
	b->base.slots = b->no_slots;
	b->lock_fd = b->program = -1;
	pthread_mutex_init(&b->lock, NULL);
	bpf_sample_init(b);
	name_interfaces(b, config);
	if (start(b, config))
		give_up(b);
	else
		begin(b);
	*ret = &b->base;
	return 0;
}
