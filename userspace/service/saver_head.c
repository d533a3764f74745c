/* The head of a snapshot: which clock its times are of, what that would show now, which resets it has. */
/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <string.h>

#include "base/boot.h"
#include "service/saver_priv.h"

enum {
	HEAD_LEN_1 =
		BOOT_ID_SIZE + 8,  /* boot, UTC minus monotonic in ns: schema 1, without a mark */
	HEAD_LEN = HEAD_LEN_1 + 8, /* and the mark */
};

/* Within one boot both ways of telling agree but for corrections of UTC smaller than this. */
static const uint64_t agree_ns = 1000000000;

size_t saver_put_head(uint8_t head[SAVER_BLOCK], const struct clock *clock, uint64_t mark)
{
	uint64_t offset = htole64(clock_utc_offset_ns(clock));

	memset(head, 0, HEAD_LEN);
	boot_id((char *)head);
	memcpy(head + BOOT_ID_SIZE, &offset, sizeof(offset));
	mark = htole64(mark);
	memcpy(head + HEAD_LEN_1, &mark, sizeof(mark));
	return HEAD_LEN;
}

/*
 * Another boot has another monotonic clock, so only UTC tells how long ago that was. In the same boot
 * the monotonic clock does, unless it is not the same one (a container may have a shifted one): then
 * the view by which less time has passed.
 */
static uint64_t find_then_ns(const char *head, uint64_t offset_ns, const struct clock *clock)
{
	uint64_t now_ns = clock_now_ns(clock), by_utc_ns;
	char boot[BOOT_ID_SIZE];

	by_utc_ns = now_ns + clock->utc_offset_ns;
	by_utc_ns = by_utc_ns > offset_ns ? by_utc_ns - offset_ns : 0;
	boot_id(boot);
	if (boot[0] && strcmp(boot, head) == 0 && now_ns < by_utc_ns + agree_ns)
		return now_ns;
	return by_utc_ns;
}

static uint64_t get_u64(const char *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

int saver_get_head(const void *bytes, size_t len, const struct clock *clock, struct saver_head *ret)
{
	const char *head = bytes;

	if ((len != HEAD_LEN && len != HEAD_LEN_1) || head[BOOT_ID_SIZE - 1])
		return JOURNAL_E_DAMAGED;
	ret->then_ns = find_then_ns(head, get_u64(head + BOOT_ID_SIZE), clock);
	ret->mark = len == HEAD_LEN ? get_u64(head + HEAD_LEN_1) : 0;
	return 0;
}
