/* Checks, changes of limits and listeners that come and go, all at once; and the ring between threads. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/service_priv.h"
#include "unit/service/rig.h"

enum { CHECKERS = 3, LISTENERS = 3, ROUNDS = 12, ENTRIES = 40000 };

static struct rig *rig;
static atomic_bool stopping;
static atomic_uint told, decided, ended, wrong;
static atomic_ulong allowed;

/* Entries of changing length, whose bytes all say their number. */
static void *run_writer(void *data)
{
	struct ring *ring = data;

	for (unsigned int i = 0; i < ENTRIES;) {
		size_t len = 1 + i * 7919 % 900;
		char *at = ring_claim(ring, len);

		if (!at)
			continue;
		memset(at, (int)(i % 251), len);
		ring_commit(ring, len);
		i++;
	}
	return NULL;
}

static void ring_gives_every_entry_whole_and_in_order(void **state)
{
	struct ring *ring = aligned_alloc(_Alignof(struct ring), sizeof(*ring));
	unsigned int torn = 0;
	pthread_t writer;

	memset((void *)ring, 0, sizeof(*ring));
	pthread_create(&writer, NULL, run_writer, ring);
	for (unsigned int i = 0; i < ENTRIES;) {
		const unsigned char *at = ring_next(ring);

		if (!at)
			continue;
		for (size_t j = 0; j < 1 + i * 7919 % 900; j++)
			torn += at[j] != i % 251;
		ring_drop(ring);
		i++;
	}
	pthread_join(writer, NULL);
	assert_int_equal(torn, 0);
	assert_null(ring_next(ring));
	free(ring);
}

static void *run_checks(void *data)
{
	struct check_answer answer;
	struct field_error error;
	char key[20];

	for (unsigned int i = 0; !atomic_load(&stopping); i++) {
		struct check_request request = {.key = key, .cost = 1};

		request.key_len = (size_t)snprintf(key, sizeof(key), "k%u", i * 13 % 500);
		if (service_check(rig->service, &rig->who, &request, &error, &answer))
			atomic_fetch_add(&wrong, 1);
		else
			atomic_fetch_add(&allowed, answer.allowed);
	}
	return NULL;
}

static void *run_changes(void *data)
{
	while (!atomic_load(&stopping)) {
		char id[ID_SIZE];

		rig_add(rig, RIG_LIMIT("k1*", 100, "1s"), id);
		if (rig_delete(rig, id, 0))
			atomic_fetch_add(&wrong, 1);
	}
	return NULL;
}

static void note_news(const struct events_news *news, void *data)
{
	for (size_t i = 0; i < news->n_decisions; i++)
		if (news->decisions[i].key[0] != 'k')
			atomic_fetch_add(&wrong, 1);
	atomic_fetch_add(&decided, (unsigned int)news->n_decisions);
	atomic_fetch_add(&told, 1);
}

static void note_end(void *data)
{
	atomic_fetch_add(&ended, 1);
}

static struct events_listener *listen_once(void)
{
	const struct events_wish wish = {
		.rates = true, .decisions = true, .tell = note_news, .end = note_end};
	struct events_listener *listener;

	if (events_listener_new(rig->service, &wish, &listener))
		return NULL;
	events_begin(listener);
	return listener;
}

static void *run_listeners(void *data)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct events_listener *listener = listen_once();

		usleep(i % 3 * 60000);
		events_close(listener);
	}
	return NULL;
}

static void listeners_come_and_go_amid_checks_and_changes(void **state)
{
	pthread_t checkers[CHECKERS], listeners[LISTENERS], changer;
	char id[ID_SIZE];

	rig = *state;
	rig_add(rig, RIG_LIMIT("k*", 50, "1s"), id);
	for (int i = 0; i < CHECKERS; i++)
		pthread_create(&checkers[i], NULL, run_checks, NULL);
	pthread_create(&changer, NULL, run_changes, NULL);
	for (int i = 0; i < LISTENERS; i++)
		pthread_create(&listeners[i], NULL, run_listeners, NULL);
	for (int i = 0; i < LISTENERS; i++)
		pthread_join(listeners[i], NULL);
	/* One is still there when the service stops. */
	assert_non_null(listen_once());
	events_stop(rig->service);
	assert_int_equal(atomic_load(&ended), LISTENERS * ROUNDS + 1);
	assert_non_null(listen_once());
	assert_int_equal(atomic_load(&ended), LISTENERS * ROUNDS + 2);
	atomic_store(&stopping, true);
	for (int i = 0; i < CHECKERS; i++)
		pthread_join(checkers[i], NULL);
	pthread_join(changer, NULL);
	assert_int_equal(atomic_load(&wrong), 0);
	assert_true(atomic_load(&told) > 0);
	assert_true(atomic_load(&decided) > 0);
	assert_true(atomic_load(&allowed) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring_gives_every_entry_whole_and_in_order),
		cmocka_unit_test_setup_teardown(listeners_come_and_go_amid_checks_and_changes,
						rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests_name("events_threads", tests, rig_random, NULL);
}
