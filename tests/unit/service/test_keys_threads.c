/* Requests are told who asks while keys are made, renamed and revoked. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "service/admin_keys.h"
#include "unit/service/rig.h"

enum {
	ASKERS = 3,
	ROUNDS = 150,
};

struct asker {
	struct service *service;
	const char *token;
	atomic_bool *revoked; /* the call that revokes it has returned */
	atomic_bool *stop;
	unsigned int known;
	bool failed;
};

/* Once it is revoked, no later request may be let in. */
static void *ask_all(void *data)
{
	struct asker *asker = data;
	struct keyring_memo memo = {.use = NULL};
	struct principal who;

	while (!atomic_load(asker->stop)) {
		bool revoked = atomic_load(asker->revoked);
		int r = service_identify(asker->service, asker->token, strlen(asker->token), &memo,
					 &who);

		if ((r == 0 && revoked) || (r != 0 && r != AUTH_E_UNKNOWN))
			asker->failed = true;
		asker->known += r == 0;
	}
	return NULL;
}

static int make(struct rig *rig, struct admin_key_result *ret)
{
	static const char body[] = "{\"name\":\"n\",\"rights\":[\"check\"]}";
	_cleanup_json_ struct json_document *document = NULL;
	const struct actor actor = {.who = &rig->who};

	assert_int_equal(json_parse(body, strlen(body), &rig->error, &document), 0);
	return admin_key_create(rig->service, &actor, json_root(document), &rig->error, ret);
}

static void revoke(struct rig *rig, const char *id)
{
	const struct actor actor = {.who = &rig->who};
	struct admin_target target = {.id = id};

	assert_int_equal(admin_key_delete(rig->service, &actor, &target, &rig->error), 0);
}

static void key_revoked_lets_nobody_in_on_any_thread(void **state)
{
	struct rig *rig = *state;
	struct asker askers[ASKERS] = {0};
	pthread_t threads[ASKERS];
	struct admin_key_result kept, other;
	atomic_bool revoked = false, stop = false;
	unsigned int known = 0;

	assert_int_equal(make(rig, &kept), 0);
	for (int i = 0; i < ASKERS; i++) {
		askers[i] = (struct asker){rig->service, kept.token, &revoked, &stop, 0, false};
		assert_int_equal(pthread_create(&threads[i], NULL, ask_all, &askers[i]), 0);
	}
	for (int i = 0; i < ROUNDS; i++) {
		assert_int_equal(make(rig, &other), 0);
		assert_int_equal(clock_advance_ms(&rig->clock, KEY_USE_EVERY_MS), 0);
		revoke(rig, other.key.id);
	}
	revoke(rig, kept.key.id);
	atomic_store(&revoked, true);
	for (int i = 0; i < ROUNDS; i++) {
		assert_int_equal(make(rig, &other), 0);
		revoke(rig, other.key.id);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < ASKERS; i++) {
		pthread_join(threads[i], NULL);
		known += askers[i].known;
		assert_false(askers[i].failed);
	}
	assert_true(known > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(key_revoked_lets_nobody_in_on_any_thread, rig_setup,
						rig_teardown),
	};

	return cmocka_run_group_tests_name("service/keys_threads", tests, rig_random, NULL);
}
