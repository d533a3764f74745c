/* Runs the checks, one row each, and collects what they find. */
/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "doctor/doctor_priv.h"

/* In this order, from what everything rests upon to what rests upon it. */
static const struct row {
	const char *name;
	void (*check)(struct doctor *doctor);
} rows[] = {
	{"data", check_data},
	{"store", check_store},
	{"ledger", check_ledger},
	{"snapshot", check_snapshot},
	{"limits", check_limits},
	{"listen", check_listen},
	{"metrics_listen", check_metrics_listen},
	{"tls", check_tls},
	{"files", check_files},
	{"clock", check_clock},
	{"kernel", check_kernel},
	{"rights", check_rights},
	{"bpf", check_bpf},
	{"pins", check_pins},
	{"interfaces", check_interfaces},
};

/* Paths may hold anything, and a text that is too long ends anywhere. */
static void make_utf8(char *text)
{
	if (utf8_valid(text, strlen(text)))
		return;
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80)
			*text = '?';
}

static __attribute__((format(printf, 5, 0))) void add(struct doctor_report *report,
						      const char *check,
						      enum doctor_verdict verdict, const char *next,
						      const char *format, va_list args)
{
	struct doctor_finding *finding;

	if (report->n == DOCTOR_FINDINGS_MAX)
		return;
	finding = &report->findings[report->n++];
	finding->check = check;
	finding->verdict = verdict;
	vsnprintf(finding->message, sizeof(finding->message), format, args);
	make_utf8(finding->message);
	snprintf(finding->next, sizeof(finding->next), "%s", next ? next : "");
	make_utf8(finding->next);
}

void doctor_add(struct doctor_report *report, const char *check, enum doctor_verdict verdict,
		const char *next, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(report, check, verdict, next, format, args);
	va_end(args);
}

void doctor_say(struct doctor *doctor, enum doctor_verdict verdict, const char *next,
		const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(doctor->report, doctor->check, verdict, next, format, args);
	va_end(args);
}

bool doctor_path(struct doctor *doctor, const char *name, char path[PATH_MAX])
{
	if (snprintf(path, PATH_MAX, "%s/%s", doctor->settings->data, name) < PATH_MAX)
		return true;
	doctor_say(doctor, DOCTOR_FAIL, "choose a shorter name", "the name of %s is too long",
		   name);
	return false;
}

void doctor_run(const struct settings *settings, struct doctor_report *report)
{
	struct doctor doctor = {
		.settings = settings,
		.report = report,
		.packets_wanted = settings->n_interfaces > 0,
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		doctor.check = rows[i].name;
		rows[i].check(&doctor);
	}
}

enum doctor_verdict doctor_worst(const struct doctor_report *report)
{
	enum doctor_verdict worst = DOCTOR_OK;

	for (size_t i = 0; i < report->n; i++)
		if (report->findings[i].verdict > worst)
			worst = report->findings[i].verdict;
	return worst;
}
