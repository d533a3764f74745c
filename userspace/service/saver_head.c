/* The head of a snapshot: which clock its times are of, and what that clock would show now. */
/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <string.h>

#include "base/boot.h"
#include "service/saver_priv.h"

enum {
	HEAD_LEN = BOOT_ID_SIZE + 8, /* boot, UTC minus monotonic in ns */
};

/* Within one boot both ways of telling agree but for corrections of UTC smaller than this. */
static const uint64_t agree_ns = 1000000000;

size_t saver_put_head(uint8_t head[SAVER_BLOCK], const struct clock *clock)
{
	uint64_t offset = htole64(clock_utc_offset_ns(clock));

	memset(head, 0, HEAD_LEN);
	boot_id((char *)head);
	memcpy(head + BOOT_ID_SIZE, &offset, sizeof(offset));
	return HEAD_LEN;
}

/*
 * Another boot has another monotonic clock, so only UTC tells how long ago that was. In the same boot
 * the monotonic clock does, unless it is not the same one (a container may have a shifted one): then
 * the view by which less time has passed.
 */
int saver_get_head(const void *bytes, size_t len, const struct clock *clock, uint64_t *ret_then_ns)
{
	const char *head = bytes;
	uint64_t now_ns = clock_now_ns(clock), offset_ns, by_utc_ns;
	char boot[BOOT_ID_SIZE];

	if (len != HEAD_LEN || head[BOOT_ID_SIZE - 1])
		return JOURNAL_E_DAMAGED;
	memcpy(&offset_ns, head + BOOT_ID_SIZE, sizeof(offset_ns));
	offset_ns = le64toh(offset_ns);
	by_utc_ns = now_ns + clock->utc_offset_ns;
	by_utc_ns = by_utc_ns > offset_ns ? by_utc_ns - offset_ns : 0;
	boot_id(boot);
	if (boot[0] && strcmp(boot, head) == 0 && now_ns < by_utc_ns + agree_ns)
		*ret_then_ns = now_ns;
	else
		*ret_then_ns = by_utc_ns;
	return 0;
}
