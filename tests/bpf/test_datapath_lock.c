/* The backend in the kernel where another controller is at work on the same pins. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bpf/nic.h"

static bool swap; /* the directory, before the next lock is taken */
static int swapped = -1;

/* Removed by one controller, made anew and held by a third. */
static void swap_directory(void)
{
	swap = false;
	rmdir(NIC_PINS);
	mkdir(NIC_PINS, 0700);
	swapped = open(NIC_PINS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	syscall(SYS_flock, swapped, LOCK_EX | LOCK_NB);
}

/* In place of the C library's. */
int flock(int fd, int operation)
{
	if (swap)
		swap_directory();
	return (int)syscall(SYS_flock, fd, operation);
}

enum { STAYS = 0, STOPS_AFTER_US = 300000 };

static void run_controller(int ready, useconds_t stops_after, bool detach)
{
	struct datapath_bpf *b;

	/* A test that fails leaves nobody behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	b = nic_open_working();
	nic_publish_limit(b);
	if (write(ready, "x", 1) != 1)
		_exit(1);
	if (stops_after == STAYS)
		pause();
	usleep(stops_after);
	datapath_close(&b->base, detach);
	_exit(0);
}

/* Another process's controller; returns once it is at work. */
static pid_t start_controller(useconds_t stops_after, bool detach)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		run_controller(ready[1], stops_after, detach);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void a_second_controller_is_refused_and_touches_nothing(void **state)
{
	uint32_t program, link;
	struct datapath_bpf *b;
	char why[128];
	pid_t pid;

	nic_need();
	pid = start_controller(STAYS, false);
	program = nic_program_on("veth0");
	link = nic_link_id(NIC_PINS "/links/veth0");
	snprintf(why, sizeof(why),
		 "another controller (pid %d) uses the pin directory " NIC_PIN_DIR, pid);
	b = nic_open_first(2);
	nic_assert_off(b, why);
	datapath_tend(&b->base);
	datapath_close(&b->base, true);
	assert_int_equal(nic_program_on("veth0"), program);
	assert_int_equal(nic_program_on("peer0"), 0);
	assert_int_equal(nic_pinned_program(), program);
	assert_int_equal(nic_link_id(NIC_PINS "/links/veth0"), link);

	/* A crash lets go; what the first published still holds. */
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	b = nic_open_working();
	nic_assert_mode(b, DATAPATH_NATIVE, "");
	assert_int_equal(nic_count_passed(b, 3 * NIC_BURST), NIC_BURST);
	datapath_close(&b->base, true);
}

static void a_directory_just_made_by_another_stays(void **state)
{
	struct datapath_bpf *b;
	int fd;

	nic_need();
	assert_int_equal(mkdir(NIC_PIN_DIR, 0700), 0);
	assert_int_equal(mkdir(NIC_PINS, 0700), 0);
	fd = open(NIC_PINS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	b = nic_open("veth0", NIC_LINES);
	nic_assert_off(b, "another controller");
	datapath_close(&b->base, true);
	assert_true(nic_is_there(NIC_PINS));
	assert_false(nic_is_there(NIC_PINS "/links"));
	close(fd);
}

static void a_lock_on_what_was_removed_meanwhile_does_not_count(void **state)
{
	struct datapath_bpf *b;

	nic_need();
	swap = true;
	b = nic_open("veth0", NIC_LINES);
	assert_true(swapped >= 0);
	nic_assert_off(b, "another controller");
	assert_false(nic_is_there(NIC_PINS "/links"));
	close(swapped);
	datapath_close(&b->base, true);
}

static void assert_waits_for_one_that_stops(bool detach)
{
	pid_t pid = start_controller(STOPS_AFTER_US, detach);
	struct datapath_bpf *b = nic_open_working();
	int status;

	nic_assert_mode(b, DATAPATH_NATIVE, "");
	assert_true(nic_is_there(NIC_PINS "/meta"));
	assert_int_not_equal(nic_program_on("veth0"), 0);
	/* Of a set of limits in force; none, where the first removed it. */
	assert_int_equal(nic_count_passed(b, 3 * NIC_BURST), detach ? 3 * NIC_BURST : NIC_BURST);
	datapath_close(&b->base, true);
	assert_false(nic_is_there(NIC_PIN_DIR));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void a_controller_waits_for_one_that_stops(void **state)
{
	nic_need();
	assert_waits_for_one_that_stops(false);
}

static void a_controller_waits_for_one_that_removes_the_directory(void **state)
{
	nic_need();
	assert_waits_for_one_that_stops(true);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, nic_begin, nic_end)
	const struct CMUnitTest tests[] = {
		TEST(a_second_controller_is_refused_and_touches_nothing),
		TEST(a_directory_just_made_by_another_stays),
		TEST(a_lock_on_what_was_removed_meanwhile_does_not_count),
		TEST(a_controller_waits_for_one_that_stops),
		TEST(a_controller_waits_for_one_that_removes_the_directory),
	};

	return cmocka_run_group_tests_name("bpf/datapath_lock", tests, nic_enter, NULL);
}
