/* The command line of build/generator. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "generator/generator.h"

struct options {
	struct generator_spec spec;
	const char *netns;    /* below /run/netns; NULL: stay */
	int cpu;              /* -1: any */
	uint64_t duration_ns; /* UINT64_MAX: until a signal */
	uint64_t every_ns;    /* 0: one report, at the end */
};

/* 0; 1 when help was printed; -EINVAL when stderr has been told what is wrong. */
int options_parse(int argc, char **argv, struct options *ret);
