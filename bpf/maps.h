/* The maps of the packet path, and how code that also runs natively reaches them. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

#include <sluice/counts.h>
#include <sluice/layout.h>
#include <sluice/line.h>
#include <sluice/tables.h>

#include "clock.h"

/*
 * The controller sets the number of lines before it loads, makes the tables anew for every change,
 * and pins all maps by these names (<sluice/layout.h>). Natively whoever includes this defines the
 * five functions.
 */
#ifdef __bpf__

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sluice_line);
} lines SEC(".maps");

struct tables_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sluice_tables);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct tables_map);
} tables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLUICE_RULES_MAX);
	__type(key, __u32);
	__type(value, struct sluice_counts);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sluice_reasons);
} reasons SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct clock_cache);
} clocks SEC(".maps");

/* Read and written by the controller only; here so that they are made with the rest. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SLUICE_RULES_MAX);
	__type(key, __u32);
	__type(value, struct sluice_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sluice_meta);
} meta SEC(".maps");

static __always_inline struct sluice_tables *map_tables(void)
{
	__u32 zero = 0;
	void *inner = bpf_map_lookup_elem(&tables, &zero);

	return inner ? bpf_map_lookup_elem(inner, &zero) : NULL;
}

static __always_inline struct sluice_line *map_line(__u32 index)
{
	return bpf_map_lookup_elem(&lines, &index);
}

static __always_inline struct sluice_counts *map_counts(__u32 slot)
{
	return bpf_map_lookup_elem(&counts, &slot);
}

static __always_inline struct sluice_reasons *map_reasons(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&reasons, &zero);
}

static __always_inline struct clock_cache *map_clock(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&clocks, &zero);
}

#else

const struct sluice_tables *map_tables(void);
struct sluice_line *map_line(__u32 index);
struct sluice_counts *map_counts(__u32 slot);
struct sluice_reasons *map_reasons(void);
struct clock_cache *map_clock(void);

#endif
