/* The form of the journal's file, and what writes and reads it. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include "journal/journal_priv.h"

/*
 * All numbers are little-endian. A head; chunks, each behind its length (u32) and its sum (u32,
 * CRC-32C of its number from 0, its length and its bytes); an end. Nothing follows.
 */
enum {
	FILE_FORM = 1,
	FILE_HEAD = 24,      /* mark (8), form u32, schema u32, 0 u32, sum u32 of those */
	FILE_CHUNK_HEAD = 8, /* length, sum */
	FILE_END = 16,       /* FILE_END_MARK u32, number of chunks u64, sum u32 of those */
};
#define FILE_MARK     "SLUICE\r\n"
#define FILE_END_MARK 0xffffffffU
#define FILE_NAME     "state.journal"
#define FILE_NAME_NEW "state.journal.new"

struct file_journal {
	struct journal journal; /* first */
	int dir_fd;             /* locked */
	int fd;                 /* of the snapshot that was begun, or -1 */
	uint64_t n_chunks;      /* in it */
};

static inline struct file_journal *file_of(struct journal *journal)
{
	return (struct file_journal *)journal;
}

/* The sum of a chunk. */
uint32_t file_chunk_sum(uint64_t number, const void *bytes, uint32_t len);

int file_read(struct journal *journal, uint32_t schema_max, journal_each *each, void *data,
	      struct field_error *error);
