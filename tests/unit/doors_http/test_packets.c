/* Health and /api/packets: what they say of interfaces, and when they say no. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "datapath/backends.h"
#include "doors/http/handlers.h"
#include "doors/http/http_priv.h"
#include "unit/service/fault_packets.h"
#include "unit/service/rig.h"

/* One request to a handler, and what it answered as text. */
struct asked {
	struct http http;
	struct request request;
	struct reply reply;
	char body[8192];
};

static void ask(struct rig *rig, const char *query,
		void (*handle)(struct request *request, struct reply *reply), struct asked *ret)
{
	static char text[64];

	memset(ret, 0, sizeof(*ret));
	ret->http.config.service = rig->service;
	ret->http.config.version = "0";
	ret->request.http = &ret->http;
	ret->request.who = rig->who;
	strcpy(text, query);
	assert_int_equal(query_parse(text, strlen(text), &rig->error, &ret->request.query), 0);
	reply_init(&ret->reply);
	handle(&ret->request, &ret->reply);
	assert_false(ret->reply.body.failed);
	assert_true(ret->reply.body.len < sizeof(ret->body));
	memcpy(ret->body, ret->reply.body.data, ret->reply.body.len);
	ret->body[ret->reply.body.len] = '\0';
	reply_done(&ret->reply);
}

static void expect(const struct asked *asked, unsigned int status, const char *part)
{
	print_message("# %s\n", asked->body);
	assert_int_equal(asked->reply.status, status);
	assert_non_null(strstr(asked->body, part));
}

static void readyz_without_named_interface_is_ready(void **state)
{
	struct rig *rig = *state;
	struct asked asked;

	ask(rig, "", handle_readyz, &asked);
	expect(&asked, 200, "{\"status\":\"ok\"}");
	ask(rig, "verbose", handle_readyz, &asked);
	expect(&asked, 200, "\"packets\":\"on\",\"interfaces\":[]}");
	ask(rig, "verbose", handle_livez, &asked);
	assert_null(strstr(asked.body, "interfaces"));
}

static void readyz_waits_for_interface_and_says_why(void **state)
{
	struct rig *rig = *state;
	struct fault_packets *fault = fault_packets_install(rig->datapath);
	struct asked asked;

	fault->interface = (struct datapath_interface){
		.name = "eth7", .mode = DATAPATH_NONE, .why = "there is no such interface"};
	fault->n_interfaces = 1;
	ask(rig, "", handle_readyz, &asked);
	expect(&asked, 503,
	       "\"reason\":\"interface eth7 does not enforce: there is no such interface\"");
	ask(rig, "verbose", handle_readyz, &asked);
	expect(&asked, 503,
	       "\"interfaces\":[{\"name\":\"eth7\",\"mode\":\"none\","
	       "\"why\":\"there is no such interface\"}]");
	ask(rig, "verbose", handle_livez, &asked);
	assert_int_equal(asked.reply.status, 200);
	fault->interface.mode = DATAPATH_NATIVE;
	fault->interface.why[0] = '\0';
	ask(rig, "verbose", handle_readyz, &asked);
	expect(&asked, 200, "{\"name\":\"eth7\",\"mode\":\"native\",\"why\":\"\"}");
	fault->interface.mode = DATAPATH_GENERIC;
	ask(rig, "verbose", handle_readyz, &asked);
	expect(&asked, 200, "\"mode\":\"generic\"");
}

static void readyz_of_a_stopping_server_says_so(void **state)
{
	struct rig *rig = *state;
	struct asked asked = {.reply = {.status = 0}};

	atomic_store(&asked.http.draining, true);
	asked.http.config.service = rig->service;
	asked.request.http = &asked.http;
	reply_init(&asked.reply);
	handle_readyz(&asked.request, &asked.reply);
	assert_int_equal(asked.reply.status, 503);
	assert_non_null(memmem(asked.reply.body.data, asked.reply.body.len, "stopping", 8));
	reply_done(&asked.reply);
}

static void packets_show_reasons_and_limits(void **state)
{
	struct rig *rig = *state;
	struct asked asked;
	char id[ID_SIZE];

	rig_add(rig, RIG_PACKETS(53, 100), id);
	rig->pins->reasons.passed = 11;
	rig->pins->reasons.busy = 12;
	ask(rig, "", handle_packets, &asked);
	expect(&asked, 200, "{\"packets\":\"on\",\"interfaces\":[],\"reasons\":{\"passed\":11,");
	expect(&asked, 200, "\"busy\":12},");
	expect(&asked, 200,
	       "\"limits\":{\"max\":64,\"max_per_packet\":16,\"configured\":1,\"in_force\":1}}");
	ask(rig, "x=1", handle_packets, &asked);
	assert_int_equal(asked.reply.status, 400);
}

static void packets_that_are_off_say_why(void **state)
{
	struct rig *rig = *state;
	struct asked asked;

	rig_stop(rig);
	datapath_close(rig->datapath, false);
	assert_int_equal(datapath_open_off("a \"reason\"", &rig->datapath), 0);
	rig_start(rig, 10);
	ask(rig, "", handle_packets, &asked);
	expect(&asked, 200, "{\"packets\":\"a \\\"reason\\\"\",");
	ask(rig, "verbose", handle_readyz, &asked);
	expect(&asked, 200, "\"packets\":\"a \\\"reason\\\"\"");
}

static void change_that_is_not_in_force_yet_says_so(void **state)
{
	struct rig *rig = *state;
	struct fault_packets *fault = fault_packets_install(rig->datapath);
	struct asked asked = {.reply = {.status = 0}};
	char id[ID_SIZE];

	rig_add(rig, RIG_PACKETS(53, 100), id);
	atomic_store(&fault->publish, -EIO);
	asked.http.config.service = rig->service;
	asked.request.http = &asked.http;
	asked.request.who = rig->who;
	memcpy(asked.request.id, id, sizeof(id));
	reply_init(&asked.reply);
	handle_limits_delete(&asked.request, &asked.reply);
	assert_int_equal(asked.reply.status, 503);
	assert_non_null(memmem(asked.reply.body.data, asked.reply.body.len,
			       "the change is written, but not in force yet: read", 49));
	reply_done(&asked.reply);
	atomic_store(&fault->publish, 0);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup_packets, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(readyz_without_named_interface_is_ready),
		ON_RIG(readyz_waits_for_interface_and_says_why),
		ON_RIG(readyz_of_a_stopping_server_says_so),
		ON_RIG(packets_show_reasons_and_limits),
		ON_RIG(packets_that_are_off_say_why),
		ON_RIG(change_that_is_not_in_force_yet_says_so),
	};

	return cmocka_run_group_tests_name("http/packets", tests, rig_random, NULL);
}
