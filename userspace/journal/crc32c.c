/* CRC-32C, eight bytes a step. */
/* SPDX-License-Identifier: MIT */

#include <endian.h>
#include <pthread.h>
#include <string.h>

#include "journal/crc32c.h"

static const uint32_t polynomial = 0x82f63b78;

/* tables[k][b]: byte b with k zero bytes behind it. */
static uint32_t tables[8][256];

static void make_tables(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
		tables[0][byte] = crc;
	}
	for (int k = 1; k < 8; k++)
		for (uint32_t byte = 0; byte < 256; byte++)
			tables[k][byte] =
				tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 0xff];
}

static uint32_t step_eight(uint32_t crc, const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	word = le64toh(word) ^ crc;
	crc = 0;
	for (int k = 0; k < 8; k++)
		crc ^= tables[7 - k][word >> (8 * k) & 0xff];
	return crc;
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const uint8_t *at = bytes;

	pthread_once(&once, make_tables);
	crc = ~crc;
	for (; len >= 8; len -= 8, at += 8)
		crc = step_eight(crc, at);
	for (; len > 0; len--, at++)
		crc = crc >> 8 ^ tables[0][(crc ^ *at) & 0xff];
	return ~crc;
}
