/* The backend in the kernel on interfaces that come, go, are busy, or have no native XDP. */
/* SPDX-License-Identifier: MIT */
#include <linux/bpf.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "bpf/nic.h"
#include "bpf/sandbox.h"

static void interface_that_comes_later_is_taken_up(void **state)
{
	struct datapath_bpf *b;

	nic_need();
	b = nic_open("late0", NIC_LINES);
	assert_null(datapath_off(&b->base));
	nic_assert_mode(b, DATAPATH_NONE, "there is no such interface");
	sandbox_run("ip link add late0 type veth peer name late1");
	datapath_tend(&b->base);
	nic_assert_mode(b, DATAPATH_NATIVE, "");
	assert_int_not_equal(nic_program_on("late0"), 0);
	datapath_close(&b->base, true);
	sandbox_run("ip link del late0");
}

static void interface_made_anew_is_taken_up_again(void **state)
{
	struct datapath_bpf *b;

	nic_need();
	b = nic_open_working();
	sandbox_run("ip link del veth0");
	datapath_tend(&b->base);
	nic_assert_mode(b, DATAPATH_NONE, "there is no such interface");
	assert_false(nic_is_there(NIC_PINS "/links/veth0"));
	sandbox_run("ip link add veth0 type veth peer name peer0");
	datapath_tend(&b->base);
	nic_assert_mode(b, DATAPATH_NATIVE, "");
	/* And gone and back between two looks. */
	sandbox_run("ip link del veth0 && ip link add veth0 type veth peer name peer0");
	datapath_tend(&b->base);
	nic_assert_mode(b, DATAPATH_NATIVE, "");
	assert_int_not_equal(nic_program_on("veth0"), 0);
	datapath_close(&b->base, true);
}

static void interface_made_anew_between_controllers_is_taken_up(void **state)
{
	struct datapath_bpf *b;

	nic_need();
	nic_leave_pins();
	sandbox_run("ip link del veth0 && ip link add veth0 type veth peer name peer0");
	b = nic_open_working();
	nic_assert_mode(b, DATAPATH_NATIVE, "");
	assert_int_not_equal(nic_program_on("veth0"), 0);
	datapath_close(&b->base, true);
}

static void interface_detached_by_others_is_taken_up_again(void **state)
{
	struct datapath_bpf *b;
	int fd;

	nic_need();
	b = nic_open_working();
	fd = bpf_obj_get(NIC_PINS "/links/veth0");
	assert_int_equal(bpf_link_detach(fd), 0);
	close(fd);
	assert_int_equal(nic_program_on("veth0"), 0);
	datapath_tend(&b->base);
	nic_assert_mode(b, DATAPATH_NATIVE, "");
	assert_int_not_equal(nic_program_on("veth0"), 0);
	datapath_close(&b->base, true);
}

static void interface_of_jumbo_frames_gets_native(void **state)
{
	struct datapath_bpf *b;

	nic_need();
	sandbox_run("ip link set veth0 mtu 9000 && ip link set peer0 mtu 9000");
	b = nic_open_working();
	nic_assert_mode(b, DATAPATH_NATIVE, "");
	datapath_close(&b->base, true);
}

static void interface_renamed_stays_limited_until_the_name_is_another(void **state)
{
	struct datapath_bpf *b;

	nic_need();
	b = nic_open_working();
	sandbox_run("ip link set veth0 down && ip link set veth0 name other0");
	datapath_tend(&b->base);
	nic_assert_mode(b, DATAPATH_NONE, "renamed or moved");
	assert_int_not_equal(nic_program_on("other0"), 0);
	sandbox_run("ip link set other0 name veth0");
	datapath_tend(&b->base);
	nic_assert_mode(b, DATAPATH_NATIVE, "");
	sandbox_run("ip link set veth0 name other0 && ip link add veth0 type veth peer name veth1");
	datapath_tend(&b->base);
	nic_assert_mode(b, DATAPATH_NATIVE, "");
	assert_int_not_equal(nic_program_on("veth0"), 0);
	assert_int_equal(nic_program_on("other0"), 0);
	datapath_close(&b->base, true);
	sandbox_run("ip link del other0");
}

static void interface_renamed_between_controllers_is_adopted(void **state)
{
	struct datapath_bpf *b;
	uint32_t link;

	nic_need();
	nic_leave_pins();
	link = nic_link_id(NIC_PINS "/links/veth0");
	sandbox_run("ip link set veth0 down && ip link set veth0 name other0");
	b = nic_open("other0", NIC_LINES);
	nic_assert_mode(b, DATAPATH_NATIVE, "");
	assert_int_equal(nic_link_id(NIC_PINS "/links/other0"), link);
	assert_false(nic_is_there(NIC_PINS "/links/veth0"));
	datapath_close(&b->base, true);
	sandbox_run("ip link del other0");
}

/* Indexes are a namespace's own, and whoever makes an interface may choose one. */
static void namesake_of_an_interface_moved_away_is_not_taken_for_it(void **state)
{
	struct datapath_bpf *b;

	nic_need();
	b = nic_open_working();
	/* A name that only this sandbox sees. */
	sandbox_run("mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && ip netns add away");
	sandbox_run("ip link set veth0 netns away && "
		    "ip link add veth0 index %u type veth peer name veth1",
		    if_nametoindex("veth0"));
	datapath_tend(&b->base);
	nic_assert_mode(b, DATAPATH_NONE, "another network namespace's");
	assert_true(nic_is_there(NIC_PINS "/links/veth0"));
	sandbox_run("ip -n away link del veth0 && ip netns del away");
	datapath_tend(&b->base);
	nic_assert_mode(b, DATAPATH_NATIVE, "");
	assert_int_not_equal(nic_program_on("veth0"), 0);
	datapath_close(&b->base, true);
}

static void interface_without_native_xdp_gets_generic(void **state)
{
	struct datapath_bpf *b;

	nic_need();
	b = nic_open("lo", NIC_LINES);
	nic_assert_mode(b, DATAPATH_GENERIC, "its driver has no native XDP");
	assert_int_not_equal(nic_program_on("lo"), 0);
	datapath_close(&b->base, false);
	b = nic_open("lo", NIC_LINES);
	nic_assert_mode(b, DATAPATH_GENERIC, "earlier start");
	datapath_close(&b->base, true);
	assert_int_equal(nic_program_on("lo"), 0);
}

static int load_foreign(void)
{
	static const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "foreign", "GPL", pass, 2, NULL);
}

static void interface_with_another_program_waits_for_it(void **state)
{
	struct datapath_bpf *b;
	char why[64];
	int fd;

	nic_need();
	fd = load_foreign();
	assert_true(fd >= 0);
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex("veth0"), fd, 0, NULL), 0);
	snprintf(why, sizeof(why), "another XDP program is attached to it (id %u)",
		 nic_program_on("veth0"));
	b = nic_open("veth0", NIC_LINES);
	nic_assert_mode(b, DATAPATH_NONE, why);
	datapath_tend(&b->base);
	nic_assert_mode(b, DATAPATH_NONE, why);
	assert_int_equal(bpf_xdp_detach((int)if_nametoindex("veth0"), 0, NULL), 0);
	datapath_tend(&b->base);
	nic_assert_mode(b, DATAPATH_NATIVE, "");
	datapath_close(&b->base, true);
	close(fd);
}

static void interface_name_with_a_dot_is_pinned_escaped(void **state)
{
	struct datapath_bpf *b;

	nic_need();
	sandbox_run("ip link set veth0 down && ip link set veth0 name veth0.5");
	b = nic_open("veth0.5", NIC_LINES);
	nic_assert_mode(b, DATAPATH_NATIVE, "");
	assert_true(nic_is_there(NIC_PINS "/links/veth0%2e5"));
	sandbox_run("ip link set veth0.5 name veth0");
	datapath_close(&b->base, true);
}

static void interface_pin_of_another_kind_is_left_alone(void **state)
{
	struct datapath_bpf *b;

	nic_need();
	b = nic_open("none0", NIC_LINES);
	datapath_close(&b->base, false);
	b = nic_open("none0", NIC_LINES);
	assert_int_equal(bpf_obj_pin(b->counts, NIC_PINS "/links/veth0"), 0);
	datapath_close(&b->base, false);
	b = nic_open("veth0", NIC_LINES);
	nic_assert_mode(b, DATAPATH_NONE, NIC_PINS "/links/veth0 is no XDP link");
	assert_int_equal(nic_program_on("veth0"), 0);
	datapath_close(&b->base, true);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, nic_begin, nic_end)
	const struct CMUnitTest tests[] = {
		TEST(interface_that_comes_later_is_taken_up),
		TEST(interface_made_anew_is_taken_up_again),
		TEST(interface_made_anew_between_controllers_is_taken_up),
		TEST(interface_detached_by_others_is_taken_up_again),
		TEST(interface_of_jumbo_frames_gets_native),
		TEST(interface_renamed_stays_limited_until_the_name_is_another),
		TEST(interface_renamed_between_controllers_is_adopted),
		TEST(namesake_of_an_interface_moved_away_is_not_taken_for_it),
		TEST(interface_without_native_xdp_gets_generic),
		TEST(interface_with_another_program_waits_for_it),
		TEST(interface_name_with_a_dot_is_pinned_escaped),
		TEST(interface_pin_of_another_kind_is_left_alone),
	};

	return cmocka_run_group_tests_name("bpf/datapath_interfaces", tests, nic_enter, NULL);
}
