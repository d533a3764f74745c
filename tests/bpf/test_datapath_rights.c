/* The backend in the kernel with few rights or none, and with another clock. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bpf/nic.h"

#define CAPABILITY(name) (1ULL << (name))

enum { NOBODY = 65534 };

/* What a controller with other rights found, told through shared memory. */
struct findings {
	char off[DATAPATH_WHY_SIZE];
	struct datapath_interface interfaces[2];
	unsigned int passed;
	bool done;
};

static struct findings *findings;

struct run {
	uint64_t capabilities;
	size_t interfaces;    /* the first of veth0, peer0 */
	unsigned int packets; /* 0: publishes nothing either */
	bool detach;
};

static int share_findings(void **state)
{
	findings = mmap(NULL, sizeof(*findings), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	return findings == MAP_FAILED ? -1 : nic_enter(state);
}

/* Becomes nobody with these capabilities alone. */
static void keep_only(uint64_t capabilities)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)capabilities, .permitted = (uint32_t)capabilities},
		{.effective = (uint32_t)(capabilities >> 32),
		 .permitted = (uint32_t)(capabilities >> 32)},
	};

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY) || syscall(SYS_capset, &header, data))
		_exit(1);
}

/* What the child does with it; nothing here may fail a test, only report. */
static void run_controller(const struct run *run)
{
	struct datapath_bpf *b = nic_open_first(run->interfaces);

	snprintf(findings->off, sizeof(findings->off), "%s", b->base.off);
	datapath_interfaces(&b->base, findings->interfaces, run->interfaces);
	if (!datapath_off(&b->base) && run->packets) {
		nic_publish_limit(b);
		findings->passed = nic_count_passed(b, run->packets);
	}
	datapath_close(&b->base, run->detach);
	findings->done = true;
}

static void run_as(const struct run *run)
{
	int status;
	pid_t pid;

	memset(findings, 0, sizeof(*findings));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		keep_only(run->capabilities);
		run_controller(run);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(findings->done);
}

static void run_with(uint64_t capabilities, bool detach)
{
	run_as(&(struct run){.capabilities = capabilities,
			     .interfaces = 1,
			     .packets = 3 * NIC_BURST,
			     .detach = detach});
}

static void give_pin_dir(void)
{
	assert_int_equal(mkdir(NIC_PIN_DIR, 0700), 0);
	assert_int_equal(chown(NIC_PIN_DIR, NOBODY, NOBODY), 0);
}

#define RIGHTS     (FEW_RIGHTS | CAPABILITY(CAP_PERFMON))
#define FEW_RIGHTS (CAPABILITY(CAP_BPF) | CAPABILITY(CAP_NET_ADMIN))

#define NO_PROGRAM                                                                              \
	"this process lacks CAP_PERFMON, which loading the program takes: start once with it, " \
	"then CAP_BPF and CAP_NET_ADMIN are enough"

static void three_capabilities_and_an_owned_directory_are_enough(void **state)
{
	nic_need();
	give_pin_dir();
	run_with(RIGHTS, false);
	assert_string_equal(findings->off, "");
	assert_int_equal(findings->interfaces[0].mode, DATAPATH_NATIVE);
	assert_int_equal(findings->passed, NIC_BURST);
	assert_int_not_equal(nic_program_on("veth0"), 0);
	/* And so to adopt, and to remove. */
	run_with(RIGHTS, true);
	assert_string_equal(findings->off, "");
	assert_int_equal(findings->interfaces[0].mode, DATAPATH_NATIVE);
	assert_int_equal(nic_program_on("veth0"), 0);
	assert_false(nic_is_there(NIC_PINS));
}

static void a_capability_that_is_missing_is_named(void **state)
{
	static const struct {
		uint64_t capabilities;
		const char *why;
	} cases[] = {
		{RIGHTS & ~CAPABILITY(CAP_BPF), "this process lacks CAP_BPF"},
		{RIGHTS & ~CAPABILITY(CAP_PERFMON), NO_PROGRAM},
		{RIGHTS & ~CAPABILITY(CAP_NET_ADMIN), "this process lacks CAP_NET_ADMIN"},
		{0, "this process lacks CAP_BPF CAP_PERFMON CAP_NET_ADMIN"},
	};

	nic_need();
	give_pin_dir();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run_with(cases[i].capabilities, true);
		assert_string_equal(findings->off, cases[i].why);
		assert_int_equal(findings->interfaces[0].mode, DATAPATH_NONE);
		assert_string_equal(findings->interfaces[0].why, cases[i].why);
		assert_false(nic_is_there(NIC_PINS));
	}
}

static void two_capabilities_are_enough_where_a_program_is_pinned(void **state)
{
	uint32_t program;

	nic_need();
	give_pin_dir();
	run_as(&(struct run){.capabilities = RIGHTS, .interfaces = 1});
	program = nic_program_on("veth0");
	run_as(&(
		struct run){.capabilities = FEW_RIGHTS, .interfaces = 2, .packets = 3 * NIC_BURST});
	assert_string_equal(findings->off, "");
	assert_int_equal(findings->passed, NIC_BURST);
	assert_int_equal(findings->interfaces[0].mode, DATAPATH_NATIVE);
	assert_int_equal(findings->interfaces[1].mode, DATAPATH_NATIVE);
	assert_int_equal(nic_program_on("veth0"), program);
	assert_int_equal(nic_program_on("peer0"), program);
	assert_int_equal(nic_pinned_program(), program);
	/* And to adopt what that left, and to remove it. */
	run_as(&(struct run){
		.capabilities = FEW_RIGHTS, .interfaces = 2, .packets = 1, .detach = true});
	assert_string_equal(findings->off, "");
	assert_int_equal(findings->passed, 0);
	assert_int_equal(nic_program_on("veth0"), 0);
	assert_int_equal(nic_program_on("peer0"), 0);
	assert_false(nic_is_there(NIC_PINS));
}

/* Enforcement goes on, whatever this start lacks. */
static void assert_few_rights_are_refused(const char *why)
{
	uint32_t program = nic_program_on("veth0");

	run_with(FEW_RIGHTS, true);
	assert_string_equal(findings->off, why);
	assert_int_not_equal(program, 0);
	assert_int_equal(nic_program_on("veth0"), program);
	assert_true(nic_is_there(NIC_PINS "/meta"));
}

static void pin_for_nobody(int fd)
{
	assert_int_equal(unlink(NIC_PINS "/program"), 0);
	assert_int_equal(bpf_obj_pin(fd, NIC_PINS "/program"), 0);
	assert_int_equal(chown(NIC_PINS "/program", NOBODY, NOBODY), 0);
}

static void pins_without_their_program_take_the_right_to_load(void **state)
{
	static const char foreign[] = NIC_PINS "/program is not the program of these maps: start "
					       "once with CAP_PERFMON";
	static const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "sluice_xdp", "GPL", pass, 2, NULL);
	int meta;

	nic_need();
	give_pin_dir();
	run_with(RIGHTS, false);
	pin_for_nobody(fd);
	assert_few_rights_are_refused(foreign);
	meta = bpf_obj_get(NIC_PINS "/meta");
	pin_for_nobody(meta);
	assert_few_rights_are_refused(foreign);
	assert_int_equal(unlink(NIC_PINS "/program"), 0);
	assert_few_rights_are_refused(NO_PROGRAM);
	/* Whoever has it puts that right. */
	run_with(RIGHTS, false);
	run_with(FEW_RIGHTS, true);
	assert_string_equal(findings->off, "");
	assert_false(nic_is_there(NIC_PINS));
	close(meta);
	close(fd);
}

static void open_with_all_rights_replaces_the_pinned_program(void **state)
{
	struct datapath_bpf *b;
	uint32_t program;
	int fd;

	nic_need();
	program = nic_leave_pins();
	assert_int_equal(nic_pinned_program(), program);
	/* As a start leaves it that was killed while it replaced the program. */
	fd = bpf_obj_get(NIC_PINS "/program");
	assert_int_equal(bpf_obj_pin(fd, NIC_PINS "/program_new"), 0);
	close(fd);
	b = nic_open_working();
	assert_int_not_equal(nic_pinned_program(), program);
	assert_int_equal(nic_pinned_program(), nic_program_on("veth0"));
	assert_false(nic_is_there(NIC_PINS "/program_new"));
	/* As one that was killed before it. */
	assert_int_equal(rename(NIC_PINS "/program", NIC_PINS "/program_new"), 0);
	datapath_close(&b->base, true);
	assert_false(nic_is_there(NIC_PIN_DIR));
}

static void a_directory_of_somebody_else_is_refused(void **state)
{
	nic_need();
	assert_int_equal(mkdir(NIC_PIN_DIR, 0755), 0);
	run_with(RIGHTS, true);
	assert_string_equal(findings->off,
			    "cannot make the directory " NIC_PINS ": Permission denied");
}

static void a_missing_bpffs_takes_the_right_to_mount(void **state)
{
	nic_need();
	while (umount2("/sys/fs/bpf", MNT_DETACH) == 0)
		;
	run_with(RIGHTS, true);
	/* nic_end() takes one away. */
	assert_int_equal(mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0755"), 0);
	assert_non_null(strstr(findings->off, "mounting it takes CAP_SYS_ADMIN"));
}

/* Its offset must be set before anybody is in it: from a child's view the one of its children. */
static void enter_time_namespace(void)
{
	int fd;

	if (unshare(CLONE_NEWTIME))
		_exit(1);
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "monotonic 1000 0", 16) != 16)
		_exit(1);
	close(fd);
}

static void another_clock_is_refused(void **state)
{
	pid_t pid;
	int status;

	nic_need();
	memset(findings, 0, sizeof(*findings));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		enter_time_namespace();
		if (fork() == 0)
			run_controller(&(struct run){.interfaces = 1, .detach = true});
		else
			wait(NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(findings->done);
	assert_non_null(strstr(findings->off, "time namespace, whose clock is 1000 s off"));
	assert_false(nic_is_there(NIC_PINS));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, nic_begin, nic_end)
	const struct CMUnitTest tests[] = {
		TEST(three_capabilities_and_an_owned_directory_are_enough),
		TEST(a_capability_that_is_missing_is_named),
		TEST(two_capabilities_are_enough_where_a_program_is_pinned),
		TEST(pins_without_their_program_take_the_right_to_load),
		TEST(open_with_all_rights_replaces_the_pinned_program),
		TEST(a_directory_of_somebody_else_is_refused),
		TEST(a_missing_bpffs_takes_the_right_to_mount),
		TEST(another_clock_is_refused),
	};

	return cmocka_run_group_tests_name("bpf/datapath_rights", tests, share_findings, NULL);
}
