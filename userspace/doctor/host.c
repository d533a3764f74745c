/* What a server needs of its host: ports, descriptors, clocks. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "datapath/look.h"
#include "doctor/doctor_priv.h"

enum {
	CONNECTIONS = 4096, /* of doors/http, at most */
	OTHERS = 64,        /* files beside them */
};

/* This was written after it: a clock before that was never set. */
#define PAST_S 1760000000LL

/* As a server binds it: 0 or -errno. */
static int try_bind(const struct conf_address *address)
{
	int fd = socket(address->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, err = 0;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&address->at, address->len) || listen(fd, 1))
		err = -errno;
	close(fd);
	return err;
}

static void explain_port(struct doctor *doctor, const struct conf_address *address,
			 const char *shown)
{
	char name[64];
	pid_t pid = port_holder(address, name);

	if (pid && pid == doctor->controller)
		doctor_say(doctor, DOCTOR_OK, NULL, "the controller listens on %s", shown);
	else if (pid)
		doctor_say(doctor, DOCTOR_FAIL, "stop that one, or choose another address",
			   "%s is taken by %s (pid %d)", shown, name, (int)pid);
	else
		doctor_say(doctor, DOCTOR_FAIL,
			   "find it with `ss -tlnp` as root, or choose another address",
			   "%s is taken by a process that this user cannot see", shown);
}

static void check_address(struct doctor *doctor, const struct conf_address *address)
{
	char shown[ADDRESS_TEXT_SIZE];
	int err;

	if (address->len == 0)
		return;
	address_format(address, address_port(address), shown);
	err = try_bind(address);
	if (err == -EADDRINUSE)
		explain_port(doctor, address, shown);
	else if (err == -EACCES)
		doctor_say(doctor, DOCTOR_FAIL, "ports below 1024 take CAP_NET_BIND_SERVICE",
			   "this user may not listen on %s", shown);
	else if (err)
		doctor_say(doctor, DOCTOR_FAIL, "`ip address` shows which addresses there are",
			   "cannot listen on %s: %s", shown, strerror(-err));
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "%s is free", shown);
}

void check_listen(struct doctor *doctor)
{
	check_address(doctor, &doctor->settings->listen);
}

void check_metrics_listen(struct doctor *doctor)
{
	check_address(doctor, &doctor->settings->metrics_listen);
}

void check_files(struct doctor *doctor)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	if (files.rlim_max < CONNECTIONS + OTHERS)
		doctor_say(doctor, DOCTOR_WARN, "raise the hard limit: LimitNOFILE= or ulimit -Hn",
			   "only %llu files may be open, so fewer than %d connections",
			   (unsigned long long)files.rlim_max, CONNECTIONS);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "enough files may be open for %d connections",
			   CONNECTIONS);
}

static bool read_line(const char *path, char *text, int size)
{
	FILE *file = fopen(path, "re");
	bool is = file && fgets(text, size, file);

	if (file)
		fclose(file);
	if (is)
		text[strcspn(text, "\n")] = '\0';
	return is;
}

/* These are read through a device, which takes a thousand times as long. */
static bool is_slow(const char *source)
{
	return strcmp(source, "hpet") == 0 || strcmp(source, "acpi_pm") == 0 ||
	       strcmp(source, "jiffies") == 0 || strcmp(source, "pit") == 0;
}

static void check_source(struct doctor *doctor)
{
	char source[32];

	if (!read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
		       sizeof(source)))
		return;
	if (is_slow(source))
		doctor_say(
			doctor, DOCTOR_WARN,
			"every check reads the clock: find out why the kernel gave up on a faster "
			"one (dmesg | grep clocksource)",
			"the clock source is %s, which is slow", source);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "the clock source is %s", source);
}

static void check_utc(struct doctor *doctor)
{
	struct timex state = {.modes = 0};
	time_t now = time(NULL);

	if (now < PAST_S)
		doctor_say(doctor, DOCTOR_FAIL, "set the clock: windows begin by UTC",
			   "UTC is %lld seconds after 1970, which is past", (long long)now);
	else if (adjtimex(&state) == TIME_ERROR)
		doctor_say(
			doctor, DOCTOR_WARN,
			"run chrony or systemd-timesyncd: fixed windows begin by UTC, and quotas "
			"are carried over a reboot by it",
			"UTC is not synchronized");
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "UTC is synchronized");
}

void check_clock(struct doctor *doctor)
{
	int64_t offset_ns = datapath_look_clock();

	check_source(doctor);
	check_utc(doctor);
	if (offset_ns)
		doctor_say(
			doctor, doctor->packets_wanted ? DOCTOR_FAIL : DOCTOR_WARN,
			"run it outside of the time namespace to limit packets",
			"a time namespace moves the clock by %lld s: packets are judged by another",
			(long long)(offset_ns / 1000000000));
}
