/* Finds a time's bucket, and writes the histogram as Prometheus reads it. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "metrics/times.h"

#define NS_PER_S 1000000000ULL

/* Inclusive, as "le" says. */
static const struct bound {
	uint64_t ns;
	const char *seconds;
} bounds[TIMES_BOUNDS] = {
	{500, "0.0000005"}, {1000, "0.000001"}, {2000, "0.000002"}, {5000, "0.000005"},
	{10000, "0.00001"}, {20000, "0.00002"}, {50000, "0.00005"}, {100000, "0.0001"},
	{200000, "0.0002"}, {500000, "0.0005"}, {1000000, "0.001"}, {2000000, "0.002"},
	{5000000, "0.005"}, {10000000, "0.01"}, {50000000, "0.05"}, {100000000, "0.1"},
	{1000000000, "1"},
};

void times_add(struct counters *counters, size_t first, uint64_t ns)
{
	size_t bucket = 0;

	while (bucket < TIMES_BOUNDS && ns > bounds[bucket].ns)
		bucket++;
	counters_add(counters, first + bucket, 1);
	counters_add(counters, first + TIMES_BOUNDS + 1, ns);
}

void times_read(const struct counters *counters, size_t first, struct times *ret)
{
	for (size_t i = 0; i <= TIMES_BOUNDS; i++)
		ret->buckets[i] = counters_read(counters, first + i);
	ret->sum_ns = counters_read(counters, first + TIMES_BOUNDS + 1);
}

void times_write(const struct times *times, const char *name, const struct exposition_label *label,
		 struct exposition *out)
{
	struct exposition_label labels[] = {*label, {"le", "+Inf"}};
	uint64_t count = 0;
	char part[64], sum[48];

	snprintf(part, sizeof(part), "%s_bucket", name);
	for (size_t i = 0; i < TIMES_BOUNDS; i++) {
		count += times->buckets[i];
		labels[1].value = bounds[i].seconds;
		exposition_u64(out, part, labels, 2, count);
	}
	count += times->buckets[TIMES_BOUNDS];
	labels[1].value = "+Inf";
	exposition_u64(out, part, labels, 2, count);
	snprintf(part, sizeof(part), "%s_sum", name);
	snprintf(sum, sizeof(sum), "%llu.%09llu", (unsigned long long)(times->sum_ns / NS_PER_S),
		 (unsigned long long)(times->sum_ns % NS_PER_S));
	exposition_text(out, part, label, 1, sum);
	/* Of the same readings as the buckets, so that it is the last one's. */
	snprintf(part, sizeof(part), "%s_count", name);
	exposition_u64(out, part, label, 1, count);
}
