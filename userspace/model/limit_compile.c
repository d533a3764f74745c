/* Turns a limit into the integers of its words, or says which number would fit. */
/* SPDX-License-Identifier: MIT */
#include "base/number.h"
#include "model/limit_priv.h"

static struct sluice_spec spec_of(const struct limit *limit)
{
	return (struct sluice_spec){
		.limit = limit->limit,
		.burst = limit->burst_given ? limit->burst : 0,
		.interval_ns = limit->interval_ns,
		.cost_min = limit->unit == LIMIT_BYTES ? SLUICE_BYTES_COST_MIN : 1,
		.algorithm = limit->algorithm,
	};
}

/* The largest *value (part of *spec) that does not fail for `reason`; 0 if all do. */
static uint64_t find_largest(struct sluice_spec *spec, __u64 *value, int reason)
{
	uint64_t fits = 0, fails = *value;
	struct sluice_params params;

	while (fails - fits > 1) {
		uint64_t middle = fits + (fails - fits) / 2;

		*value = middle;
		if (sluice_params_compile(spec, 0, &params) == reason)
			fails = middle;
		else
			fits = middle;
	}
	return fits;
}

static int refuse_limit(const struct limit *limit, struct sluice_spec *spec, int reason,
			struct field_error *error)
{
	char interval[DURATION_TEXT_SIZE];

	spec->burst = 0;
	duration_format(limit->interval_ns, interval);
	return limit_refuse(error, "limit", "must be at most %llu for %s with an interval of %s",
			    (unsigned long long)find_largest(spec, &spec->limit, reason),
			    limit_choice_text(limit_algorithms, limit->algorithm), interval);
}

static int refuse_burst(const struct limit *limit, struct sluice_spec *spec, int reason,
			struct field_error *error)
{
	char interval[DURATION_TEXT_SIZE];

	spec->burst = limit->burst;
	duration_format(limit->interval_ns, interval);
	return limit_refuse(error, "burst", "must be at most %llu for a limit of %llu per %s",
			    (unsigned long long)find_largest(spec, &spec->burst, reason),
			    (unsigned long long)limit->limit, interval);
}

/* Fewer bytes would hold back every full-size packet for ever. */
static int check_frame(const struct limit *limit, const struct sluice_params *params,
		       struct field_error *error)
{
	if (limit->unit != LIMIT_BYTES || params->burst >= LIMIT_FRAME_BYTES)
		return 0;
	return limit_refuse(error, "burst",
			    "%s%llu bytes: give at least %d, a full-size packet, or such "
			    "packets never pass",
			    limit->burst_given ? "is " : "follows the limit of ",
			    (unsigned long long)params->burst, LIMIT_FRAME_BYTES);
}

int limit_compile(const struct limit *limit, uint64_t utc_offset_ns, struct field_error *error,
		  struct sluice_params *ret)
{
	struct sluice_spec spec = spec_of(limit);
	struct sluice_params params;
	int reason = sluice_params_compile(&spec, utc_offset_ns, &params);
	int r;

	switch (reason) {
	case 0:
		r = check_frame(limit, &params, error);
		if (r == 0)
			*ret = params;
		return r;
	case SLUICE_PARAMS_E_LIMIT_ZERO:
		return limit_refuse(error, "limit", "must be at least 1");
	case SLUICE_PARAMS_E_INTERVAL:
		return limit_refuse(error, "interval", "must be from \"1ms\" to \"365d\"");
	case SLUICE_PARAMS_E_BURST_WINDOW:
		return limit_refuse(error, "burst",
				    "must equal the limit (%llu) or be left out: %s has no burst",
				    (unsigned long long)limit->limit,
				    limit_choice_text(limit_algorithms, limit->algorithm));
	case SLUICE_PARAMS_E_BURST:
		return refuse_burst(limit, &spec, reason, error);
	default:
		return refuse_limit(limit, &spec, reason, error);
	}
}
