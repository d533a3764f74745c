/* Sends what is written to a connection, keeps what its peer does not take, watches it being taken. */
/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "httpd/httpd_priv.h"

static int keep_unsent(struct connection *c, const char *bytes, size_t len)
{
	/* A growing buffer doubles. */
	int err = budget_reserve(c, 2 * len);

	if (err)
		return err;
	buf_put(&c->out, bytes, len);
	budget_settle(c);
	return c->out.failed ? -ENOMEM : 0;
}

int output_flush(struct connection *c)
{
	struct buf *out = &c->loop->out;
	ssize_t n = 0;
	int err = 0;

	if (out->failed)
		return -ENOMEM;
	if (out->len == 0)
		return 0;
	if (c->out.len == 0)
		n = transport_send(&c->transport, out->data, out->len);
	if (n < 0)
		return (int)n;
	if ((size_t)n < out->len)
		err = keep_unsent(c, out->data + n, out->len - (size_t)n);
	if (out->size > OUT_KEPT_MAX) {
		buf_done(out);
		buf_init(out);
	}
	return err;
}

int output_send_rest(struct connection *c)
{
	ssize_t n =
		transport_send(&c->transport, c->out.data + c->out_sent, c->out.len - c->out_sent);

	if (n < 0)
		return (int)n;
	c->out_sent += (size_t)n;
	if (c->out_sent == c->out.len) {
		buf_done(&c->out);
		buf_init(&c->out);
		c->out_sent = 0;
		budget_settle(c);
	}
	return 0;
}

size_t output_left(const struct connection *c)
{
	int queued = 0;

	/* It cannot fail on a socket of TCP, and 0 would only be taken for progress. */
	(void)ioctl(c->transport.fd, SIOCOUTQ, &queued);
	return c->out.len - c->out_sent + (size_t)queued;
}

bool output_extend(struct connection *c)
{
	uint64_t most_ms = atomic_load(&c->loop->httpd->times.idle);
	size_t left = output_left(c);
	uint64_t earned_ms = left < c->left ? (c->left - left) * 1000 / HTTPD_TAKEN_MIN : 0;

	c->left = left;
	c->deadline_ms = c->loop->now_ms + (earned_ms < most_ms ? earned_ms : most_ms);
	return earned_ms > 0;
}
