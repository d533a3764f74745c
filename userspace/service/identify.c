/* Who is asking, and since when their key has been in use. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "service/service_priv.h"

int service_identify(struct service *service, const char *token, size_t len,
		     struct keyring_memo *memo, struct principal *ret)
{
	const struct catalog *catalog = service_catalog_read(service);

	if (!catalog)
		return -ENOMEM;
	if (keyring_recall(catalog->keyring, token, len, memo, ret))
		return AUTH_E_UNKNOWN;
	/* Only keys that expire cost a clock reading: the time of use may be a little late. */
	if (ret->expires_at_ms && clock_utc_ms(service->clock) >= ret->expires_at_ms)
		return AUTH_E_EXPIRED;
	key_use_note(memo->use, atomic_load_explicit(&service->about_ms, memory_order_relaxed));
	return 0;
}
