/* Bounded reads from a frame: the same face over an XDP context and over plain memory. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/types.h>

/*
 * frame_load(frame, offset, ret) copies sizeof(*ret) bytes from `offset` and gives 0, or gives
 * nonzero and leaves *ret unspecified when they do not all lie before frame->end. The end is the
 * frame's at first; a parser lowers it to what an IP header says.
 *
 * Headers are read in place while they lie in the linear part. A driver may put any of them into
 * a later fragment of its buffer (xdp.frags); those few bytes then come through
 * bpf_xdp_load_bytes(). Copying the first 128 bytes at the start instead would still miss what a
 * sender pushes further back with long extension headers.
 */
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* Inside the kernel what many paths lead to is global, so that the verifier walks it once. */
#ifdef __bpf__
#define global_function __attribute__((noinline))
#else
#define global_function static inline
#endif

/* Above any offset a walk reaches: 22 + 40 + 6 * 2048. The verifier wants a bound it can see. */
enum { FRAME_OFFSET_MASK = 0x3fff };

/* Keeps the compiler from dropping a mask whose need only the verifier sees. */
#define frame_barrier(value) asm volatile("" : "+r"(value))

/* Kernels before 6.18 take the result of a byte swap as unbounded: hence barrier and mask. */
static __always_inline __u32 frame_be16(__be16 value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	__u32 swapped = __builtin_bswap16(value);
#else
	__u32 swapped = value;
#endif

	frame_barrier(swapped);
	return swapped & 0xffff;
}

#ifdef __bpf__

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct frame {
	struct xdp_md *ctx;
	void *data;
	void *data_end; /* of the linear part */
	__u32 bytes;
	__u32 end;
};

static __always_inline struct frame frame_of(struct xdp_md *ctx)
{
	__u32 bytes = (__u32)bpf_xdp_get_buff_len(ctx);

	return (struct frame){
		.ctx = ctx,
		.data = (void *)(long)ctx->data,
		.data_end = (void *)(long)ctx->data_end,
		.bytes = bytes,
		.end = bytes,
	};
}

/* A typed copy: memcpy from an unaligned pointer would become single-byte loads. */
#define frame_load(frame, offset, ret)                                                   \
	({                                                                               \
		__u32 at_ = (offset);                                                    \
		int err_ = -1;                                                           \
		frame_barrier(at_);                                                      \
		at_ &= FRAME_OFFSET_MASK;                                                \
		if (at_ + sizeof(*(ret)) <= (frame)->end) {                              \
			const typeof(*(ret)) *from_ = (frame)->data + at_;               \
			if ((void *)(from_ + 1) <= (frame)->data_end) {                  \
				*(ret) = *from_;                                         \
				err_ = 0;                                                \
			} else {                                                         \
				err_ = (int)bpf_xdp_load_bytes((frame)->ctx, at_, (ret), \
							       sizeof(*(ret)));          \
			}                                                                \
		}                                                                        \
		err_;                                                                    \
	})

#else

struct frame {
	const void *data;
	__u32 bytes;
	__u32 end;
};

static inline struct frame frame_of(const void *data, __u32 bytes)
{
	return (struct frame){.data = data, .bytes = bytes, .end = bytes};
}

#define frame_load(frame, offset, ret)                                             \
	({                                                                         \
		__u32 at_ = (offset)&FRAME_OFFSET_MASK;                            \
		int err_ = at_ + sizeof(*(ret)) <= (frame)->end ? 0 : -1;          \
		if (!err_)                                                         \
			__builtin_memcpy((ret), (const __u8 *)(frame)->data + at_, \
					 sizeof(*(ret)));                          \
		err_;                                                              \
	})

#endif
