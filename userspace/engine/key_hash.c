/* SipHash with one round per block and three at the end. */
/* SPDX-License-Identifier: MIT */

#include <endian.h>
#include <string.h>

#include "engine/key_hash.h"

struct sip {
	uint64_t a, b, c, d;
};

static inline uint64_t rotate_left(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void mix_round(struct sip *s)
{
	s->a += s->b;
	s->b = rotate_left(s->b, 13) ^ s->a;
	s->a = rotate_left(s->a, 32);
	s->c += s->d;
	s->d = rotate_left(s->d, 16) ^ s->c;
	s->a += s->d;
	s->d = rotate_left(s->d, 21) ^ s->a;
	s->c += s->b;
	s->b = rotate_left(s->b, 17) ^ s->c;
	s->c = rotate_left(s->c, 32);
}

static inline void mix_block(struct sip *s, uint64_t block)
{
	s->d ^= block;
	mix_round(s);
	s->a ^= block;
}

static inline uint64_t load_block(const char *text)
{
	uint64_t block;

	memcpy(&block, text, sizeof(block));
	return le64toh(block);
}

static inline uint64_t load_tail(const char *text, size_t len)
{
	uint64_t block = 0;

	for (size_t i = 0; i < (len & 7); i++)
		block |= (uint64_t)(uint8_t)text[(len & ~(size_t)7) + i] << (8 * i);
	return block;
}

uint64_t key_hash(const uint64_t seed[2], uint32_t tenant, const char *text, size_t len)
{
	struct sip s = {
		.a = seed[0] ^ 0x736f6d6570736575ULL,
		.b = seed[1] ^ 0x646f72616e646f6dULL,
		.c = seed[0] ^ 0x6c7967656e657261ULL,
		.d = seed[1] ^ 0x7465646279746573ULL,
	};

	mix_block(&s, tenant);
	for (size_t i = 0; i + 8 <= len; i += 8)
		mix_block(&s, load_block(text + i));
	mix_block(&s, (uint64_t)(len + 8) << 56 | load_tail(text, len));
	s.c ^= 0xff;
	mix_round(&s);
	mix_round(&s);
	mix_round(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}
