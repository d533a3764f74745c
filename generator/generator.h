/* Sends UDP frames of many sources into a veth, millions a second, from one thread. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Frames are made by an XDP program that BPF_PROG_TEST_RUN runs in "live frames" mode: it writes
 * the headers and redirects the frame into the interface, with no socket and no skb. The other end
 * of the veth must have a native XDP program, which then sees the frames on the CPU that sends
 * them; pin the thread to choose it.
 *
 * It floods, so it refuses all but a veth whose peer is in another network namespace, seen from a
 * namespace that is not the one of process 1: no real network is ever its target.
 *
 * Needs CAP_BPF (or CAP_SYS_ADMIN), CAP_NET_ADMIN, Linux 5.18. All calls come from one thread that
 * is in the interface's network namespace throughout.
 */

enum {
	GENERATOR_BYTES_MIN = 60, /* IPv6: 62 */
	GENERATOR_BYTES_MAX = 1514,
	GENERATOR_ERROR_SIZE = 160,
};

struct generator_spec {
	const char *interface;
	uint8_t dst_mac[6]; /* all zero: broadcast */
	uint8_t family;     /* 4 or 6 */
	bool in_turn;       /* each source after the other; else at random */
	uint8_t src[16];    /* first source, as on the wire. The next differ in the last bits of
			     * an IPv4 address, in the last of the /64 of an IPv6 one */
	uint8_t dst[16];
	uint32_t sources; /* 0: 1 */
	uint16_t src_port;
	uint16_t dst_port;
	uint16_t bytes; /* of a frame with its Ethernet header; 0: GENERATOR_BYTES_MIN */
	uint64_t pps;   /* 0: as fast as it goes */
	uint64_t seed;  /* of random sources; 0: the clock's */
};

struct generator;

/*
 * Loads the program. 0, -EINVAL (the spec), -EPERM (rights, or an interface it will not flood), or
 * another -errno; error then says what a person must know.
 */
int generator_start(const struct generator_spec *spec, struct generator **ret,
		    char error[GENERATOR_ERROR_SIZE]);

/*
 * Sends what is due, at most for some 20 ms, and sets *ret_wait_ns to how long nothing more is due
 * (0 if unpaced). What could not be sent within 20 ms of when it was due is left out, so the pace
 * is never exceeded to catch up. 0, or -errno: -ENOTCONN when the other end takes no frames.
 */
int generator_step(struct generator *generator, uint64_t *ret_wait_ns);

/*
 * Since the start. Frames that the other end has taken: those sent less those the interface had to
 * drop, where other senders' drops count too. busy_ns is what sending and receiving them took,
 * without the preparations of each run and the time that other threads took in between: it may be
 * compared where the CPU is shared.
 */
struct generator_count {
	uint64_t sent;
	uint64_t busy_ns;
};

/* 0 or -errno. */
int generator_count(const struct generator *generator, struct generator_count *ret);

/* NULL is fine. */
void generator_stop(struct generator *generator);
