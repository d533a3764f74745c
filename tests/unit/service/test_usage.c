/* What is asked is counted once, by tenant and hour, whatever the ledger does. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/backends.h"
#include "journal/ledger_priv.h"
#include "service/history.h"
#include "service/service_priv.h"
#include "unit/service/rig.h"

#define HOUR_MS ((uint64_t)LEDGER_HOUR_MS)

static int setup(void **state)
{
	int err = rig_setup(state);
	struct rig *rig = *state;
	char id[ID_SIZE];

	rig_stop(rig);
	assert_int_equal(ledger_new_memory(&rig->ledger), 0);
	rig_start(rig, 100);
	rig_add(rig, RIG_LIMIT("k", 1000000, "1d"), id);
	return err;
}

/* Checks of each hour, oldest first. */
struct list {
	uint64_t allowed[16], hours[16];
	size_t n;
};

static int list_hour(const struct ledger_usage *usage, void *data)
{
	struct list *list = data;

	list->hours[list->n] = usage->start_ms / HOUR_MS;
	list->allowed[list->n++] = usage->allowed;
	assert_int_equal(usage->tokens, usage->allowed);
	return 0;
}

static struct list list_all(struct rig *rig)
{
	const struct ledger_span span = {.to_ms = INT64_MAX, .period_ms = HOUR_MS};
	struct list list = {.n = 0};

	assert_int_equal(service_each_usage(rig->service, &rig->who, span, list_hour, &list,
					    &rig->error),
			 0);
	return list;
}

static uint64_t count_all(struct rig *rig)
{
	struct list list = list_all(rig);
	uint64_t sum = 0;

	for (size_t i = 0; i < list.n; i++)
		sum += list.allowed[i];
	return sum;
}

static void ask(struct rig *rig, unsigned int n)
{
	assert_int_equal(rig_count_allowed(rig, "k", n), n);
}

static void stop_writes_what_was_asked_and_start_goes_on(void **state)
{
	struct rig *rig = *state;

	for (unsigned int n = 1; n <= 3; n++) {
		ask(rig, n);
		rig_stop(rig);
		rig_start(rig, 100);
		assert_int_equal(count_all(rig), n * (n + 1) / 2);
	}
}

static void asking_twice_counts_once(void **state)
{
	struct rig *rig = *state;

	ask(rig, 5);
	assert_int_equal(count_all(rig), 5);
	assert_int_equal(count_all(rig), 5);
	ask(rig, 2);
	assert_int_equal(count_all(rig), 7);
}

static void tenants_are_counted_apart_and_summed_up_for_metrics(void **state)
{
	struct rig *rig = *state;
	struct metrics_facts *facts = calloc(1, sizeof(*facts));
	struct rig other;

	/* On a page of counters that is not there yet. */
	rig_settle(rig, rig_write(rig, "tenants/other", "{\"schema\":1,\"number\":70}"));
	other = *rig;
	strcpy(other.who.tenant, "other");
	other.who.tenant_number = 70;
	ask(rig, 3);
	for (int i = 0; i < 4; i++)
		assert_true(rig_allows(&other, "k", 1));
	assert_int_equal(count_all(rig), 3);
	/* Nothing limits this tenant, so it consumes nothing, but it asks. */
	assert_int_equal(tally_read(&rig->service->tally, 70, METRICS_CHECK_ALLOWED), 4);
	assert_int_equal(tally_read(&rig->service->tally, 70, TALLY_TOKENS), 0);
	service_measure(rig->service, facts);
	assert_int_equal(facts->checks[METRICS_CHECK_ALLOWED], 7);
	free(facts);
}

static void tenant_of_a_number_beyond_all_is_answered(void **state)
{
	struct rig *rig = *state;
	struct rig other = *rig;

	other.who.tenant_number = UINT32_MAX;
	assert_true(rig_allows(&other, "k", 1));
	assert_int_equal(count_all(rig), 0);
}

/* A ledger that refuses usage, after writing it or instead. */
static struct ledger_ops faulty;
static const struct ledger_ops *sound;
static bool writes;

static int add_usage_badly(struct ledger *ledger, const struct ledger_addition *addition,
			   struct field_error *error)
{
	if (writes)
		sound->add_usage(ledger, addition, error);
	field_error_set(error, "", "the test says so");
	return LEDGER_E_REFUSED;
}

static void break_ledger(struct rig *rig, bool write)
{
	pthread_mutex_lock(&rig->ledger->lock);
	sound = rig->ledger->ops;
	faulty = *sound;
	faulty.add_usage = add_usage_badly;
	writes = write;
	rig->ledger->ops = &faulty;
	pthread_mutex_unlock(&rig->ledger->lock);
}

static void mend_ledger(struct rig *rig)
{
	pthread_mutex_lock(&rig->ledger->lock);
	rig->ledger->ops = sound;
	pthread_mutex_unlock(&rig->ledger->lock);
}

static void addition_of_unknown_outcome_is_counted_once(void **state)
{
	struct rig *rig = *state;

	for (int round = 1; round <= 3; round++) {
		break_ledger(rig, true);
		ask(rig, 5);
		(void)list_all(rig);
		/* Nor what is asked while nobody knows what became of it. */
		ask(rig, 2);
		(void)list_all(rig);
		mend_ledger(rig);
		assert_int_equal(count_all(rig), 7 * round);
		assert_int_equal(count_all(rig), 7 * round);
	}
}

static void hours_are_kept_apart_while_nothing_can_be_written(void **state)
{
	struct rig *rig = *state;
	uint64_t hour = clock_utc_ms(&rig->clock) / HOUR_MS;
	struct list list;

	break_ledger(rig, false);
	for (unsigned int i = 1; i <= 4; i++) {
		ask(rig, i);
		(void)list_all(rig);
		clock_advance_ms(&rig->clock, HOUR_MS);
		(void)list_all(rig);
	}
	mend_ledger(rig);
	list = list_all(rig);
	assert_int_equal(list.n, 4);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(list.hours[i], hour + i);
		assert_int_equal(list.allowed[i], i + 1);
	}
}

static int refuse_to_open(struct ledger *ledger, struct field_error *error,
			  struct field_error *aside)
{
	field_error_set(error, "", "the test says so");
	return LEDGER_E_NEWER;
}

static void hours_are_kept_apart_while_the_ledger_cannot_be_opened(void **state)
{
	struct rig *rig = *state;
	uint64_t hour = clock_utc_ms(&rig->clock) / HOUR_MS;
	struct field_error error, aside;
	struct list list;

	rig_stop(rig);
	sound = rig->ledger->ops;
	faulty = *sound;
	faulty.open = refuse_to_open;
	rig->ledger->ops = &faulty;
	rig->ledger->open = false;
	rig_start(rig, 100);
	for (unsigned int i = 1; i <= 3; i++) {
		ask(rig, i);
		/* What the scribe does after a try. */
		pthread_mutex_lock(&rig->service->scribe.work);
		assert_int_equal(scribe_carry_usage(&rig->service->scribe, &error),
				 LEDGER_E_CLOSED);
		pthread_mutex_unlock(&rig->service->scribe.work);
		clock_advance_ms(&rig->clock, HOUR_MS);
		pthread_mutex_lock(&rig->service->scribe.work);
		assert_int_equal(scribe_carry_usage(&rig->service->scribe, &error),
				 LEDGER_E_CLOSED);
		pthread_mutex_unlock(&rig->service->scribe.work);
	}
	mend_ledger(rig);
	assert_int_equal(ledger_open(rig->ledger, &error, &aside), 0);
	rig_stop(rig);
	rig_start(rig, 100);
	list = list_all(rig);
	assert_int_equal(list.n, 3);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(list.hours[i], hour + i);
		assert_int_equal(list.allowed[i], i + 1);
	}
}

static void what_waits_in_one_hour_is_one_batch(void **state)
{
	struct rig *rig = *state;

	break_ledger(rig, false);
	for (int i = 0; i < 20; i++) {
		ask(rig, 3);
		(void)list_all(rig);
	}
	assert_int_equal(rig->service->scribe.n_batches, 1);
	mend_ledger(rig);
	assert_int_equal(count_all(rig), 60);
	assert_int_equal(rig->service->scribe.n_batches, 0);
}

static void one_check_counts_no_more_tokens_than_there_are_bits_for(void **state)
{
	struct rig *rig = *state;
	const struct tally *tally = &rig->service->tally;
	char id[ID_SIZE];

	rig_add(rig,
		"{\"key\":\"huge\",\"limit\":281474976710655,\"interval\":\"1d\","
		"\"algorithm\":\"fixed_window\"}",
		id);
	assert_true(rig_allows(rig, "huge", CHECK_TOKENS_MAX + 1));
	assert_true(tally_read(tally, 0, TALLY_TOKENS) == CHECK_TOKENS_MAX);
	assert_true(rig_allows(rig, "huge", INT64_MIN));
	assert_true(tally_read(tally, 0, TALLY_REFUNDED) == CHECK_TOKENS_MAX);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(stop_writes_what_was_asked_and_start_goes_on),
		ON_RIG(asking_twice_counts_once),
		ON_RIG(tenants_are_counted_apart_and_summed_up_for_metrics),
		ON_RIG(tenant_of_a_number_beyond_all_is_answered),
		ON_RIG(addition_of_unknown_outcome_is_counted_once),
		ON_RIG(hours_are_kept_apart_while_nothing_can_be_written),
		ON_RIG(hours_are_kept_apart_while_the_ledger_cannot_be_opened),
		ON_RIG(what_waits_in_one_hour_is_one_batch),
		ON_RIG(one_check_counts_no_more_tokens_than_there_are_bits_for),
	};

	return cmocka_run_group_tests_name("service/usage", tests, rig_random, NULL);
}
