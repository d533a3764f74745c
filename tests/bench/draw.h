/* Writes a random source into a frame of BPF_PROG_TEST_RUN, which is the same each time. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

enum {
	DRAW_SOURCES = 8000000,
	DRAW_FIRST = 10 << 24, /* 10.0.0.0 */
	DRAW_SRC_AT = 14 + 12,
	DRAW_BYTES = 60,
};

#ifdef __bpf__

/* One CPU at a time draws. */
__u64 draw_state = 88172645463325252ULL;

static __always_inline int draw_source(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 x = draw_state;

	if (data + DRAW_BYTES > end)
		return -1;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	draw_state = x;
	x = (x >> 32) * DRAW_SOURCES >> 32;
	*(__be32 *)(data + DRAW_SRC_AT) = __builtin_bswap32(DRAW_FIRST + (__u32)x);
	return 0;
}

#endif
