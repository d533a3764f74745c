/* One HTTP/1.1 connection of a load: blocking, kept alive, opened again when it breaks. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	TALK_ANSWER_MAX = 1 << 18,
	TALK_TIMEOUT_S = 10,
};

struct talk {
	uint16_t port; /* of the loopback interface */
	int fd;        /* -1: closed */
	int status;    /* of the last answer */
	size_t len;    /* of its body */
	char *body;    /* NUL-terminated, in `received` */
	char received[TALK_ANSWER_MAX];
};

void talk_init(struct talk *talk, uint16_t port);
void talk_done(struct talk *talk);

/* 0 or -errno; nothing to do while it is open. */
int talk_open(struct talk *talk);
/*
 * Sends a request and reads its answer. 0, or -errno and the connection is closed: -ECONNRESET also
 * when the peer ended it in good order without an answer, -EPROTO when the answer is none.
 */
int talk_ask(struct talk *talk, const char *request, size_t len);
