/* A request at its handler: handed over, answered at once, or deferred and answered from afar. */
/* SPDX-License-Identifier: MIT */

#include <assert.h>
#include <stdlib.h>

#include "httpd/httpd_priv.h"

void httpd_answer(struct httpd_exchange *exchange, const struct httpd_answer *answer)
{
	struct connection *c = exchange->connection;

	assert(!exchange->answered);
	exchange->answered = true;
	exchange->close |= answer->close || atomic_load(&c->loop->httpd->draining);
	answer_write(c->loop, exchange, answer, exchange->close, &c->loop->out);
}

struct httpd_exchange *httpd_defer(struct httpd_exchange *exchange)
{
	struct connection *c = exchange->connection;
	/* Our own buffer or the loop's, and then not const. */
	char *base = (char *)c->parse.base;
	struct httpd_exchange *kept;

	assert(exchange->request.refused_status == 0 && !exchange->answered && !c->exchange);
	kept = malloc(sizeof(*kept));
	if (!kept)
		return NULL;
	if (input_keep(c, base, 0, c->pending)) {
		free(kept);
		return NULL;
	}
	*kept = *exchange;
	parse_view(&c->parse, c->in, c->parse.fed, kept);
	kept->request.peer = &c->peer.any;
	buf_init(&kept->late);
	c->exchange = kept;
	return kept;
}

const struct httpd_request *httpd_request_of(const struct httpd_exchange *exchange)
{
	return &exchange->request;
}

void httpd_answer_deferred(struct httpd_exchange *exchange, const struct httpd_answer *answer)
{
	struct connection *c = exchange->connection;
	struct loop *loop = c->loop;

	exchange->late_status = answer->status;
	exchange->late_headers_len = answer->headers.len;
	exchange->close |= answer->close;
	buf_put(&exchange->late, answer->headers.text, answer->headers.len);
	buf_put(&exchange->late, answer->body.text, answer->body.len);
	/* Woken under the lock: once it is let go, the server may drain and be freed. */
	pthread_mutex_lock(&loop->inbox_lock);
	if (!loop->late)
		loop_wake(loop);
	c->next_late = loop->late;
	loop->late = c;
	pthread_mutex_unlock(&loop->inbox_lock);
}

bool exchange_hand_over(struct connection *c, char *base, size_t len)
{
	const struct httpd_handler *handler = &c->loop->httpd->config.handler;
	struct httpd_exchange *exchange = &c->loop->exchange;
	bool refused = c->parse.refused_status != 0;

	c->parse.base = base;
	c->pending = len;
	exchange->connection = c;
	exchange->answered = false;
	exchange->endless = false;
	parse_view(&c->parse, base, len, exchange);
	exchange->request.note = c->note;
	exchange->request.peer = &c->peer.any;
	exchange->close = refused || !llhttp_should_keep_alive(&c->parse.llhttp);
	exchange->head_only = c->parse.target.len && c->parse.llhttp.method == HTTP_HEAD;
	exchange->http10 = c->parse.head_complete && c->parse.llhttp.http_minor == 0;
	handler->handle(exchange, &exchange->request, handler->data);
	assert(exchange->answered != (c->exchange != NULL));
	c->close_after_write = exchange->answered && exchange->close;
	return c->exchange || c->stream;
}

bool exchange_write_late(struct connection *c)
{
	struct httpd_exchange *exchange = c->exchange;
	struct httpd_answer answer = {.status = exchange->late_status};
	bool done = !exchange->late.failed;

	if (done) {
		answer.headers.text = exchange->late.data;
		answer.headers.len = exchange->late_headers_len;
		answer.body.len = exchange->late.len - answer.headers.len;
		if (answer.body.len)
			answer.body.text = exchange->late.data + answer.headers.len;
		c->close_after_write = exchange->close || atomic_load(&c->loop->httpd->draining);
		answer_write(c->loop, exchange, &answer, c->close_after_write, &c->loop->out);
	}
	buf_done(&exchange->late);
	free(exchange);
	c->exchange = NULL;
	return done;
}
