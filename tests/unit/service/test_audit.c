/* Every change brings its entry, in its own transaction, whatever the ledger does. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/backends.h"
#include "journal/ledger_priv.h"
#include "service/audit_priv.h"
#include "service/history.h"
#include "service/service_priv.h"
#include "unit/service/fault_store.h"
#include "unit/service/rig.h"

static int setup(void **state)
{
	int err = rig_setup(state);
	struct rig *rig = *state;

	rig_stop(rig);
	assert_int_equal(ledger_new_memory(&rig->ledger), 0);
	rig_start(rig, 100);
	return err;
}

/* Actions of all entries, oldest first, and what else is asked of each. */
struct list {
	char actions[2048];
	char last_id[ID_SIZE]; /* of the newest that is older than the former */
	size_t n;
	struct ledger_entry newest; /* its texts are gone, but for: */
	char change[512], peer[64], request_id[300];
};

static int list_entry(const struct ledger_entry *entry, void *data)
{
	struct list *list = data;
	char former[sizeof(list->actions)];

	if (list->n++ == 0) {
		list->newest = *entry;
		snprintf(list->change, sizeof(list->change), "%s", entry->change);
		snprintf(list->peer, sizeof(list->peer), "%s", entry->peer);
		snprintf(list->request_id, sizeof(list->request_id), "%s", entry->request_id);
	} else {
		assert_true(strcmp(entry->id, list->last_id) < 0);
	}
	snprintf(list->last_id, sizeof(list->last_id), "%s", entry->id);
	memcpy(former, list->actions, sizeof(former));
	snprintf(list->actions, sizeof(list->actions), "%s%s%.*s", entry->action,
		 *former ? " " : "", 2000, former);
	return 0;
}

static struct list list_all(struct rig *rig)
{
	struct list list = {.n = 0};

	assert_int_equal(service_each_change(rig->service, &rig->who, (struct ledger_search){0},
					     list_entry, &list, &rig->error),
			 0);
	return list;
}

static struct service_ledger state_of(struct rig *rig)
{
	struct service_ledger state;

	service_ledger(rig->service, &state);
	return state;
}

static int reset(struct rig *rig, const char *id)
{
	return admin_limit_reset(rig->service, &rig->actor, id, NULL, 0, &rig->error);
}

static void changes_of_one_moment_are_listed_in_their_order(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	char id[ID_SIZE];

	for (int i = 0; i < 20; i++) {
		rig_add(rig, RIG_LIMIT("k", 5, "1m"), id);
		assert_int_equal(rig_update(rig, id, "{\"limit\":6}", 0, &result), 0);
		limit_done(&result.limit);
		assert_int_equal(reset(rig, id), 0);
		assert_int_equal(rig_delete(rig, id, 0), 0);
	}
	assert_int_equal(list_all(rig).n, 80);
	assert_memory_equal(list_all(rig).actions,
			    "limit.create limit.update limit.reset limit.delete limit.create", 60);
	assert_int_equal(state_of(rig).written, 80);
	assert_int_equal(rig_count_records(rig, AUDIT_ROOT), 0);
}

static void entry_says_where_a_change_came_from(void **state)
{
	struct rig *rig = *state;
	struct list list;
	char id[ID_SIZE], longest[260];

	rig->actor.peer = "2001:db8::1";
	rig->actor.request_id = "req-1";
	rig_add(rig, RIG_LIMIT("k", 5, "1m"), id);
	list = list_all(rig);
	assert_string_equal(list.peer, "2001:db8::1");
	assert_string_equal(list.request_id, "req-1");
	assert_int_equal(list.newest.time_ms, clock_utc_ms(&rig->clock));
	/* What no audit can rely on is left out; it must not hold the entry up. */
	memset(longest, 'x', sizeof(longest));
	longest[257] = '\0';
	rig->actor.request_id = longest;
	rig->actor.peer = "\xff";
	assert_int_equal(reset(rig, id), 0);
	list = list_all(rig);
	assert_string_equal(list.actions, "limit.create limit.reset");
	assert_string_equal(list.request_id, "");
	assert_string_equal(list.peer, "");
}

static struct fault_store *wrap_store(struct rig *rig)
{
	struct fault_store *fault = fault_store_new(rig->store);

	rig_stop(rig);
	rig->store = &fault->store;
	rig_start(rig, 100);
	return fault;
}

static void change_that_is_not_written_has_no_entry(void **state)
{
	struct rig *rig = *state;
	struct fault_store *fault = wrap_store(rig);
	struct admin_result result;

	fault->outcome = STORE_E_READ_ONLY;
	assert_int_equal(rig_create(rig, RIG_LIMIT("k", 5, "1m"), &result), ADMIN_E_STORE);
	fault->outcome = 0;
	assert_int_equal(list_all(rig).n, 0);
	assert_int_equal(state_of(rig).lost, 0);
}

static void change_of_unknown_outcome_has_an_entry_if_it_was_written(void **state)
{
	struct rig *rig = *state;
	struct fault_store *fault = wrap_store(rig);
	struct admin_result result;

	fault->outcome = STORE_E_UNKNOWN;
	fault->writes_anyway = true;
	assert_int_equal(rig_create(rig, RIG_LIMIT("k", 5, "1m"), &result), ADMIN_E_UNKNOWN);
	fault->outcome = 0;
	assert_string_equal(list_all(rig).actions, "limit.create");
}

static void update_limit(void *data)
{
	struct rig *rig = data;
	struct admin_result result;
	char id[ID_SIZE];

	memcpy(id, rig->error.message, sizeof(id));
	assert_int_equal(rig_update(rig, id, "{\"limit\":7}", 0, &result), 0);
	limit_done(&result.limit);
}

static void change_that_is_tried_again_has_one_entry_of_what_it_changed(void **state)
{
	struct rig *rig = *state;
	struct fault_store *fault = wrap_store(rig);
	struct admin_result result;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 5, "1m"), id);
	/* Somebody else changes the same limit right before. */
	memcpy(rig->error.message, id, sizeof(id));
	fault->before = update_limit;
	fault->data = rig;
	assert_int_equal(rig_update(rig, id, "{\"limit\":9}", 0, &result), 0);
	limit_done(&result.limit);
	assert_string_equal(list_all(rig).actions, "limit.create limit.update limit.update");
	assert_string_equal(list_all(rig).change, "{\"before\":{\"limit\":7,\"burst\":7},"
						  "\"after\":{\"limit\":9,\"burst\":9}}");
}

static void reset_works_where_no_entry_can_be_written(void **state)
{
	struct rig *rig = *state;
	struct fault_store *fault = wrap_store(rig);
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 1, "1m"), id);
	assert_true(rig_allows(rig, "k", 1));
	fault->outcome = STORE_E_READ_ONLY;
	assert_int_equal(reset(rig, id), 0);
	fault->outcome = 0;
	assert_true(rig_allows(rig, "k", 1));
	assert_int_equal(state_of(rig).lost, 1);
	assert_string_equal(list_all(rig).actions, "limit.create");
}

/* A ledger that writes what it is given and then says that it failed, or does not write. */
static struct ledger_ops faulty;
static const struct ledger_ops *sound;
static bool writes;

static int add_entries_badly(struct ledger *ledger, const struct ledger_entry *entries, size_t n,
			     struct field_error *error)
{
	if (writes)
		sound->add_entries(ledger, entries, n, error);
	field_error_set(error, "", "the test says so");
	return writes ? -EIO : LEDGER_E_REFUSED;
}

static void break_ledger(struct rig *rig, bool write)
{
	rig_stop(rig);
	sound = rig->ledger->ops;
	faulty = *sound;
	faulty.add_entries = add_entries_badly;
	writes = write;
	rig->ledger->ops = &faulty;
	rig_start(rig, 100);
}

static void mend_ledger(struct rig *rig)
{
	rig_stop(rig);
	rig->ledger->ops = sound;
	rig_start(rig, 100);
}

static void entries_wait_while_the_ledger_takes_none(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	break_ledger(rig, false);
	rig_add(rig, RIG_LIMIT("k", 5, "1m"), id);
	assert_int_equal(list_all(rig).n, 0);
	assert_int_equal(state_of(rig).waiting, 1);
	assert_int_equal(rig_count_records(rig, AUDIT_ROOT), 1);
	mend_ledger(rig);
	assert_string_equal(list_all(rig).actions, "limit.create");
	assert_int_equal(state_of(rig).waiting, 0);
	assert_int_equal(state_of(rig).lost, 0);
}

static void entry_that_was_written_after_all_is_there_once(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	break_ledger(rig, true);
	rig_add(rig, RIG_LIMIT("k", 5, "1m"), id);
	(void)service_each_change(rig->service, &rig->who, (struct ledger_search){0}, list_entry,
				  &(struct list){0}, &rig->error);
	assert_int_equal(rig_count_records(rig, AUDIT_ROOT), 1);
	mend_ledger(rig);
	assert_string_equal(list_all(rig).actions, "limit.create");
}

static void changes_beyond_what_may_wait_are_counted_as_lost(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("first", 5, "1m"), id);
	assert_int_equal(list_all(rig).n, 1);
	atomic_store(&rig->service->scribe.waiting, SCRIBE_NOTES_MAX);
	rig_add(rig, RIG_LIMIT("second", 5, "1m"), id);
	assert_int_equal(reset(rig, id), 0);
	assert_int_equal(state_of(rig).lost, 2);
	atomic_store(&rig->service->scribe.waiting, 0);
	rig_add(rig, RIG_LIMIT("third", 5, "1m"), id);
	assert_string_equal(list_all(rig).actions, "limit.create limit.create");
	assert_int_equal(state_of(rig).lost, 2);
}

static void change_tried_again_without_an_entry_is_lost_once(void **state)
{
	struct rig *rig = *state;
	struct fault_store *fault = wrap_store(rig);
	struct admin_result result;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 5, "1m"), id);
	assert_int_equal(list_all(rig).n, 1);
	atomic_store(&rig->service->scribe.waiting, SCRIBE_NOTES_MAX);
	memcpy(rig->error.message, id, sizeof(id));
	fault->before = update_limit;
	fault->data = rig;
	assert_int_equal(rig_update(rig, id, "{\"limit\":9}", 0, &result), 0);
	limit_done(&result.limit);
	/* The other's change, too. */
	assert_int_equal(state_of(rig).lost, 2);
}

static void note_that_cannot_be_read_holds_no_other_up(void **state)
{
	static const char *const rows[][2] = {
		{"audit/aud_0", "{\"schema\":2}"},
		{"audit/aud_1", "no json"},
		{"audit/aud_2", "[]"},
		{"audit/aud_3", "{\"schema\":1,\"time_ms\":-1}"},
		{"audit/else", "{\"schema\":1}"},
	};
	struct rig *rig = *state;
	char id[ID_SIZE];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		rig_write(rig, rows[i][0], rows[i][1]);
	rig_add(rig, RIG_LIMIT("k", 5, "1m"), id);
	assert_string_equal(list_all(rig).actions, "limit.create");
	assert_int_equal(rig_count_records(rig, AUDIT_ROOT), 5);
}

static void tenants_see_their_own_changes(void **state)
{
	struct rig *rig = *state;
	struct rig other;
	char id[ID_SIZE];

	rig_settle(rig, rig_write(rig, "tenants/other", "{\"schema\":1,\"number\":7}"));
	other = *rig;
	strcpy(other.who.tenant, "other");
	other.who.tenant_number = 7;
	other.actor.who = &other.who;
	rig_add(rig, RIG_LIMIT("k", 5, "1m"), id);
	rig_add(&other, RIG_LIMIT("k", 5, "1m"), id);
	assert_int_equal(rig_delete(&other, id, 0), 0);
	assert_string_equal(list_all(rig).actions, "limit.create");
	assert_string_equal(list_all(&other).actions, "limit.create limit.delete");
}

static void service_without_a_ledger_writes_no_notes(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE];

	rig_add(rig, RIG_LIMIT("k", 5, "1m"), id);
	assert_int_equal(rig_count_records(rig, AUDIT_ROOT), 0);
	assert_int_equal(service_each_change(rig->service, &rig->who, (struct ledger_search){0},
					     list_entry, &(struct list){0}, &rig->error),
			 HISTORY_E_OFF);
	assert_false(state_of(rig).kept);
}

static void limit_of_any_size_has_its_entry_whole(void **state)
{
	struct rig *rig = *state;
	_cleanup_buf_ struct buf body;
	struct admin_result result;

	buf_init(&body);
	buf_put_str(&body, "{\"limit\":1,\"interval\":\"1m\",\"key\":\"");
	for (int i = 0; i < ENGINE_KEY_MAX; i++)
		buf_put_str(&body, "\\u0001");
	buf_put_str(&body, "\"}");
	assert_int_equal(rig_create(rig, body.data, &result), 0);
	limit_done(&result.limit);
	assert_true(list_all(rig).newest.change_len > 6 * ENGINE_KEY_MAX);
}

static void change_beyond_the_room_of_an_entry_says_so(void **state)
{
	static char text[STORE_VALUE_MAX + 1];
	const struct ledger_entry head = {
		.id = "aud_1", .tenant = "t", .actor = "a", .action = "x", .object = "o"};
	_cleanup_note_ struct audit_note note;
	struct store_record record = {.key = note.name};
	struct audit_loaded loaded;

	memset(text, 'x', STORE_VALUE_MAX);
	audit_init(&note);
	audit_head(&note, &head);
	json_put_str(&note.writer, text);
	assert_int_equal(audit_end(&note), 0);
	assert_true(note.value.len <= STORE_VALUE_MAX);
	record.value = note.value.data;
	record.size = note.value.len;
	assert_int_equal(audit_load(&record, &loaded), 0);
	assert_string_equal(loaded.entry.change, "{\"too_large\":true}");
	assert_string_equal(loaded.entry.object, "o");
	audit_unload(&loaded);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(changes_of_one_moment_are_listed_in_their_order),
		ON_RIG(entry_says_where_a_change_came_from),
		ON_RIG(change_that_is_not_written_has_no_entry),
		ON_RIG(change_of_unknown_outcome_has_an_entry_if_it_was_written),
		ON_RIG(change_that_is_tried_again_has_one_entry_of_what_it_changed),
		ON_RIG(reset_works_where_no_entry_can_be_written),
		ON_RIG(entries_wait_while_the_ledger_takes_none),
		ON_RIG(entry_that_was_written_after_all_is_there_once),
		ON_RIG(changes_beyond_what_may_wait_are_counted_as_lost),
		ON_RIG(change_tried_again_without_an_entry_is_lost_once),
		ON_RIG(note_that_cannot_be_read_holds_no_other_up),
		ON_RIG(tenants_see_their_own_changes),
		cmocka_unit_test_setup_teardown(service_without_a_ledger_writes_no_notes, rig_setup,
						rig_teardown),
		ON_RIG(limit_of_any_size_has_its_entry_whole),
		cmocka_unit_test(change_beyond_the_room_of_an_entry_says_so),
	};

	return cmocka_run_group_tests_name("service/audit", tests, rig_random, NULL);
}
