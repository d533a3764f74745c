/* The journal in memory. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/backends.h"
#include "journal/journal_priv.h"

struct chunk {
	struct chunk *next;
	size_t len;
	unsigned char bytes[];
};

struct snapshot {
	uint32_t schema;
	struct chunk *first, **end; /* end NULL: there is none */
};

struct memory_journal {
	struct journal journal; /* first */
	struct snapshot present, next;
	uint32_t n_aside;
};

static struct memory_journal *of(struct journal *journal)
{
	return (struct memory_journal *)journal;
}

static void clear(struct snapshot *snapshot)
{
	while (snapshot->first) {
		struct chunk *chunk = snapshot->first;

		snapshot->first = chunk->next;
		free(chunk);
	}
	snapshot->end = NULL;
}

static int begin(struct journal *journal, uint32_t schema)
{
	struct snapshot *next = &of(journal)->next;

	next->schema = schema;
	next->end = &next->first;
	return 0;
}

static int append(struct journal *journal, const void *bytes, size_t len)
{
	struct snapshot *next = &of(journal)->next;
	struct chunk *chunk = malloc(sizeof(*chunk) + len);

	if (!chunk)
		return -ENOMEM;
	chunk->next = NULL;
	chunk->len = len;
	memcpy(chunk->bytes, bytes, len);
	*next->end = chunk;
	next->end = &chunk->next;
	return 0;
}

static int commit(struct journal *journal)
{
	struct memory_journal *memory = of(journal);

	clear(&memory->present);
	memory->present = memory->next;
	memory->next = (struct snapshot){0};
	return 0;
}

static void abandon(struct journal *journal)
{
	clear(&of(journal)->next);
}

static int read_chunks(struct journal *journal, uint32_t schema_max, journal_each *each, void *data,
		       struct field_error *error)
{
	const struct snapshot *present = &of(journal)->present;
	int r = 0;

	if (!present->end) {
		field_error_set(error, "snapshot", "there is none");
		return JOURNAL_E_NONE;
	}
	if (present->schema > schema_max)
		return journal_refuse_newer(error, present->schema, schema_max);
	for (const struct chunk *chunk = present->first; chunk && r == 0; chunk = chunk->next)
		r = each(chunk->bytes, chunk->len, data);
	return r;
}

static int set_aside(struct journal *journal, char ret_name[JOURNAL_NAME_SIZE])
{
	struct memory_journal *memory = of(journal);

	if (!memory->present.end)
		return -ENOENT;
	clear(&memory->present);
	snprintf(ret_name, JOURNAL_NAME_SIZE, "refused-%u", ++memory->n_aside);
	return 0;
}

static void close_memory(struct journal *journal)
{
	clear(&of(journal)->present);
	free(journal);
}

static const struct journal_ops memory_ops = {
	.begin = begin,
	.append = append,
	.commit = commit,
	.abandon = abandon,
	.read = read_chunks,
	.set_aside = set_aside,
	.close = close_memory,
};

int journal_open_memory(struct journal **ret)
{
	struct memory_journal *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return -ENOMEM;
	memory->journal.ops = &memory_ops;
	*ret = &memory->journal;
	return 0;
}
