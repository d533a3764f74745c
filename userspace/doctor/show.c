/* What the doctor found, for people and as JSON. */
/* SPDX-License-Identifier: MIT */
#include <ctype.h>

#include "doctor/doctor.h"
#include "json/writer.h"

static const char *const verdicts[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_WARN] = "warn",
	[DOCTOR_FAIL] = "fail",
};

/* Paths and names of the host's may hold anything; a terminal gets none of it. */
static void put_line(struct buf *text, const char *line)
{
	for (; *line; line++)
		buf_put_char(text, iscntrl((unsigned char)*line) ? '?' : *line);
	buf_put_char(text, '\n');
}

void doctor_show(const struct doctor_report *report, struct buf *text)
{
	for (size_t i = 0; i < report->n; i++) {
		const struct doctor_finding *finding = &report->findings[i];

		buf_printf(text, "%-5s %-15s ", verdicts[finding->verdict], finding->check);
		put_line(text, finding->message);
		if (!finding->next[0])
			continue;
		buf_printf(text, "%-5s %-15s -> ", "", "");
		put_line(text, finding->next);
	}
}

void doctor_show_json(const struct doctor_report *report, struct buf *text)
{
	struct json_writer writer;

	json_writer_init(&writer, text);
	json_begin_object(&writer);
	json_name(&writer, "status");
	json_put_str(&writer, verdicts[doctor_worst(report)]);
	json_name(&writer, "checks");
	json_begin_array(&writer);
	for (size_t i = 0; i < report->n; i++) {
		const struct doctor_finding *finding = &report->findings[i];

		json_begin_object(&writer);
		json_name(&writer, "check");
		json_put_str(&writer, finding->check);
		json_name(&writer, "status");
		json_put_str(&writer, verdicts[finding->verdict]);
		json_name(&writer, "message");
		json_put_str(&writer, finding->message);
		json_name(&writer, "next");
		json_put_str(&writer, finding->next);
		json_end_object(&writer);
	}
	json_end_array(&writer);
	json_end_object(&writer);
	buf_put_char(text, '\n');
}
