/* The program `demo`: a flood and an honest source beside it, in numbers, once a second. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "generator/generator.h"

enum {
	HOST_RECEIVER = 1, /* the last number of each address */
	HOST_HONEST = 2,
	HOST_FLOOD = 66,
	HONEST_PPS = 50,
	TEXT_SIZE = 32,
};

static const uint64_t second_ns = 1000000000;

struct demo {
	const char *netns;    /* of the senders: a path */
	const char *sender;   /* their end of the veth */
	const char *receiver; /* the other end, in this namespace */
	uint8_t mac[6];       /* of the receiver */
	uint32_t network;     /* a /24, host order */
	uint16_t port;
	uint64_t flood_pps;
	uint64_t began_ns;
	atomic_uint_fast64_t flood_sent;
	atomic_uint_fast64_t honest_sent;
	atomic_bool failed;
};

/* What came out behind the program. */
struct seen {
	uint64_t flood;
	uint64_t honest;
};

static atomic_bool stopping;

static void stop_all(int signal)
{
	(void)signal;
	stopping = true;
}

static uint64_t read_clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * second_ns + (uint64_t)t.tv_nsec;
}

static void rest(uint64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / second_ns), .tv_nsec = (long)(ns % second_ns)};

	if (ns)
		nanosleep(&t, NULL);
}

static struct sockaddr_in address_of(const struct demo *demo, unsigned int host, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(demo->network + host),
	};
}

static int enter(const char *netns)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 || setns(fd, CLONE_NEWNET) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

static void fail(struct demo *demo, const char *what, const char *why)
{
	fprintf(stderr, "demo: %s: %s\n", what, why);
	demo->failed = true;
	stopping = true;
}

static int start_flood(struct demo *demo, struct generator **ret)
{
	struct generator_spec spec = {
		.interface = demo->sender,
		.family = 4,
		.dst_port = demo->port,
		.pps = demo->flood_pps,
	};
	struct sockaddr_in src = address_of(demo, HOST_FLOOD, 0);
	struct sockaddr_in dst = address_of(demo, HOST_RECEIVER, 0);
	char error[GENERATOR_ERROR_SIZE] = "";
	int err;

	memcpy(spec.src, &src.sin_addr, 4);
	memcpy(spec.dst, &dst.sin_addr, 4);
	memcpy(spec.dst_mac, demo->mac, sizeof(spec.dst_mac));
	err = generator_start(&spec, ret, error);
	if (err)
		fail(demo, "flood", error);
	return err;
}

static void *run_flood(void *arg)
{
	struct demo *demo = arg;
	struct generator *generator;
	struct generator_count count;
	uint64_t wait_ns;
	int err = enter(demo->netns);

	if (err) {
		fail(demo, "flood", strerror(-err));
		return NULL;
	}
	if (start_flood(demo, &generator))
		return NULL;
	while (!stopping && !err) {
		err = generator_step(generator, &wait_ns);
		if (!err)
			err = generator_count(generator, &count);
		if (!err)
			demo->flood_sent = count.sent;
		rest(wait_ns < second_ns / 10 ? wait_ns : second_ns / 10);
	}
	generator_stop(generator);
	if (err)
		fail(demo, "flood", strerror(-err));
	return NULL;
}

static int connect_honest(const struct demo *demo)
{
	struct sockaddr_in from = address_of(demo, HOST_HONEST, 0);
	struct sockaddr_in to = address_of(demo, HOST_RECEIVER, demo->port);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && (bind(fd, (struct sockaddr *)&from, sizeof(from)) ||
			connect(fd, (struct sockaddr *)&to, sizeof(to)))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void *run_honest(void *arg)
{
	struct demo *demo = arg;
	int err = enter(demo->netns);
	int fd = err ? -1 : connect_honest(demo);
	struct timespec due;

	if (fd < 0) {
		fail(demo, "honest source", strerror(err ? -err : errno));
		return NULL;
	}
	/* Half a pause after each full second: none is on its way when a second is counted. */
	due = (struct timespec){.tv_sec = (time_t)(demo->began_ns / second_ns),
				.tv_nsec = (long)(demo->began_ns % second_ns)};
	due.tv_nsec += (long)(second_ns / HONEST_PPS / 2);
	while (!stopping) {
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
		if (send(fd, "hello", 5, 0) == 5)
			demo->honest_sent++;
		due.tv_nsec += (long)(second_ns / HONEST_PPS);
		due.tv_sec += due.tv_nsec / (long)second_ns;
		due.tv_nsec %= (long)second_ns;
	}
	close(fd);
	return NULL;
}

/* Everything IPv4 that the receiving interface hands to the kernel. */
static int open_tap(const struct demo *demo)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex(demo->receiver),
	};
	int bytes = 4 << 20;
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (!address.sll_ifindex || bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Somebody must listen, or the kernel answers each packet. What arrives there is left to lie. */
static int open_sink(const struct demo *demo)
{
	struct sockaddr_in address = address_of(demo, HOST_RECEIVER, demo->port);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void count_seen(const struct demo *demo, int tap, struct seen *seen)
{
	struct sockaddr_ll from;
	socklen_t from_len = sizeof(from);
	struct iphdr ip;

	while (recvfrom(tap, &ip, sizeof(ip), MSG_TRUNC, (struct sockaddr *)&from, &from_len) >=
	       (ssize_t)sizeof(ip)) {
		uint32_t host = ntohl(ip.saddr) - demo->network;

		if (from.sll_pkttype == PACKET_OUTGOING || ip.protocol != IPPROTO_UDP)
			continue;
		seen->flood += host == HOST_FLOOD;
		seen->honest += host == HOST_HONEST;
		from_len = sizeof(from);
	}
}

/* What the tap had no room for came out behind the program, too: of the flood, in all likelihood. */
static void count_unread(int tap, struct seen *seen)
{
	struct tpacket_stats stats;
	socklen_t size = sizeof(stats);

	if (getsockopt(tap, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
		seen->flood += stats.tp_drops;
}

/* 1234567 as 1,234,567. */
static const char *group(uint64_t number, char text[TEXT_SIZE])
{
	char *at = text + TEXT_SIZE - 1;

	*at = '\0';
	for (int digits = 0; digits == 0 || number; digits++, number /= 10) {
		if (digits && digits % 3 == 0)
			*--at = ',';
		*--at = (char)('0' + number % 10);
	}
	return at;
}

/* Packets of one second lie on both sides of its edge: never more dropped than offered. */
static void print_row(const char *name, uint64_t offered, uint64_t passed)
{
	uint64_t dropped = offered > passed ? offered - passed : 0;
	char texts[3][TEXT_SIZE];

	printf("  %-16s %14s %14s %14s\n", name, group(offered, texts[0]), group(passed, texts[1]),
	       group(dropped, texts[2]));
}

/* What has happened since the last print; on a terminal in the place of that. */
static void print_second(struct demo *demo, const struct seen *seen, bool first)
{
	static struct seen last_sent, last_seen;
	struct seen sent = {.flood = demo->flood_sent, .honest = demo->honest_sent};

	if (first)
		printf("  %-16s %14s %14s %14s\n", "per second", "offered", "passed", "dropped");
	else if (isatty(STDOUT_FILENO) == 1)
		printf("\033[2A");
	print_row("flood, 1 source", sent.flood - last_sent.flood, seen->flood - last_seen.flood);
	print_row("honest source", sent.honest - last_sent.honest, seen->honest - last_seen.honest);
	fflush(stdout);
	last_sent = sent;
	last_seen = *seen;
}

static void watch(struct demo *demo, int tap)
{
	struct pollfd wait = {.fd = tap, .events = POLLIN};
	uint64_t due_ns = demo->began_ns + second_ns;
	struct seen seen = {0};
	bool first = true;

	while (!stopping) {
		poll(&wait, 1, 50);
		count_seen(demo, tap, &seen);
		if (read_clock_ns() < due_ns)
			continue;
		count_unread(tap, &seen);
		print_second(demo, &seen, first);
		first = false;
		due_ns += second_ns;
	}
}

static int parse_args(char **args, struct demo *demo)
{
	struct in_addr network;
	unsigned int *mac = (unsigned int[6]){0};

	demo->netns = args[1];
	demo->sender = args[2];
	demo->receiver = args[3];
	if (sscanf(args[4], "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
		   &mac[5]) != 6 ||
	    inet_pton(AF_INET, args[5], &network) != 1)
		return -EINVAL;
	for (int i = 0; i < 6; i++)
		demo->mac[i] = (uint8_t)mac[i];
	demo->network = ntohl(network.s_addr) & ~255U;
	demo->port = (uint16_t)strtoul(args[6], NULL, 10);
	demo->flood_pps = strtoull(args[7], NULL, 10);
	return demo->port && demo->flood_pps ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = stop_all};
	static struct demo demo;
	pthread_t flood, honest;
	int tap, sink;

	if (argc != 8 || parse_args(argv, &demo)) {
		fprintf(stderr,
			"usage: demo NETNS-PATH SENDER RECEIVER RECEIVER-MAC NETWORK/24 PORT "
			"FLOOD-PPS\n");
		return 2;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	tap = open_tap(&demo);
	sink = open_sink(&demo);
	if (tap < 0 || sink < 0) {
		fprintf(stderr, "demo: %s: %s\n", demo.receiver, strerror(errno));
		return 1;
	}
	demo.began_ns = read_clock_ns();
	if (pthread_create(&flood, NULL, run_flood, &demo) ||
	    pthread_create(&honest, NULL, run_honest, &demo))
		return 1;
	watch(&demo, tap);
	pthread_join(flood, NULL);
	pthread_join(honest, NULL);
	close(tap);
	close(sink);
	return demo.failed ? 1 : 0;
}
