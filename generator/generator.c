/* Prepares the flow, loads the program that sends it, and runs that at the pace asked for. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "generator/flow.h"
#include "generator/generator.h"
#include "generator/link.h"

enum {
	SINGLES = 512,        /* as dear as waiting for RCU */
	BATCH = 64,           /* frames between two passes of the receiver */
	CHUNK = 64 << 10,     /* frames a step sends at most: 13 ms at 5 million a second */
	BEHIND_NS = 20000000, /* what is due longer than this is left out */
	PROOF_NS = 200000000, /* by when the other end must have taken something */
	SECOND_NS = 1000000000,
};

struct generator {
	struct bpf_object *object;
	int program;
	int link;  /* -1: none */
	int state; /* the map of the program's struct flow_state */
	uint32_t ifindex;
	uint32_t frame_bytes;
	uint64_t dropped_before; /* by the interface */
	uint64_t taken_before;
	uint64_t busy_ns;  /* sending and receiving, by the kernel's count */
	uint64_t first_ns; /* when the first frame was sent; 0: none was */
	bool proved;       /* the other end takes frames */
	uint64_t pps;
	uint64_t pace_ns; /* frame i after this is due 1/pps later than frame i - 1 */
	uint64_t paced;   /* frames since, left out or sent; below pps */
	uint8_t frame[GENERATOR_BYTES_MAX];
};

extern const char generator_flow_begin[], generator_flow_end[];

/* The program's object, as built. */
asm(".section .rodata\n"
    ".balign 8\n"
    ".global generator_flow_begin, generator_flow_end\n"
    "generator_flow_begin: .incbin \"" GENERATOR_FLOW_OBJECT "\"\n"
    "generator_flow_end:\n"
    ".previous\n");

static uint64_t read_clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

__attribute__((format(printf, 3, 4))) static int fail(int err, char *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, GENERATOR_ERROR_SIZE, format, args);
	va_end(args);
	return err;
}

/* Only what was made to be flooded. */
static int check_interface(const struct generator_spec *spec, struct generator *g, char *error)
{
	struct link_facts facts;
	bool first;
	int err;

	g->ifindex = if_nametoindex(spec->interface);
	err = g->ifindex ? link_query(g->ifindex, &facts) : -ENODEV;
	if (err)
		return fail(err, error, "%s: %s", spec->interface, strerror(-err));
	if (strcmp(facts.kind, "veth") != 0)
		return fail(-EPERM, error, "%s is no veth: refusing to flood it", spec->interface);
	first = link_in_first_namespace();
	if (first || !facts.peer_elsewhere)
		return fail(-EPERM, error, "%s %s: refusing to flood it", spec->interface,
			    first ? "is in the network namespace of process 1" :
				    "has its peer in its own network namespace");
	if (!facts.up)
		return fail(-ENETDOWN, error, "%s is down", spec->interface);
	g->dropped_before = facts.tx_dropped;
	g->taken_before = facts.tx_packets;
	return 0;
}

static int check_spec(const struct generator_spec *spec, struct generator *g, char *error)
{
	uint32_t least = FLOW_HEAD6_BYTES;

	if (spec->family != 4 && spec->family != 6)
		return fail(-EINVAL, error, "family must be 4 or 6");
	if (spec->family == 4)
		least = GENERATOR_BYTES_MIN;
	g->frame_bytes = spec->bytes ? spec->bytes : least;
	if (g->frame_bytes < least || g->frame_bytes > GENERATOR_BYTES_MAX)
		return fail(-EINVAL, error, "a frame has %u to %u bytes", least,
			    GENERATOR_BYTES_MAX);
	return 0;
}

static uint32_t sum_words(uint32_t sum, const void *words, size_t n)
{
	const uint8_t *bytes = words;
	uint16_t word;

	for (size_t i = 0; i < n; i++) {
		memcpy(&word, bytes + 2 * i, sizeof(word));
		sum += word;
	}
	return (sum & 0xffff) + (sum >> 16);
}

/* Payload is zero, which adds nothing to a sum; sums in the head are zero yet. */
static void fill_sums(struct flow *flow)
{
	const uint8_t *ip = (const uint8_t *)flow->head + FLOW_ETH_BYTES;
	bool v4 = flow->family == 4;
	const uint8_t *udp = ip + (v4 ? FLOW_IP4_BYTES : FLOW_IP6_BYTES);
	uint32_t sum = htons(IPPROTO_UDP);

	sum = sum_words(sum, udp + 4, 1); /* the length, as in the pseudo header */
	sum = sum_words(sum, udp, FLOW_UDP_BYTES / 2);
	flow->udp_sum = sum_words(sum, v4 ? ip + 12 : ip + 8, v4 ? 4 : 16);
	flow->ip_sum = v4 ? sum_words(0, ip, FLOW_IP4_BYTES / 2) : 0;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void fill_eth(uint8_t *eth, const struct generator_spec *spec)
{
	static const uint8_t src_mac[6] = {0x02, 0, 0, 0, 0, 0x01}, none[6];

	memset(eth, 0xff, 6);
	if (memcmp(spec->dst_mac, none, sizeof(none)) != 0)
		memcpy(eth, spec->dst_mac, 6);
	memcpy(eth + 6, src_mac, 6);
	put16(eth + 12, spec->family == 4 ? 0x0800 : 0x86dd);
}

/* Without the word of the source that varies. */
static void fill_ip4(uint8_t *ip, const struct generator_spec *spec, uint32_t bytes)
{
	ip[0] = 0x45;
	put16(ip + 2, bytes);
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 16, spec->dst, 4);
}

static void fill_ip6(uint8_t *ip, const struct generator_spec *spec, uint32_t bytes)
{
	ip[0] = 0x60;
	put16(ip + 4, bytes - FLOW_IP6_BYTES);
	ip[6] = IPPROTO_UDP;
	ip[7] = 64;
	memcpy(ip + 8, spec->src, 16);
	memset(ip + 12, 0, 4);
	memcpy(ip + 24, spec->dst, 16);
}

static struct flow make_flow(const struct generator_spec *spec, const struct generator *g)
{
	struct flow flow = {
		.ifindex = g->ifindex,
		.src_word = get32(spec->family == 4 ? spec->src : spec->src + 4),
		.sources = spec->sources ? spec->sources : 1,
		.in_turn = spec->in_turn,
		.family = spec->family,
	};
	uint8_t *eth = (uint8_t *)flow.head, *ip = eth + FLOW_ETH_BYTES;
	uint8_t *udp = ip + (spec->family == 4 ? FLOW_IP4_BYTES : FLOW_IP6_BYTES);
	uint32_t ip_bytes = g->frame_bytes - FLOW_ETH_BYTES;

	fill_eth(eth, spec);
	if (spec->family == 4)
		fill_ip4(ip, spec, ip_bytes);
	else
		fill_ip6(ip, spec, ip_bytes);
	put16(udp, spec->src_port);
	put16(udp + 2, spec->dst_port);
	put16(udp + 4, ip_bytes - (uint32_t)(udp - ip));
	fill_sums(&flow);
	return flow;
}

static int set_initial(struct bpf_object *object, const char *map, const void *value, size_t bytes)
{
	struct bpf_map *m = bpf_object__find_map_by_name(object, map);

	return m ? bpf_map__set_initial_value(m, value, bytes) : -ENOENT;
}

static int load_program(struct generator *g, const struct flow *flow,
			const struct flow_state *state)
{
	struct bpf_program *program;
	int err;

	g->object = bpf_object__open_mem(generator_flow_begin,
					 (size_t)(generator_flow_end - generator_flow_begin), NULL);
	if (!g->object)
		return -errno;
	err = set_initial(g->object, ".rodata", flow, sizeof(*flow));
	if (!err)
		err = set_initial(g->object, ".bss", state, sizeof(*state));
	if (!err)
		err = bpf_object__load(g->object);
	if (err)
		return err;
	program = bpf_object__find_program_by_name(g->object, "flow_send");
	g->program = program ? bpf_program__fd(program) : -ENOENT;
	g->state = bpf_object__find_map_fd_by_name(g->object, ".bss");
	return g->program < 0 ? g->program : g->state < 0 ? g->state : 0;
}

/*
 * A run of a program that no interface has waits twice for RCU, some 20 ms: so it gets one, the
 * very one it sends to, where it does nothing. Another generator may have been first: never mind.
 */
static void attach_here(struct generator *g)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);

	g->link = bpf_link_create(g->program, (int)g->ifindex, BPF_XDP, &opts);
}

int generator_start(const struct generator_spec *spec, struct generator **ret,
		    char error[GENERATOR_ERROR_SIZE])
{
	struct generator *g = calloc(1, sizeof(*g));
	struct flow_state state;
	struct flow flow;
	int err;

	if (!g)
		return fail(-ENOMEM, error, "out of memory");
	g->link = -1;
	g->pps = spec->pps;
	state = (struct flow_state){.random = spec->seed ? spec->seed : read_clock_ns()};
	err = check_spec(spec, g, error);
	if (!err)
		err = check_interface(spec, g, error);
	if (!err) {
		flow = make_flow(spec, g);
		err = load_program(g, &flow, &state);
		if (err)
			fail(err, error, "cannot load the sending program: %s", strerror(-err));
	}
	if (err) {
		generator_stop(g);
		return err;
	}
	attach_here(g);
	*ret = g;
	return 0;
}

void generator_stop(struct generator *g)
{
	if (!g)
		return;
	if (g->link >= 0)
		close(g->link);
	bpf_object__close(g->object);
	free(g);
}

/* How many frames are due; 0: *ret_wait_ns until one is. */
static uint32_t count_due(struct generator *g, uint64_t now_ns, uint64_t *ret_wait_ns)
{
	uint64_t next_ns, due;

	*ret_wait_ns = 0;
	if (g->pps == 0)
		return CHUNK;
	if (g->pace_ns == 0)
		g->pace_ns = now_ns;
	for (; g->paced >= g->pps; g->paced -= g->pps)
		g->pace_ns += SECOND_NS;
	next_ns = g->pace_ns + g->paced * SECOND_NS / g->pps;
	if (now_ns < next_ns) {
		*ret_wait_ns = next_ns - now_ns;
		return 0;
	}
	if (now_ns - next_ns > BEHIND_NS) {
		g->pace_ns = now_ns - BEHIND_NS;
		g->paced = 0;
	}
	due = (now_ns - g->pace_ns) * g->pps / SECOND_NS + 1 - g->paced;
	return due < CHUNK ? (uint32_t)due : CHUNK;
}

static int send_run(struct generator *g, uint32_t frames)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = g->frame, .data_size_in = g->frame_bytes,
		    .repeat = (int)frames, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		    .batch_size = frames < BATCH ? frames : BATCH);
	int err = bpf_prog_test_run_opts(g->program, &opts);

	/* The mean, without what other threads took between batches. */
	g->busy_ns += err ? 0 : (uint64_t)opts.duration * frames;
	/* A signal ends a run early; the program has counted what was sent. */
	return err == -EINTR ? 0 : err;
}

/* Runs of one frame never wait for RCU. */
static int send_frames(struct generator *g, uint32_t frames)
{
	int err = 0;

	if (g->link >= 0 || frames > SINGLES)
		return send_run(g, frames);
	for (uint32_t i = 0; i < frames && !err; i++)
		err = send_run(g, 1);
	return err;
}

static int read_state(const struct generator *g, struct flow_state *ret)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(g->state, &zero, ret);
}

/*
 * The kernel drops in silence what it redirects to an end that is not ready. Half of the frames
 * must have been taken: a few packets of its own go out through any interface.
 */
static int prove_link(struct generator *g, uint64_t now_ns)
{
	struct link_facts facts;
	struct flow_state state;
	int err;

	if (!g->first_ns)
		g->first_ns = now_ns;
	err = read_state(g, &state);
	if (!err)
		err = link_query(g->ifindex, &facts);
	if (err)
		return err;
	g->proved = 2 * (facts.tx_packets - g->taken_before) >= state.frames;
	return g->proved || now_ns - g->first_ns < PROOF_NS ? 0 : -ENOTCONN;
}

int generator_step(struct generator *g, uint64_t *ret_wait_ns)
{
	uint64_t now_ns = read_clock_ns();
	uint32_t due = count_due(g, now_ns, ret_wait_ns);
	int err;

	if (due == 0)
		return 0;
	err = send_frames(g, due);
	if (err)
		return err;
	g->paced += g->pps ? due : 0;
	return g->proved ? 0 : prove_link(g, now_ns);
}

int generator_count(const struct generator *g, struct generator_count *ret)
{
	struct flow_state state;
	struct link_facts facts;
	uint64_t dropped;
	int err = read_state(g, &state);

	if (!err)
		err = link_query(g->ifindex, &facts);
	if (err)
		return err;
	dropped = facts.tx_dropped - g->dropped_before;
	ret->sent = state.frames > dropped ? state.frames - dropped : 0;
	ret->busy_ns = g->busy_ns;
	return 0;
}
