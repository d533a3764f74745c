/* POST /test/clock: moves the frozen clock of --test-clock. */
/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "doors/http/body.h"
#include "doors/http/handlers.h"
#include "doors/http/http_priv.h"
#include "doors/http/problem.h"
#include "json/writer.h"

static int parse_advance(const struct json *object, struct field_error *error, uint64_t *ret_ms)
{
	static const char *const names[] = {"advance_ms"};
	const struct json *advance = json_member(object, "advance_ms");

	if (body_allow(object, names, 1, error))
		return -1;
	if (!advance || json_type_of(advance) != JSON_INTEGER || json_integer(advance) < 0) {
		field_error_set(error, "advance_ms", "must be an integer of at least 0");
		return -1;
	}
	*ret_ms = (uint64_t)json_integer(advance);
	return 0;
}

void handle_test_clock(struct request *request, struct reply *reply)
{
	_cleanup_json_ struct json_document *document = NULL;
	struct clock *clock = request->http->config.test_clock;
	struct field_error error;
	struct json_writer writer;
	uint64_t ms;

	if (body_refuse_query(request, reply) || body_parse_object(request, reply, &document))
		return;
	if (parse_advance(json_root(document), &error, &ms)) {
		problem_invalid(reply, &error);
		return;
	}
	if (clock_advance_ms(clock, ms)) {
		problem_set(reply, 400, "advance_ms", "is more than the clock can hold");
		return;
	}
	json_writer_init(&writer, &reply->body);
	json_begin_object(&writer);
	json_name(&writer, "now_ms");
	json_put_u64(&writer, clock_utc_ms(clock));
	json_end_object(&writer);
}
