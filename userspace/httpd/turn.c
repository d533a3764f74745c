/* Connections that have more requests at hand than one turn takes: first come, first served. */
/* SPDX-License-Identifier: MIT */

#include "httpd/httpd_priv.h"

void turn_join(struct connection *c)
{
	struct loop *loop = c->loop;

	if (c->waits_turn)
		return;
	c->waits_turn = true;
	c->next_turn = NULL;
	c->previous_turn = loop->last_turn;
	*(c->previous_turn ? &c->previous_turn->next_turn : &loop->first_turn) = c;
	loop->last_turn = c;
}

void turn_leave(struct connection *c)
{
	struct loop *loop = c->loop;

	if (!c->waits_turn)
		return;
	c->waits_turn = false;
	*(c->previous_turn ? &c->previous_turn->next_turn : &loop->first_turn) = c->next_turn;
	*(c->next_turn ? &c->next_turn->previous_turn : &loop->last_turn) = c->previous_turn;
}

/* Few at a time: whoever asks for the first time comes before them. */
void turn_some(struct loop *loop)
{
	for (int i = 0; i < TURNS_PER_WAKE && loop->first_turn; i++) {
		struct connection *c = loop->first_turn;

		turn_leave(c);
		input_go_on(c);
	}
}
