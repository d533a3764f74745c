/* Limits of packets: in force once created, refused with nothing changed, changed, deleted. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "unit/service/rig.h"

static void create_is_in_force_with_capacity(void **state)
{
	struct rig *rig = *state;
	struct limit_capacity capacity;
	const struct sluice_rule *rule;
	struct admin_result result;

	assert_int_equal(rig_create(rig, RIG_PACKETS(53, 100), &result), 0);
	rule = rig_rule(rig, result.limit.id);
	assert_non_null(rule);
	assert_int_equal(rule->per, SLUICE_PER_SRC);
	assert_int_equal(rule->until_ns, 0);
	assert_int_equal(rig_rules(rig), 1);
	assert_int_equal(service_limit_capacity(rig->service, &result.limit, &capacity), 0);
	assert_int_equal(capacity.keys, 5 * (uint64_t)rule->line_count);
	assert_true(capacity.spoofed_pps > 0);
	assert_true(capacity.full == 0);
	limit_done(&result.limit);
}

static void request_limit_has_no_capacity_and_no_rule(void **state)
{
	struct rig *rig = *state;
	struct limit_capacity capacity;
	struct admin_result result;
	char id[ID_SIZE];

	rig_add(rig, RIG_PACKETS(53, 100), id);
	assert_int_equal(rig_create(rig, RIG_LIMIT("k", 3, "1m"), &result), 0);
	assert_int_not_equal(service_limit_capacity(rig->service, &result.limit, &capacity), 0);
	assert_int_equal(rig_rules(rig), 1);
	assert_int_equal(rig_count_allowed(rig, "k", 9), 3);
	limit_done(&result.limit);
}

static void create_unsupported_or_invalid_is_told_apart(void **state)
{
	static const struct {
		const char *body, *field;
		int outcome;
	} rows[] = {
		{"{\"scope\":\"packet\",\"limit\":1,\"interval\":\"1s\","
		 "\"algorithm\":\"fixed_window\"}",
		 "algorithm", ADMIN_E_UNSUPPORTED},
		{"{\"scope\":\"packet\",\"limit\":1,\"interval\":\"1s\",\"key\":\"k\"}", "key",
		 ADMIN_E_INVALID},
		{"{\"scope\":\"packet\",\"limit\":1,\"interval\":\"1s\",\"per\":\"key\"}", "per",
		 ADMIN_E_INVALID},
	};
	struct rig *rig = *state;
	struct admin_result result;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].body);
		assert_int_equal(rig_create(rig, rows[i].body, &result), rows[i].outcome);
		assert_string_equal(rig->error.field, rows[i].field);
	}
	assert_int_equal(rig_count_records(rig, "tenants/default/"), 0);
	assert_int_equal(rig_rules(rig), 0);
}

static void create_same_packets_answers_existing_id(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	char id[ID_SIZE];

	rig_add(rig, RIG_PACKETS(53, 100), id);
	assert_int_equal(rig_create(rig, RIG_PACKETS("53-53", 7), &result), ADMIN_E_EXISTS);
	assert_string_equal(result.existing_id, id);
	assert_string_equal(rig->error.field, "match");
	assert_int_equal(rig_rules(rig), 1);
}

static void add_ports(struct rig *rig, int first, int n)
{
	char body[160], id[ID_SIZE];

	for (int i = 0; i < n; i++) {
		snprintf(body, sizeof(body),
			 "{\"scope\":\"packet\",\"match\":{\"dst_port\":%d},\"limit\":9,"
			 "\"interval\":\"1s\"}",
			 first + i);
		rig_add(rig, body, id);
	}
}

static void create_beyond_the_most_changes_nothing(void **state)
{
	struct rig *rig = *state;
	_cleanup_catalog_ struct catalog *catalog = NULL;
	struct admin_result result;
	size_t records;

	add_ports(rig, 1, SLUICE_RULES_MAX);
	records = rig_count_records(rig, "tenants/default/");
	assert_int_equal(rig_create(rig, RIG_PACKETS(9000, 100), &result), ADMIN_E_TOO_MANY);
	assert_true(rig->error.message[0]);
	assert_int_equal(rig_count_records(rig, "tenants/default/"), records);
	assert_int_equal(rig_rules(rig), SLUICE_RULES_MAX);
	catalog = service_catalog_get(rig->service);
	assert_int_equal(catalog->n_limits, SLUICE_RULES_MAX);
}

/* All of them take any port of their own source prefix, so one packet may match every one. */
static void add_overlapping(struct rig *rig, int n)
{
	char body[160], id[ID_SIZE];

	for (int i = 0; i < n; i++) {
		snprintf(body, sizeof(body),
			 "{\"scope\":\"packet\",\"match\":{\"dst\":\"10.0.0.0/%d\"},\"limit\":9,"
			 "\"interval\":\"1s\"}",
			 8 + i);
		rig_add(rig, body, id);
	}
}

static void change_into_too_much_overlap_changes_nothing(void **state)
{
	struct rig *rig = *state;
	struct service_refusals refusals;
	struct admin_result result;
	char id[ID_SIZE];
	size_t records;

	add_overlapping(rig, SLUICE_MATCH_MAX);
	assert_int_equal(rig_create(rig, RIG_PACKETS(53, 100), &result), ADMIN_E_TOO_MANY);
	rig_add(rig,
		"{\"scope\":\"packet\",\"match\":{\"dst\":\"11.0.0.0/8\"},\"limit\":9,"
		"\"interval\":\"1s\"}",
		id);
	records = rig_count_records(rig, "tenants/default/");
	assert_int_equal(rig_update(rig, id, "{\"match\":{\"dst\":\"10.0.0.0/30\"}}", 0, &result),
			 ADMIN_E_TOO_MANY);
	assert_int_equal(rig_count_records(rig, "tenants/default/"), records);
	assert_int_equal(rig_rules(rig), SLUICE_MATCH_MAX + 1);
	service_refusals(rig->service, &refusals);
	assert_int_equal(refusals.count, 0);
}

static void update_changes_the_rule_and_keeps_its_lines(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	struct sluice_rule before, after;
	char id[ID_SIZE];

	rig_add(rig, RIG_PACKETS(53, 100), id);
	before = *rig_rule(rig, id);
	assert_int_equal(
		rig_update(rig, id, "{\"limit\":200,\"match\":{\"dst_port\":54}}", 0, &result), 0);
	after = *rig_rule(rig, id);
	assert_int_equal(after.slot, before.slot);
	assert_int_equal(after.line_first, before.line_first);
	assert_true(after.params.mult < before.params.mult);
	limit_done(&result.limit);
	/* Its subject moved: the old one is free. */
	rig_add(rig, RIG_PACKETS(53, 100), id);
	assert_int_equal(rig_rules(rig), 2);
}

static void update_of_what_is_fixed_is_refused(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	char id[ID_SIZE];

	rig_add(rig, RIG_PACKETS(53, 100), id);
	assert_int_equal(rig_update(rig, id, "{\"per\":\"dst\"}", 0, &result), ADMIN_E_INVALID);
	assert_string_equal(rig->error.field, "per");
	assert_int_equal(rig_update(rig, id, "{\"unit\":\"bytes\"}", 0, &result), ADMIN_E_INVALID);
	assert_string_equal(rig->error.field, "unit");
	assert_int_equal(rig_update(rig, id, "{\"algorithm\":\"sliding_window\"}", 0, &result),
			 ADMIN_E_UNSUPPORTED);
	assert_int_equal(rig_rule(rig, id)->per, SLUICE_PER_SRC);
}

static void mode_off_leaves_force_but_keeps_lines(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	char id[ID_SIZE];
	uint32_t line;

	rig_add(rig, RIG_PACKETS(53, 100), id);
	line = rig_rule(rig, id)->line_first;
	assert_int_equal(rig_update(rig, id, "{\"mode\":\"off\"}", 0, &result), 0);
	limit_done(&result.limit);
	assert_null(rig_rule(rig, id));
	assert_int_equal(rig_update(rig, id, "{\"mode\":\"shadow\"}", 0, &result), 0);
	limit_done(&result.limit);
	assert_int_equal(rig_rule(rig, id)->line_first, line);
	assert_int_equal(memory_tables(rig->pins)->enforce, 0);
}

static void delete_leaves_force_at_once(void **state)
{
	struct rig *rig = *state;
	char first[ID_SIZE], second[ID_SIZE];

	rig_add(rig, RIG_PACKETS(53, 100), first);
	rig_add(rig, RIG_PACKETS(54, 100), second);
	assert_int_equal(rig_delete(rig, first, 0), 0);
	assert_null(rig_rule(rig, first));
	assert_non_null(rig_rule(rig, second));
	assert_int_equal(rig_delete(rig, first, 0), ADMIN_E_NOT_FOUND);
	assert_int_equal(rig_delete(rig, second, 0), 0);
	assert_int_equal(rig_rules(rig), 0);
	assert_int_equal(rig_count_records(rig, "tenants/default/"), 0);
}

/* Of the limit's first line, as a program would have charged it. */
static __u64 *word_of(struct rig *rig, const char *id)
{
	return &rig->pins->lines[rig_rule(rig, id)->line_first].word[0];
}

static void reset_forgets_the_whole_limit_only(void **state)
{
	struct rig *rig = *state;
	char first[ID_SIZE], second[ID_SIZE];

	rig_add(rig, RIG_PACKETS(53, 100), first);
	rig_add(rig, RIG_PACKETS(54, 100), second);
	*word_of(rig, first) = 1;
	*word_of(rig, second) = 2;
	assert_int_equal(admin_limit_reset(rig->service, &rig->actor, first, "192.0.2.1", 9,
					   &rig->error),
			 ADMIN_E_INVALID);
	assert_string_equal(rig->error.field, "key");
	assert_int_equal(*word_of(rig, first), 1);
	assert_int_equal(admin_limit_reset(rig->service, &rig->actor, first, NULL, 0, &rig->error),
			 0);
	assert_int_equal(*word_of(rig, first), 0);
	assert_int_equal(*word_of(rig, second), 2);
}

static void stats_are_those_of_the_packet_path(void **state)
{
	struct rig *rig = *state;
	struct admin_result result;
	struct limit_stats stats;

	assert_int_equal(rig_create(rig, RIG_PACKETS(53, 100), &result), 0);
	rig->pins->counts[rig_rule(rig, result.limit.id)->slot] = (struct sluice_counts){
		.allowed_packets = 3,
		.allowed_bytes = 300,
		.denied_packets = 4,
		.denied_bytes = 401,
	};
	assert_int_equal(service_limit_stats(rig->service, &result.limit, &stats), 0);
	assert_int_equal(stats.allowed, 3);
	assert_int_equal(stats.allowed_bytes, 300);
	assert_int_equal(stats.denied, 4);
	assert_int_equal(stats.denied_bytes, 401);
	limit_done(&result.limit);
}

static void restart_adopts_what_is_in_force(void **state)
{
	struct rig *rig = *state;
	struct sluice_rule before;
	char id[ID_SIZE], gone[ID_SIZE], name[128];

	rig_add(rig, RIG_PACKETS(53, 100), id);
	rig_add(rig, RIG_PACKETS(54, 100), gone);
	before = *rig_rule(rig, id);
	*word_of(rig, id) = 7;
	rig->pins->counts[before.slot].denied_packets = 9;
	rig_stop(rig);
	snprintf(name, sizeof(name), "tenants/default/limits/%s", gone);
	rig_remove(rig, name);
	rig_open_packets(rig);
	assert_int_equal(rig_rules(rig), 2);
	rig_start(rig, 1000);
	assert_int_equal(rig_rule(rig, id)->slot, before.slot);
	assert_int_equal(rig_rule(rig, id)->line_first, before.line_first);
	assert_int_equal(*word_of(rig, id), 7);
	assert_int_equal(rig->pins->counts[before.slot].denied_packets, 9);
	assert_null(rig_rule(rig, gone));
}

static void start_without_limits_takes_back_what_was_left(void **state)
{
	struct rig *rig = *state;
	char id[ID_SIZE], name[128];

	rig_add(rig, RIG_PACKETS(53, 100), id);
	rig_stop(rig);
	snprintf(name, sizeof(name), "tenants/default/limits/%s", id);
	rig_remove(rig, name);
	rig_open_packets(rig);
	rig_start(rig, 10);
	assert_int_equal(rig_rules(rig), 0);
	assert_int_equal(rig->pins->slots[0].id[0], '\0');
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup_packets, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(create_is_in_force_with_capacity),
		ON_RIG(request_limit_has_no_capacity_and_no_rule),
		ON_RIG(create_unsupported_or_invalid_is_told_apart),
		ON_RIG(create_same_packets_answers_existing_id),
		ON_RIG(create_beyond_the_most_changes_nothing),
		ON_RIG(change_into_too_much_overlap_changes_nothing),
		ON_RIG(update_changes_the_rule_and_keeps_its_lines),
		ON_RIG(update_of_what_is_fixed_is_refused),
		ON_RIG(mode_off_leaves_force_but_keeps_lines),
		ON_RIG(delete_leaves_force_at_once),
		ON_RIG(reset_forgets_the_whole_limit_only),
		ON_RIG(stats_are_those_of_the_packet_path),
		ON_RIG(restart_adopts_what_is_in_force),
		ON_RIG(start_without_limits_takes_back_what_was_left),
	};

	return cmocka_run_group_tests_name("service/packets", tests, rig_random, NULL);
}
