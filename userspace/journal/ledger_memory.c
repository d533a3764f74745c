/* The ledger in memory. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/backends.h"
#include "journal/ledger_priv.h"

enum { TEXTS = 9 };

/* Owns one block with all texts. */
struct kept_entry {
	struct ledger_entry entry;
	char *texts;
};

struct kept_hour {
	char *tenant;
	uint64_t hour;
	struct ledger_usage sums;
};

struct memory_ledger {
	struct ledger ledger;       /* first */
	struct kept_entry *entries; /* in the order of ids */
	size_t n_entries;
	struct kept_hour *hours; /* in the order of hours */
	size_t n_hours;
	char run[32];
	uint64_t number;
};

static struct memory_ledger *of(struct ledger *ledger)
{
	return (struct memory_ledger *)ledger;
}

static int open_memory(struct ledger *ledger, struct field_error *error, struct field_error *aside)
{
	(void)ledger;
	(void)error;
	(void)aside;
	return 0;
}

static void close_memory(struct ledger *ledger)
{
	(void)ledger;
}

static void list_texts(struct ledger_entry *entry, const char **ret[TEXTS])
{
	const char **const texts[TEXTS] = {&entry->id,         &entry->tenant, &entry->actor,
					   &entry->actor_name, &entry->peer,   &entry->request_id,
					   &entry->action,     &entry->object, &entry->change};

	memcpy(ret, texts, sizeof(texts));
}

static int copy_entry(const struct ledger_entry *from, struct kept_entry *ret)
{
	const char **texts[TEXTS];
	size_t size = 0;
	char *at;

	ret->entry = *from;
	list_texts(&ret->entry, texts);
	for (int i = 0; i < TEXTS - 1; i++)
		size += strlen(*texts[i]) + 1;
	ret->texts = malloc(size + from->change_len + 1);
	if (!ret->texts)
		return -ENOMEM;
	at = ret->texts;
	for (int i = 0; i < TEXTS; i++) {
		size_t len = i < TEXTS - 1 ? strlen(*texts[i]) : from->change_len;

		memcpy(at, *texts[i], len);
		at[len] = '\0';
		*texts[i] = at;
		at += len + 1;
	}
	return 0;
}

/* Where it stands or belongs. */
static size_t find_entry(const struct memory_ledger *memory, const char *id, bool *ret_there)
{
	size_t i = 0;

	while (i < memory->n_entries && strcmp(memory->entries[i].entry.id, id) < 0)
		i++;
	*ret_there = i < memory->n_entries && strcmp(memory->entries[i].entry.id, id) == 0;
	return i;
}

static int put_entry(struct memory_ledger *memory, const struct ledger_entry *entry)
{
	bool there;
	size_t at = find_entry(memory, entry->id, &there);
	struct kept_entry copy;
	int r;

	if (there)
		return 0;
	r = copy_entry(entry, &copy);
	if (r)
		return r;
	memmove(&memory->entries[at + 1], &memory->entries[at],
		(memory->n_entries - at) * sizeof(copy));
	memory->entries[at] = copy;
	memory->n_entries++;
	return 0;
}

static int add_entries(struct ledger *ledger, const struct ledger_entry *entries, size_t n,
		       struct field_error *error)
{
	struct memory_ledger *memory = of(ledger);
	struct kept_entry *more =
		reallocarray(memory->entries, memory->n_entries + n + 1, sizeof(*more));
	int r = more ? 0 : -ENOMEM;

	if (more)
		memory->entries = more;
	for (size_t i = 0; i < n && r == 0; i++)
		r = put_entry(memory, &entries[i]);
	if (r)
		field_error_set(error, "", "there is not enough memory");
	return r;
}

static bool wanted(const struct ledger_entry *entry, const struct ledger_search *search)
{
	return strcmp(entry->tenant, search->tenant) == 0 &&
	       (!search->before || strcmp(entry->id, search->before) < 0) &&
	       (!search->object || strcmp(entry->object, search->object) == 0) &&
	       (!search->actor || strcmp(entry->actor, search->actor) == 0) &&
	       entry->time_ms >= search->since_ms;
}

static int each_entry(struct ledger *ledger, const struct ledger_search *search,
		      ledger_entry_fn *visit, void *data, struct field_error *error)
{
	struct memory_ledger *memory = of(ledger);
	int r = 0;

	(void)error;
	for (size_t i = memory->n_entries; i-- > 0 && r == 0;)
		if (wanted(&memory->entries[i].entry, search))
			r = visit(&memory->entries[i].entry, data);
	return r;
}

/* There is room for it. */
static int add_hour(struct memory_ledger *memory, const struct ledger_usage *more)
{
	uint64_t hour = more->start_ms / LEDGER_HOUR_MS;
	size_t at = 0;
	char *tenant;

	while (at < memory->n_hours && memory->hours[at].hour <= hour &&
	       (memory->hours[at].hour < hour ||
		strcmp(memory->hours[at].tenant, more->tenant) != 0))
		at++;
	if (at == memory->n_hours || memory->hours[at].hour != hour) {
		tenant = strdup(more->tenant);
		if (!tenant)
			return -ENOMEM;
		memmove(&memory->hours[at + 1], &memory->hours[at],
			(memory->n_hours++ - at) * sizeof(memory->hours[0]));
		memory->hours[at] = (struct kept_hour){.tenant = tenant, .hour = hour};
	}
	ledger_add_sums(&memory->hours[at].sums, more);
	return 0;
}

static int add_usage(struct ledger *ledger, const struct ledger_addition *addition,
		     struct field_error *error)
{
	struct memory_ledger *memory = of(ledger);
	struct kept_hour *more =
		reallocarray(memory->hours, memory->n_hours + addition->n + 1, sizeof(*more));
	int r = more ? 0 : -ENOMEM;

	if (more)
		memory->hours = more;
	if (r == 0 && strcmp(memory->run, addition->run) == 0 && addition->number <= memory->number)
		return 0;
	for (size_t i = 0; i < addition->n && r == 0; i++)
		r = add_hour(memory, &addition->rows[i]);
	if (r) {
		field_error_set(error, "", "there is not enough memory");
		return r;
	}
	memcpy(memory->run, addition->run, strlen(addition->run) + 1);
	memory->number = addition->number;
	return 0;
}

static int each_hour(struct ledger *ledger, const struct ledger_span *span, ledger_hour_fn *visit,
		     void *data, struct field_error *error)
{
	struct memory_ledger *memory = of(ledger);
	int r = 0;

	(void)error;
	for (size_t i = 0; i < memory->n_hours && r == 0; i++) {
		const struct kept_hour *at = &memory->hours[i];
		uint64_t start_ms = at->hour * LEDGER_HOUR_MS;

		if (strcmp(at->tenant, span->tenant) == 0 && start_ms >= span->from_ms &&
		    start_ms < span->to_ms)
			r = visit(at->hour, &at->sums, data);
	}
	return r;
}

static int prune(struct ledger *ledger, uint64_t audit_ms, uint64_t usage_ms, size_t most,
		 struct field_error *error, size_t *ret_n)
{
	struct memory_ledger *memory = of(ledger);
	size_t entries = 0, hours = 0;

	(void)error;
	while (entries < most && entries < memory->n_entries &&
	       memory->entries[entries].entry.time_ms < audit_ms)
		free(memory->entries[entries++].texts);
	memory->n_entries -= entries;
	if (entries)
		memmove(memory->entries, memory->entries + entries,
			memory->n_entries * sizeof(memory->entries[0]));
	while (entries + hours < most && hours < memory->n_hours &&
	       memory->hours[hours].hour < usage_ms / LEDGER_HOUR_MS)
		free(memory->hours[hours++].tenant);
	memory->n_hours -= hours;
	if (hours)
		memmove(memory->hours, memory->hours + hours,
			memory->n_hours * sizeof(memory->hours[0]));
	*ret_n = entries + hours;
	return 0;
}

static void free_memory(struct ledger *ledger)
{
	struct memory_ledger *memory = of(ledger);

	for (size_t i = 0; i < memory->n_entries; i++)
		free(memory->entries[i].texts);
	for (size_t i = 0; i < memory->n_hours; i++)
		free(memory->hours[i].tenant);
	free(memory->entries);
	free(memory->hours);
	free(memory);
}

static const struct ledger_ops memory_ops = {
	.open = open_memory,
	.close = close_memory,
	.add_entries = add_entries,
	.each_entry = each_entry,
	.add_usage = add_usage,
	.each_hour = each_hour,
	.prune = prune,
	.free = free_memory,
};

int ledger_new_memory(struct ledger **ret)
{
	struct memory_ledger *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return -ENOMEM;
	ledger_init(&memory->ledger, &memory_ops);
	*ret = &memory->ledger;
	return 0;
}
