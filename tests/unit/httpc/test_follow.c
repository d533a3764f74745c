/* Following an answer without an end, from a server that streams. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "httpc/httpc.h"
#include "unit/httpd/client.h"
#include "unit/httpd/server.h"

/* What the test does while it is looked at, step by step. */
struct scene {
	struct server server;
	struct httpc *httpc;
	struct httpd_stream *stream;
	bool (*step)(struct scene *scene);
	unsigned int looks;
	char taken[1000];
	bool takes_one;
};

static bool take(const char *bytes, size_t len, void *data)
{
	struct scene *scene = data;

	strncat(scene->taken, bytes, len);
	return !scene->takes_one;
}

static bool look(void *data)
{
	struct scene *scene = data;

	scene->looks++;
	return scene->step(scene);
}

static int setup(void **state)
{
	static struct scene scene;
	struct httpd_config config = server_config();
	struct httpc_config client = {.timeout_ms = 5000};
	struct field_error error;
	char url[64];

	memset(&scene, 0, sizeof(scene));
	server_start(&scene.server, &config);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", scene.server.port);
	client.url = url;
	assert_int_equal(httpc_new(&client, &error, &scene.httpc), 0);
	*state = &scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	httpc_free(scene->httpc);
	if (scene->server.httpd)
		server_stop(&scene->server);
	/* Also one of a client that has left already. */
	while (scene->stream || (scene->stream = server_wait_stream(0))) {
		httpd_stream_end(scene->stream);
		scene->stream = NULL;
	}
	return 0;
}

static int follow(struct scene *scene, const char *path, struct httpc_watch *watch,
		  struct field_error *error, struct httpc_answer *ret)
{
	static const char large[SERVER_BODY_MAX + 1];
	bool posts = strcmp(path, "/") == 0;
	const struct httpc_request request = {
		.method = posts ? "POST" : "GET",
		.path = path,
		.json = posts ? large : NULL,
		.json_len = sizeof(large),
	};

	watch->take = take;
	watch->look = look;
	watch->data = scene;
	return httpc_follow(scene->httpc, &request, watch, error, ret);
}

static bool speak(struct scene *scene)
{
	if (scene->looks == 1) {
		scene->stream = server_take_stream();
		assert_int_equal(httpd_stream_write(scene->stream, "one", 3), 0);
	} else if (scene->looks == 2) {
		assert_int_equal(httpd_stream_write(scene->stream, "two", 3), 0);
	} else if (scene->looks == 3) {
		httpd_stream_end(scene->stream);
		scene->stream = NULL;
	}
	return true;
}

static void stream_is_taken_to_its_end(void **state)
{
	struct httpc_watch watch = {.look_ms = 10, .silent_ms = 5000};
	struct httpc_answer answer = {0};
	struct scene *scene = *state;
	struct field_error error;

	scene->step = speak;
	assert_int_equal(follow(scene, "/stream", &watch, &error, &answer), 0);
	assert_int_equal(answer.status, 200);
	assert_string_equal(scene->taken, "onetwo");
	assert_int_equal(answer.body.len, 0);
	/* The next one is asked as if nothing had been. */
	scene->looks = 0;
	scene->taken[0] = '\0';
	assert_int_equal(follow(scene, "/stream", &watch, &error, &answer), 0);
	assert_string_equal(scene->taken, "onetwo");
}

static void stream_is_left_when_it_is_enough(void **state)
{
	struct httpc_watch watch = {.look_ms = 10, .silent_ms = 5000};
	struct httpc_answer answer = {0};
	struct scene *scene = *state;
	struct field_error error;
	uint64_t until;

	scene->step = speak;
	scene->takes_one = true;
	assert_int_equal(follow(scene, "/stream", &watch, &error, &answer), 0);
	assert_string_equal(scene->taken, "one");
	until = client_now_ms() + CLIENT_WAIT_MS;
	while (server_gone() == 0 && client_now_ms() < until)
		usleep(1000);
	assert_int_equal(server_gone(), 1);
}

static bool leave(struct scene *scene)
{
	return false;
}

/* What can be read of another descriptor is looked at without waiting for the time. */
static void other_descriptors_are_looked_at(void **state)
{
	struct httpc_watch watch = {.look_ms = 4000, .silent_ms = 5000, .n_fds = 1};
	struct httpc_answer answer = {0};
	struct scene *scene = *state;
	uint64_t from = client_now_ms();
	struct field_error error;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	watch.fds = ends;
	scene->step = leave;
	assert_int_equal(follow(scene, "/stream", &watch, &error, &answer), 0);
	assert_in_range(client_now_ms() - from, 0, 2000);
	assert_int_equal(scene->looks, 1);
	close(ends[0]);
	close(ends[1]);
}

/* And not a whole wait later. */
static void look_comes_when_it_is_time(void **state)
{
	struct httpc_watch watch = {.look_ms = 600, .silent_ms = 5000};
	struct httpc_answer answer = {0};
	struct scene *scene = *state;
	uint64_t from = client_now_ms();
	struct field_error error;

	scene->step = leave;
	assert_int_equal(follow(scene, "/stream", &watch, &error, &answer), 0);
	assert_in_range(client_now_ms() - from, 600, 1190);
}

static bool listen_on(struct scene *scene)
{
	if (!scene->stream)
		scene->stream = server_wait_stream(0);
	return true;
}

static void silence_has_an_end(void **state)
{
	struct httpc_watch watch = {.look_ms = 10, .silent_ms = 150};
	struct httpc_answer answer = {0};
	struct scene *scene = *state;
	uint64_t from = client_now_ms();
	struct field_error error;

	scene->step = listen_on;
	assert_int_equal(follow(scene, "/stream", &watch, &error, &answer), HTTPC_E_TIMEOUT);
	assert_in_range(client_now_ms() - from, 140, 3000);
	assert_string_equal(error.message, "nothing came for 0.15 s");
}

static bool cut(struct scene *scene)
{
	if (scene->looks == 1) {
		speak(scene);
	} else if (*scene->taken && scene->server.httpd) {
		server_stop(&scene->server);
		scene->server.httpd = NULL;
	}
	return true;
}

static void stream_that_breaks_off_is_told_from_one_that_ends(void **state)
{
	struct httpc_watch watch = {.look_ms = 10, .silent_ms = 5000};
	struct httpc_answer answer = {0};
	struct scene *scene = *state;
	struct field_error error;

	scene->step = cut;
	assert_int_equal(follow(scene, "/stream", &watch, &error, &answer), HTTPC_E_FAILED);
	assert_string_equal(scene->taken, "one");
	assert_true(*error.message);
	/* And then there is nobody. */
	assert_int_equal(follow(scene, "/stream", &watch, &error, &answer), HTTPC_E_REFUSED);
}

static bool wait_on(struct scene *scene)
{
	return true;
}

static void answer_of_another_status_is_not_taken(void **state)
{
	struct httpc_watch watch = {.look_ms = 10, .silent_ms = 5000};
	struct httpc_answer answer = {0};
	struct scene *scene = *state;
	struct field_error error;

	scene->step = wait_on;
	assert_int_equal(follow(scene, "/204", &watch, &error, &answer), 0);
	assert_int_equal(answer.status, 204);
	/* A body that is too large. */
	assert_int_equal(follow(scene, "/", &watch, &error, &answer), 0);
	assert_int_equal(answer.status, 413);
	assert_string_equal(answer.body.data, "POST /");
	assert_string_equal(scene->taken, "");
	buf_done(&answer.body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(stream_is_taken_to_its_end),
		TEST(stream_is_left_when_it_is_enough),
		TEST(other_descriptors_are_looked_at),
		TEST(look_comes_when_it_is_time),
		TEST(silence_has_an_end),
		TEST(stream_that_breaks_off_is_told_from_one_that_ends),
		TEST(answer_of_another_status_is_not_taken),
	};

	return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
