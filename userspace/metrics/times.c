/* Finds a time's bucket, and writes the histogram as Prometheus reads it. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "metrics/times.h"

#define NS_PER_S 1000000000ULL

/* Inclusive, as "le" says. */
static const struct bound {
	uint64_t ns;
	const char *seconds;
} bounds[SLUICE_TIMES_N] = {
#define TIMES_ROW(ns, seconds) {ns, seconds},
	SLUICE_TIMES_BOUNDS(TIMES_ROW)
#undef TIMES_ROW
};

void times_add(struct counters *counters, size_t first, uint64_t ns)
{
	size_t bucket = 0;

	while (bucket < SLUICE_TIMES_N && ns > bounds[bucket].ns)
		bucket++;
	counters_add(counters, first + bucket, 1);
	counters_add(counters, first + SLUICE_TIMES_N + 1, ns);
}

void times_read(const struct counters *counters, size_t first, struct sluice_times *ret)
{
	for (size_t i = 0; i <= SLUICE_TIMES_N; i++)
		ret->buckets[i] = counters_read(counters, first + i);
	ret->sum_ns = counters_read(counters, first + SLUICE_TIMES_N + 1);
}

void times_write(const struct sluice_times *times, const char *name,
		 const struct exposition_label *label, struct exposition *out)
{
	struct exposition_label labels[] = {*label, {"le", "+Inf"}};
	uint64_t count = 0;
	char part[64], sum[48];

	snprintf(part, sizeof(part), "%s_bucket", name);
	for (size_t i = 0; i < SLUICE_TIMES_N; i++) {
		count += times->buckets[i];
		labels[1].value = bounds[i].seconds;
		exposition_u64(out, part, labels, 2, count);
	}
	count += times->buckets[SLUICE_TIMES_N];
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
