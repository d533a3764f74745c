/* The backend in the kernel: pins made, adopted, refused and removed. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "bpf/nic.h"
#include "bpf/packets.h"
#include "bpf/sandbox.h"

static void open_fresh_pins_and_attaches(void **state)
{
	static const char *const names[] = {"lines",          "tables", "counts", "reasons",
					    "clocks",         "slots",  "meta",   "links/veth0",
					    "links/../lines", "program"};
	struct datapath_bpf *b;
	struct stat st;

	nic_need();
	b = nic_open_working();
	nic_assert_mode(b, DATAPATH_NATIVE, "");
	assert_int_not_equal(nic_program_on("veth0"), 0);
	assert_int_equal(nic_program_on("peer0"), 0);
	assert_int_equal(b->base.n_lines, NIC_LINES);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128];

		snprintf(path, sizeof(path), NIC_PINS "/%s", names[i]);
		if (!nic_is_there(path))
			fail_msg("no %s", path);
	}
	assert_int_equal(stat(NIC_PINS, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	datapath_close(&b->base, true);
}

static void open_fresh_lets_everything_pass(void **state)
{
	struct datapath_bpf *b;

	nic_need();
	b = nic_open_working();
	assert_int_equal(nic_count_passed(b, 3 * NIC_BURST), 3 * NIC_BURST);
	datapath_close(&b->base, true);
}

static void publish_puts_rules_in_force_and_counts(void **state)
{
	struct sluice_reasons reasons;
	struct sluice_counts counts;
	struct datapath_bpf *b;

	nic_need();
	b = nic_open_working();
	nic_publish_limit(b);
	assert_int_equal(nic_count_passed(b, 3 * NIC_BURST), NIC_BURST);
	assert_int_equal(b->base.ops->counts(&b->base, 0, &counts), 0);
	assert_int_equal(counts.allowed_packets, NIC_BURST);
	assert_int_equal(counts.denied_packets, 2 * NIC_BURST);
	assert_int_equal(b->base.ops->reasons(&b->base, &reasons), 0);
	assert_int_equal(reasons.refused, 2 * NIC_BURST);
	assert_int_equal(b->base.ops->clear_counts(&b->base, 0), 0);
	assert_int_equal(b->base.ops->counts(&b->base, 0, &counts), 0);
	assert_int_equal(counts.allowed_packets, 0);
	assert_int_equal(b->base.ops->counts(&b->base, SLUICE_RULES_MAX, &counts), -ENOENT);
	datapath_close(&b->base, true);
}

static uint64_t count_timed(struct datapath_bpf *b, uint64_t *ret_sum_ns)
{
	struct sluice_times times;
	uint64_t n = 0;

	assert_int_equal(datapath_times(&b->base, &times), 0);
	for (size_t i = 0; i <= SLUICE_TIMES_N; i++)
		n += times.buckets[i];
	*ret_sum_ns = times.sum_ns;
	return n;
}

/* Whether or not the packet is dropped; the one after it is not timed. */
static void packet_is_timed_when_the_controller_asks(void **state)
{
	uint64_t sum_ns, before_ns, n;
	struct datapath_bpf *b;

	nic_need();
	b = nic_open_working();
	nic_publish_limit(b);
	pthread_mutex_lock(&b->sampler.lock);
	assert_non_null(b->sampler.tables);
	b->sampler.tables->sample = 0;
	n = count_timed(b, &before_ns);
	for (unsigned int i = 1; i <= 2 * NIC_BURST; i++) {
		b->sampler.tables->sample = 1;
		assert_int_equal(nic_count_passed(b, 2), 2 * i <= NIC_BURST ? 2 : 0);
		assert_int_equal(b->sampler.tables->sample, 0);
		assert_int_equal(count_timed(b, &sum_ns), n + i);
		assert_in_range(sum_ns - before_ns, 1, 1000000000);
		before_ns = sum_ns;
	}
	pthread_mutex_unlock(&b->sampler.lock);
	datapath_close(&b->base, true);
}

static void sampler_asks_many_times_a_second(void **state)
{
	uint64_t sum_ns, deadline_ns, n = 0;
	struct datapath_bpf *b;

	nic_need();
	b = nic_open_working();
	nic_publish_limit(b);
	deadline_ns = b->base.now_ns() + 5000000000;
	while (n < 5 && b->base.now_ns() < deadline_ns) {
		nic_count_passed(b, 1);
		n = count_timed(b, &sum_ns);
	}
	assert_true(n >= 5);
	datapath_close(&b->base, true);
}

/* `bpftool map dump` prints names only of what was made with its types. */
static void publish_makes_tables_with_their_types(void **state)
{
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info), id, zero = 0;
	struct datapath_bpf *b;
	int fd;

	nic_need();
	b = nic_open_working();
	nic_publish_limit(b);
	assert_int_equal(bpf_map_lookup_elem(b->tables, &zero, &id), 0);
	fd = bpf_map_get_fd_by_id(id);
	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	assert_int_not_equal(info.btf_id, 0);
	assert_int_not_equal(info.btf_value_type_id, 0);
	datapath_close(&b->base, true);
}

static void open_again_adopts_what_was_pinned(void **state)
{
	struct sluice_counts counts;
	struct datapath_bpf *b;
	uint32_t program, link;
	uint64_t seed[4];

	nic_need();
	b = nic_open_working();
	nic_publish_limit(b);
	assert_int_equal(nic_count_passed(b, NIC_BURST + 1), NIC_BURST);
	memcpy(seed, b->base.seed, sizeof(seed));
	b->base.slots[7].line_first = 77;
	program = nic_program_on("veth0");
	link = nic_link_id(NIC_PINS "/links/veth0");
	datapath_close(&b->base, false);
	assert_int_equal(nic_program_on("veth0"), program);

	b = nic_open("veth0", 0);
	nic_assert_mode(b, DATAPATH_NATIVE, "");
	assert_memory_equal(b->base.seed, seed, sizeof(seed));
	assert_int_equal(b->base.n_lines, NIC_LINES);
	assert_int_equal(b->base.slots[7].line_first, 77);
	assert_int_equal(nic_link_id(NIC_PINS "/links/veth0"), link);
	assert_int_not_equal(nic_program_on("veth0"), program);
	/* Not even a table was swapped: the bucket is as empty as before. */
	assert_int_equal(nic_count_passed(b, 1), 0);
	assert_int_equal(b->base.ops->counts(&b->base, 0, &counts), 0);
	assert_int_equal(counts.denied_packets, 2);
	datapath_close(&b->base, true);
}

static void open_after_unfinished_start_starts_afresh(void **state)
{
	struct datapath_bpf *b;

	nic_need();
	b = nic_open("none0", NIC_LINES);
	datapath_close(&b->base, false);
	assert_int_equal(unlink(NIC_PINS "/meta"), 0);
	b = nic_open_working();
	nic_assert_mode(b, DATAPATH_NATIVE, "");
	datapath_close(&b->base, true);
}

static void assert_refused(const char *why, uint32_t program)
{
	struct datapath_bpf *b = nic_open("veth0", 0);

	nic_assert_off(b, why);
	nic_assert_mode(b, DATAPATH_NONE, why);
	datapath_close(&b->base, true);
	assert_int_equal(nic_program_on("veth0"), program);
	assert_true(nic_is_there(NIC_PINS "/links/veth0"));
}

static void open_on_another_layout_refuses_and_changes_nothing(void **state)
{
	struct sluice_meta meta;
	uint32_t program, zero = 0;
	int fd;

	nic_need();
	program = nic_leave_pins();
	fd = bpf_obj_get(NIC_PINS "/meta");
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &meta), 0);
	meta.layout++;
	assert_int_equal(bpf_map_update_elem(fd, &zero, &meta, 0), 0);
	assert_refused("holds layout 2", program);
	meta.layout--;
	meta.lines++;
	assert_int_equal(bpf_map_update_elem(fd, &zero, &meta, 0), 0);
	assert_refused("says 4097 bucket lines, and the map has 4096", program);
	close(fd);
}

static void open_on_pins_of_another_shape_refuses(void **state)
{
	uint32_t program;
	int fd;

	nic_need();
	program = nic_leave_pins();
	assert_int_equal(unlink(NIC_PINS "/slots"), 0);
	assert_refused("cannot open " NIC_PINS "/slots: No such file", program);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "slots", 4, 8, SLUICE_RULES_MAX, NULL);
	assert_int_equal(bpf_obj_pin(fd, NIC_PINS "/slots"), 0);
	assert_refused("another value size", program);
	close(fd);
	assert_int_equal(unlink(NIC_PINS "/slots"), 0);
	fd = bpf_obj_get(NIC_PINS "/links/veth0");
	assert_int_equal(bpf_obj_pin(fd, NIC_PINS "/slots"), 0);
	assert_refused("is no map", program);
	close(fd);
	assert_int_equal(unlink(NIC_PINS "/meta"), 0);
	assert_refused("holds links and no meta", program);
}

/* Starts and stops without an end, each time with another table in force. */
static void run_controllers(void)
{
	for (;;) {
		struct datapath_bpf *b = nic_open("veth0", NIC_LINES);

		nic_publish_limit(b);
		datapath_close(&b->base, false);
	}
}

static void kill_controller_after(useconds_t us)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		run_controllers();
		_exit(0);
	}
	usleep(us);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* From before the directories are there to the middle of an adoption. */
static void open_after_a_kill_at_any_time_works(void **state)
{
	nic_need();
	for (useconds_t us = 0; us < 200000; us += 10000) {
		struct datapath_bpf *b;

		kill_controller_after(us);
		b = nic_open_working();
		nic_assert_mode(b, DATAPATH_NATIVE, "");
		assert_int_equal(nic_pinned_program(), nic_program_on("veth0"));
		nic_publish_limit(b);
		nic_count_passed(b, 3 * NIC_BURST);
		assert_int_equal(nic_count_passed(b, 1), 0);
		datapath_close(&b->base, us % 20000 == 0);
	}
}

/* What passes is counted where the kernel would have received it: not by the program. */
static unsigned int receive_all(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	unsigned int n = 0;
	char frame[256];

	while (poll(&wait, 1, 200) > 0 && recv(fd, frame, sizeof(frame), 0) > 0)
		n++;
	return n;
}

static int open_raw(const char *name, uint16_t protocol)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(protocol),
				 .sll_ifindex = (int)if_nametoindex(name)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(protocol));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void packets_on_the_wire_are_dropped_also_without_a_controller(void **state)
{
	struct datapath_bpf *b;
	struct packet packet;
	int in, out;

	nic_need();
	b = nic_open_working();
	nic_publish_limit(b);
	datapath_close(&b->base, false);
	in = open_raw("veth0", ETH_P_IP);
	out = open_raw("peer0", ETH_P_IP);
	nic_make_packet(&packet);
	for (unsigned int i = 0; i < 3 * NIC_BURST; i++)
		assert_int_equal(send(out, packet.bytes, packet.n, 0), packet.n);
	assert_int_equal(receive_all(in), NIC_BURST);
	close(in);
	close(out);
	datapath_close(&nic_open_working()->base, true);
}

static void close_with_detach_removes_all_it_made(void **state)
{
	struct datapath_bpf *b;
	int held;

	nic_need();
	b = nic_open_working();
	/* Somebody who holds the link does not keep it. */
	held = bpf_obj_get(NIC_PINS "/links/veth0");
	datapath_close(&b->base, true);
	assert_int_equal(nic_program_on("veth0"), 0);
	close(held);
	assert_false(nic_is_there(NIC_PIN_DIR));
	/* What an earlier start made goes too. */
	assert_int_equal(mkdir(NIC_PIN_DIR, 0700), 0);
	nic_leave_pins();
	b = nic_open("peer0", NIC_LINES);
	assert_int_not_equal(nic_program_on("veth0"), 0);
	datapath_close(&b->base, true);
	assert_int_equal(nic_program_on("veth0"), 0);
	assert_false(nic_is_there(NIC_PIN_DIR));
}

static void open_without_interface_is_off_unless_links_are_pinned(void **state)
{
	struct datapath_bpf *b;

	nic_need();
	b = nic_open(NULL, NIC_LINES);
	nic_assert_off(b, "no interface is named: start with --iface NAME");
	datapath_close(&b->base, true);
	assert_false(nic_is_there(NIC_PIN_DIR));
	nic_leave_pins();
	b = nic_open(NULL, NIC_LINES);
	assert_null(datapath_off(&b->base));
	assert_int_equal(datapath_interfaces(&b->base, NULL, 0), 0);
	nic_publish_limit(b);
	assert_int_equal(nic_count_passed(b, 3 * NIC_BURST), NIC_BURST);
	datapath_close(&b->base, true);
}

static void open_off_bpffs_is_off(void **state)
{
	const char *name = "veth0";
	struct datapath_config config = {
		.pin_dir = "/tmp/sluice-pins", .interfaces = &name, .n_interfaces = 1};
	struct datapath *datapath;

	nic_need();
	assert_int_equal(datapath_open_bpf(&config, &datapath), 0);
	nic_assert_off((struct datapath_bpf *)datapath, "/tmp/sluice-pins is not on a bpffs");
	datapath_close(datapath, true);
	assert_false(nic_is_there("/tmp/sluice-pins"));
}

static void open_with_a_dot_in_the_directory_says_so(void **state)
{
	static const char *const dirs[] = {"/sys/fs/bpf/a.b", "/sys/fs/bpf/new/a.b"};
	const char *name = "veth0";
	struct datapath *datapath;

	nic_need();
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		struct datapath_config config = {
			.pin_dir = dirs[i], .interfaces = &name, .n_interfaces = 1};

		assert_int_equal(datapath_open_bpf(&config, &datapath), 0);
		nic_assert_off((struct datapath_bpf *)datapath, "takes no dots in names");
		datapath_close(datapath, true);
	}
}

static void open_mounts_bpffs_if_it_is_not(void **state)
{
	struct datapath_bpf *b;
	int mounted = 0;

	nic_need();
	while (umount2("/sys/fs/bpf", MNT_DETACH) == 0)
		mounted++;
	b = nic_open_working();
	nic_assert_mode(b, DATAPATH_NATIVE, "");
	datapath_close(&b->base, true);
	assert_true(mounted > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, nic_begin, nic_end)
	const struct CMUnitTest tests[] = {
		TEST(open_fresh_pins_and_attaches),
		TEST(open_fresh_lets_everything_pass),
		TEST(publish_puts_rules_in_force_and_counts),
		TEST(packet_is_timed_when_the_controller_asks),
		TEST(sampler_asks_many_times_a_second),
		TEST(publish_makes_tables_with_their_types),
		TEST(open_again_adopts_what_was_pinned),
		TEST(open_after_unfinished_start_starts_afresh),
		TEST(open_on_another_layout_refuses_and_changes_nothing),
		TEST(open_on_pins_of_another_shape_refuses),
		TEST(open_after_a_kill_at_any_time_works),
		TEST(packets_on_the_wire_are_dropped_also_without_a_controller),
		TEST(close_with_detach_removes_all_it_made),
		TEST(open_without_interface_is_off_unless_links_are_pinned),
		TEST(open_off_bpffs_is_off),
		TEST(open_with_a_dot_in_the_directory_says_so),
		TEST(open_mounts_bpffs_if_it_is_not),
	};

	return cmocka_run_group_tests_name("bpf/datapath_bpf", tests, nic_enter, NULL);
}
