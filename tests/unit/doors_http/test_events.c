/* Streams of events over a real connection, on a time that the test moves. */
/* SPDX-License-Identifier: MIT */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doors/http/http.h"
#include "service/records_priv.h"
#include "service/service_priv.h"
#include "unit/httpd/client.h"
#include "unit/service/listening.h"

#define TOKEN "a-token-that-may-watch-events"

enum { TICKS_PER_HEARTBEAT = 15 * EVENTS_TICKS_PER_S };

/* The door, and one stream that it answered. */
struct door {
	struct http *http;
	int fd;
	char text[65536]; /* all that came */
	size_t len;
};

static void add_key(struct rig *rig, uint64_t expires_at_ms)
{
	struct api_key key = {
		.id = "key_watcher",
		.tenant = SERVICE_TENANT_DEFAULT,
		.name = "watcher",
		.rights = AUTH_EVENTS_READ,
		.expires_at_ms = expires_at_ms,
	};
	_cleanup_buf_ struct buf value;
	char name[RECORD_NAME_SIZE];

	buf_init(&value);
	auth_digest(TOKEN, strlen(TOKEN), key.digest);
	api_key_save(&key, &value);
	record_api_key_name(key.tenant, key.id, name);
	rig_settle(rig, rig_write(rig, name, value.data));
}

/* Reads until `part` has come; *ret is where. */
static const char *read_until(struct door *door, const char *part)
{
	const char *found;

	while (!(found = strstr(door->text, part))) {
		struct pollfd waited = {.fd = door->fd, .events = POLLIN};
		ssize_t n;

		assert_int_equal(poll(&waited, 1, CLIENT_WAIT_MS), 1);
		n = recv(door->fd, door->text + door->len, sizeof(door->text) - 1 - door->len, 0);
		assert_true(n > 0);
		door->len += (size_t)n;
		door->text[door->len] = '\0';
	}
	return found;
}

static bool nothing_more_comes(struct door *door)
{
	struct pollfd waited = {.fd = door->fd, .events = POLLIN};

	return poll(&waited, 1, 30) == 0;
}

static void open_door(struct rig *rig, const char *target, struct door *ret)
{
	static const struct sockaddr_in address = {.sin_family = AF_INET,
						   .sin_addr.s_addr = 0x0100007f};
	const struct http_config config = {
		.address = (const struct sockaddr *)&address,
		.address_len = sizeof(address),
		.service = rig->service,
		.version = "test",
		.events_max = 2,
	};
	char request[256];

	memset(ret, 0, sizeof(*ret));
	listening_own_time(rig);
	assert_int_equal(http_new(&config, &rig->error, &ret->http), 0);
	ret->fd = client_connect(http_port(ret->http));
	snprintf(request, sizeof(request),
		 "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " TOKEN "\r\n\r\n", target);
	client_send_text(ret->fd, request);
	read_until(ret, "retry: 2000\n\n\r\n");
	events_admit(&rig->service->events, listening_now_ns(rig));
}

static void close_door(struct door *door)
{
	close(door->fd);
	http_free(door->http);
}

static void quiet_stream_is_kept_alive_by_comments(void **state)
{
	struct rig *rig = *state;
	struct door door;

	add_key(rig, 0);
	open_door(rig, "/api/events?only=decisions", &door);
	/* The first tick says when it began. */
	listening_tick(rig, TICKS_PER_HEARTBEAT);
	assert_true(nothing_more_comes(&door));
	listening_tick(rig, 1);
	read_until(&door, "\r\n3\r\n:\n\n\r\n");
	listening_tick(rig, TICKS_PER_HEARTBEAT - 1);
	assert_true(nothing_more_comes(&door));
	listening_tick(rig, 1);
	assert_false(nothing_more_comes(&door));
	close_door(&door);
}

static void busy_stream_needs_no_comments(void **state)
{
	struct rig *rig = *state;
	struct door door;

	add_key(rig, 0);
	open_door(rig, "/api/events?only=rates", &door);
	for (int second = 0; second < 16; second++) {
		listening_tick(rig, EVENTS_TICKS_PER_S);
		door.len = 0;
		door.text[0] = '\0';
		read_until(&door, "event: rates\ndata: {");
	}
	assert_null(strstr(door.text, "\n:\n"));
	close_door(&door);
}

static void stream_of_a_key_that_expires_ends_then(void **state)
{
	struct rig *rig = *state;
	struct door door;

	add_key(rig, clock_utc_ms(&rig->clock) + 2000);
	open_door(rig, "/api/events", &door);
	listening_tick(rig, 7);
	read_until(&door, "event: rates");
	assert_true(nothing_more_comes(&door));
	listening_tick(rig, 1);
	/* The thread would look at once. */
	events_admit(&rig->service->events, listening_now_ns(rig));
	read_until(&door, "\r\n0\r\n\r\n");
	assert_true(client_sees_end(door.fd, CLIENT_WAIT_MS));
	close_door(&door);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
		TEST(quiet_stream_is_kept_alive_by_comments),
		TEST(busy_stream_needs_no_comments),
		TEST(stream_of_a_key_that_expires_ends_then),
	};

	return cmocka_run_group_tests_name("http_events", tests, rig_random, NULL);
}
