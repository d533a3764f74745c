/* Every sentence of store.h, on each backend: ranges and transactions. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/store/backends.h"
#include "unit/store/fixture.h"

static int note_key(const struct store_record *record, void *data)
{
	char *text = data;

	strcat(text, record->key);
	strcat(text, ",");
	return 0;
}

static const char *keys_under(struct store *store, const char *prefix)
{
	static char text[1024];
	uint64_t revision;

	text[0] = '\0';
	assert_int_equal(store_range(store, prefix, note_key, text, &revision), 0);
	return text;
}

static void range_empty_store_visits_nothing_at_revision_0(void **state)
{
	uint64_t revision = 7;

	assert_int_equal(count_records(store_of(state), "", &revision), 0);
	assert_int_equal(revision, 0);
	assert_int_equal(present_revision(store_of(state)), 0);
}

static void range_visits_in_byte_order(void **state)
{
	struct store *store = store_of(state);
	static const char *const keys[] = {"b", "a/2", "\xff", "a", "a/10", "B", "a\x7f", "a\x80"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		put_text(store, keys[i], "x");
	assert_string_equal(keys_under(store, ""), "B,a,a/10,a/2,a\x7f,a\x80,b,\xff,");
}

static void range_prefix_is_bytes_not_a_pattern(void **state)
{
	struct store *store = store_of(state);
	static const char *const keys[] = {
		"a%b",       "a_b",           "axb", "a%",       "a\xff",
		"a\xff\xff", "a\xff\xff\142", "b",   "\xff\xff", "A%",
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		put_text(store, keys[i], "x");
	assert_string_equal(keys_under(store, "a%"), "a%,a%b,");
	assert_string_equal(keys_under(store, "a_"), "a_b,");
	assert_string_equal(keys_under(store, "a\xff"), "a\xff,a\xff\xff,a\xff\xff\142,");
	assert_string_equal(keys_under(store, "\xff"), "\xff\xff,");
	assert_string_equal(keys_under(store, "\xff\xff\xff"), "");
	assert_string_equal(keys_under(store, "axb"), "axb,");
	assert_string_equal(keys_under(store, "axbc"), "");
}

static int stop_at_second(const struct store_record *record, void *data)
{
	return ++*(int *)data == 2 ? 42 : 0;
}

static void range_visitor_non_zero_ends_and_is_returned(void **state)
{
	struct store *store = store_of(state);
	uint64_t revision = 99;
	int visited = 0;

	put_text(store, "a", "1");
	put_text(store, "b", "2");
	put_text(store, "c", "3");
	assert_int_equal(store_range(store, "", stop_at_second, &visited, &revision), 42);
	assert_int_equal(visited, 2);
	assert_int_equal(revision, 99);
	assert_int_equal(count_records(store, "", NULL), 3);
}

struct nested {
	struct store *store;
	size_t visited;
	size_t inside;
};

static int write_while_visiting(const struct store_record *record, void *data)
{
	struct nested *nested = data;

	assert_memory_equal(record->value, "old", 3);
	if (nested->visited++ == 0) {
		put_text(nested->store, "a0", "new");
		put_text(nested->store, "b", "new");
		put_text(nested->store, "z", "new");
		delete_key(nested->store, "c");
		nested->inside = count_records(nested->store, "", NULL);
	}
	return 0;
}

static void range_while_written_is_a_snapshot_of_its_revision(void **state)
{
	struct store *store = store_of(state);
	struct nested nested = {.store = store};
	uint64_t revision;

	put_text(store, "a", "old");
	put_text(store, "b", "old");
	put_text(store, "c", "old");
	assert_int_equal(store_range(store, "", write_while_visiting, &nested, &revision), 0);
	assert_int_equal(revision, 3);
	assert_int_equal(nested.visited, 3);
	assert_int_equal(nested.inside, 4);
	assert_string_equal(keys_under(store, ""), "a,a0,b,z,");
}

static void txn_that_writes_makes_the_next_revision(void **state)
{
	struct store *store = store_of(state);
	char text[16];

	assert_int_equal(put_text(store, "a", "1"), 1);
	assert_int_equal(put_text(store, "b", "2"), 2);
	assert_int_equal(put_text(store, "a", "3"), 3);
	assert_int_equal(get_text(store, "a", text, sizeof(text)), 3);
	assert_string_equal(text, "3");
	assert_int_equal(get_text(store, "b", text, sizeof(text)), 2);
	assert_int_equal(delete_key(store, "a"), 4);
	assert_int_equal(get_text(store, "a", NULL, 0), 0);
	assert_int_equal(put_text(store, "a", "5"), 5);
	assert_int_equal(get_text(store, "a", NULL, 0), 5);
}

static void txn_without_writes_returns_present_revision(void **state)
{
	struct store *store = store_of(state);
	struct store_compare compare = {"a", 1};
	struct store_txn txn = {.compares = &compare, .n_compares = 1};
	uint64_t revision = 0;

	put_text(store, "a", "1");
	put_text(store, "b", "1");
	assert_int_equal(present_revision(store), 2);
	assert_int_equal(store_txn(store, &txn, &revision), 0);
	assert_int_equal(revision, 2);
	compare.revision = 2;
	assert_int_equal(store_txn(store, &txn, &revision), STORE_E_CONFLICT);
	assert_int_equal(delete_key(store, "absent"), 2);
	assert_int_equal(present_revision(store), 2);
}

/* One compare and one put of "k". */
static int put_if(struct store *store, const char *key, uint64_t expected, uint64_t *ret)
{
	struct store_compare compare = {key, expected};
	struct store_put put = {"k", "new", 3};
	struct store_txn txn = {&compare, 1, &put, 1, NULL, 0};

	return store_txn(store, &txn, ret);
}

static void txn_compare_differs_writes_nothing(void **state)
{
	struct store *store = store_of(state);
	uint64_t revision = 77;
	char text[16];

	put_text(store, "k", "old");
	put_text(store, "k", "old"); /* revision 2 */
	assert_int_equal(put_if(store, "k", 0, &revision), STORE_E_CONFLICT);
	assert_int_equal(put_if(store, "k", 1, &revision), STORE_E_CONFLICT);
	assert_int_equal(put_if(store, "k", 3, &revision), STORE_E_CONFLICT);
	assert_int_equal(put_if(store, "absent", 2, &revision), STORE_E_CONFLICT);
	assert_int_equal(revision, 77);
	assert_int_equal(get_text(store, "k", text, sizeof(text)), 2);
	assert_string_equal(text, "old");
	assert_int_equal(present_revision(store), 2);
}

static void txn_compare_holds_writes(void **state)
{
	struct store *store = store_of(state);
	uint64_t revision = 0;

	assert_int_equal(put_if(store, "k", 0, &revision), 0);
	assert_int_equal(revision, 1);
	assert_int_equal(put_if(store, "k", 1, &revision), 0);
	assert_int_equal(revision, 2);
	assert_int_equal(put_if(store, "absent", 0, &revision), 0);
	delete_key(store, "k");
	assert_int_equal(put_if(store, "k", 3, &revision), STORE_E_CONFLICT);
	assert_int_equal(put_if(store, "k", 0, &revision), 0);
}

static void txn_one_of_many_compares_differs_writes_nothing(void **state)
{
	struct store *store = store_of(state);
	struct store_compare compares[] = {{"a", 1}, {"none", 0}, {"b", 1}};
	struct store_put puts[] = {{"a", "x", 1}, {"c", "x", 1}};
	const char *deletes[] = {"b"};
	struct store_txn txn = {compares, 3, puts, 2, deletes, 1};
	uint64_t revision;

	put_text(store, "a", "1");
	put_text(store, "b", "1");
	assert_int_equal(store_txn(store, &txn, &revision), STORE_E_CONFLICT);
	assert_string_equal(keys_under(store, ""), "a,b,");
	assert_int_equal(get_text(store, "a", NULL, 0), 1);
	compares[2].revision = 2;
	assert_int_equal(store_txn(store, &txn, &revision), 0);
	assert_int_equal(revision, 3);
	assert_string_equal(keys_under(store, ""), "a,c,");
}

enum {
	MANY = STORE_OPERATIONS_MAX + 1,
};

static struct store_put *many_puts(char keys[MANY][16])
{
	static struct store_put puts[MANY];

	for (int i = 0; i < MANY; i++) {
		snprintf(keys[i], 16, "many/%03d", i);
		puts[i] = (struct store_put){keys[i], keys[i], strlen(keys[i])};
	}
	return puts;
}

static void txn_of_128_operations_is_one_revision(void **state)
{
	struct store *store = store_of(state);
	char keys[MANY][16];
	struct store_txn txn = {.puts = many_puts(keys), .n_puts = STORE_OPERATIONS_MAX};
	uint64_t revision = 0;

	assert_int_equal(store_txn(store, &txn, &revision), 0);
	assert_int_equal(revision, 1);
	assert_int_equal(count_records(store, "many/", NULL), STORE_OPERATIONS_MAX);
	assert_int_equal(get_text(store, "many/127", NULL, 0), 1);
}

static void txn_of_128_operations_conflicts_whole(void **state)
{
	struct store *store = store_of(state);
	char keys[MANY][16];
	struct store_compare compare = {"many/126", 3};
	struct store_txn txn = {&compare, 1, many_puts(keys), STORE_OPERATIONS_MAX - 1, NULL, 0};
	uint64_t revision = 0;

	assert_int_equal(store_txn(store, &txn, &revision), STORE_E_CONFLICT);
	assert_int_equal(count_records(store, "", NULL), 0);
}

static void txn_of_129_operations_is_refused(void **state)
{
	struct store *store = store_of(state);
	char keys[MANY][16];
	struct store_compare compare = {"a", 0};
	const char *delete = "b";
	struct store_txn txn = {.puts = many_puts(keys), .n_puts = MANY};
	uint64_t revision = 0;

	assert_int_equal(store_txn(store, &txn, &revision), STORE_E_TOO_LARGE);
	txn = (struct store_txn){&compare, 1, txn.puts, STORE_OPERATIONS_MAX - 1, &delete, 1};
	assert_int_equal(store_txn(store, &txn, &revision), STORE_E_TOO_LARGE);
	txn = (struct store_txn){.puts = many_puts(keys), .n_puts = SIZE_MAX, .n_compares = 1};
	assert_int_equal(store_txn(store, &txn, &revision), STORE_E_TOO_LARGE);
	assert_int_equal(count_records(store, "", NULL), 0);
}

static int compare_value(const struct store_record *record, void *data)
{
	const struct store_put *put = data;

	assert_int_equal(record->size, put->size);
	assert_non_null(record->value);
	assert_memory_equal(record->value, put->value, put->size);
	return 1;
}

static void assert_stored(struct store *store, const struct store_put *put)
{
	uint64_t revision;

	put_bytes(store, put->key, put->value, put->size);
	assert_int_equal(store_range(store, put->key, compare_value, (void *)put, &revision), 1);
}

static void value_sizes_up_to_64_kib(void **state)
{
	struct store *store = store_of(state);
	unsigned char *bytes = malloc(STORE_VALUE_MAX + 1);
	struct store_put put = {"v", bytes, STORE_VALUE_MAX};

	for (size_t i = 0; i <= STORE_VALUE_MAX; i++)
		bytes[i] = (unsigned char)(i * 7);
	assert_stored(store, &put);
	assert_int_equal(try_put(store, "v", bytes, STORE_VALUE_MAX + 1), STORE_E_TOO_LARGE);
	assert_int_equal(get_text(store, "v", NULL, 0), 1);
	put.size = 1;
	assert_stored(store, &put);
	free(bytes);
}

static void value_with_nul_bytes_and_empty_value_are_kept(void **state)
{
	struct store *store = store_of(state);
	struct store_put nul = {"nul", "\0a\0\0b\0", 6}, empty = {"empty", "", 0};

	assert_stored(store, &nul);
	assert_stored(store, &empty);
	assert_int_equal(try_put(store, "null", NULL, 0), 0);
	empty.key = "null";
	assert_stored(store, &empty);
}

static void key_sizes_up_to_1024(void **state)
{
	struct store *store = store_of(state);
	char key[STORE_KEY_MAX + 2];
	const char *deleted = key;
	struct store_compare compare = {key, 0};
	struct store_txn deleting = {.deletes = &deleted, .n_deletes = 1};
	struct store_txn comparing = {.compares = &compare, .n_compares = 1};
	uint64_t revision;

	memset(key, 'k', sizeof(key));
	key[STORE_KEY_MAX] = '\0';
	assert_int_equal(try_put(store, key, "1", 1), 0);
	assert_int_equal(get_text(store, key, NULL, 0), 1);
	key[STORE_KEY_MAX] = 'k';
	key[STORE_KEY_MAX + 1] = '\0';
	assert_int_equal(try_put(store, key, "1", 1), STORE_E_TOO_LARGE);
	assert_int_equal(store_txn(store, &deleting, &revision), STORE_E_TOO_LARGE);
	assert_int_equal(store_txn(store, &comparing, &revision), STORE_E_TOO_LARGE);
	assert_int_equal(store_range(store, key, note_key, NULL, &revision), STORE_E_TOO_LARGE);
	assert_int_equal(try_put(store, "", "1", 1), -EINVAL);
	assert_int_equal(present_revision(store), 1);
}

static void txn_naming_a_key_twice_is_refused(void **state)
{
	struct store *store = store_of(state);
	struct store_put puts[] = {{"a", "1", 1}, {"b", "1", 1}, {"a", "2", 1}};
	const char *deletes[] = {"b"};
	struct store_txn twice = {.puts = puts, .n_puts = 3};
	struct store_txn both = {.puts = puts, .n_puts = 2, .deletes = deletes, .n_deletes = 1};
	uint64_t revision;

	assert_int_equal(store_txn(store, &twice, &revision), -EINVAL);
	assert_int_equal(store_txn(store, &both, &revision), -EINVAL);
	assert_int_equal(count_records(store, "", NULL), 0);
}

#define TESTS(T)                                             \
	T(range_empty_store_visits_nothing_at_revision_0)    \
	T(range_visits_in_byte_order)                        \
	T(range_prefix_is_bytes_not_a_pattern)               \
	T(range_visitor_non_zero_ends_and_is_returned)       \
	T(range_while_written_is_a_snapshot_of_its_revision) \
	T(txn_that_writes_makes_the_next_revision)           \
	T(txn_without_writes_returns_present_revision)       \
	T(txn_compare_differs_writes_nothing)                \
	T(txn_compare_holds_writes)                          \
	T(txn_one_of_many_compares_differs_writes_nothing)   \
	T(txn_of_128_operations_is_one_revision)             \
	T(txn_of_128_operations_conflicts_whole)             \
	T(txn_of_129_operations_is_refused)                  \
	T(value_sizes_up_to_64_kib)                          \
	T(value_with_nul_bytes_and_empty_value_are_kept)     \
	T(key_sizes_up_to_1024)                              \
	T(txn_naming_a_key_twice_is_refused)

int main(void)
{
	const struct CMUnitTest tests[] = {TESTS(ON_MEMORY) TESTS(ON_SQLITE)};

	return cmocka_run_group_tests_name("store_contract", tests, NULL, NULL);
}
