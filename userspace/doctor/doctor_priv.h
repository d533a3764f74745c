/* What the checks share: the host as they found it so far, and a place for what they find. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "doctor/doctor.h"

struct doctor {
	const struct settings *settings;
	struct doctor_report *report;
	const char *check;   /* whose turn it is */
	pid_t controller;    /* who serves from this data directory; 0: nobody */
	bool packets_wanted; /* an interface is named */
};

/* A finding of the check whose turn it is. */
void doctor_say(struct doctor *doctor, enum doctor_verdict verdict, const char *next,
		const char *format, ...) __attribute__((format(printf, 4, 5)));
/* False, having said so, when the path is too long. */
bool doctor_path(struct doctor *doctor, const char *name, char path[PATH_MAX]);

/* data.c: the data directory and what is in it, and limits of files. */
void check_data(struct doctor *doctor);
void check_store(struct doctor *doctor);
void check_ledger(struct doctor *doctor);
void check_snapshot(struct doctor *doctor);
void check_limits(struct doctor *doctor);

/* host.c: what a server needs of its host. */
void check_listen(struct doctor *doctor);
void check_metrics_listen(struct doctor *doctor);
void check_files(struct doctor *doctor);
void check_clock(struct doctor *doctor);

/* tls.c: nothing is said when TLS is not wanted. */
void check_tls(struct doctor *doctor);

/* packets.c: what limiting packets needs. */
void check_kernel(struct doctor *doctor);
void check_rights(struct doctor *doctor);
void check_bpf(struct doctor *doctor);
void check_pins(struct doctor *doctor);

/* interfaces.c */
void check_interfaces(struct doctor *doctor);

/* port.c: the process that listens on the port, its name in `name`; 0: none that can be seen. */
pid_t port_holder(const struct conf_address *address, char name[64]);

/* xdp_features.c: 1 when the driver says that it has native XDP, 0 when not, -errno when it says nothing. */
int xdp_has_native(unsigned int ifindex);
