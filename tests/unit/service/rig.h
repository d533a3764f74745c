/* What the service's tests share: a service on a frozen clock, and requests in one line. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datapath/memory_priv.h"
#include "service/admin.h"
#include "service/check.h"
#include "store/backends.h"

/* Of packets to a port, one bucket for each source. */
#define RIG_PACKETS(port, limit)                                                    \
	"{\"scope\":\"packet\",\"match\":{\"dst_port\":" #port "},\"per\":\"src\"," \
	"\"limit\":" #limit ",\"interval\":\"1s\"}"

#define RIG_LIMIT(key, limit, interval) \
	"{\"key\":\"" key "\",\"limit\":" #limit ",\"interval\":\"" interval "\"}"

struct rig {
	struct clock clock;
	struct store *store; /* owned */
	struct service *service;
	struct memory_pins *pins;  /* owned; NULL: packets are off */
	struct datapath *datapath; /* owned, on the pins */
	struct journal *journal;   /* owned; NULL: none */
	struct ledger *ledger;     /* the same */
	uint32_t snapshot_interval_ms;
	struct principal who;
	struct actor actor;       /* who, from nowhere known */
	struct field_error error; /* of the last call */
};

/* With the default tenant already in the store. store NULL: a new one in memory. */
struct rig *rig_new(struct store *store, uint64_t keys_max);
void rig_free(struct rig *rig);
/* As cmocka's setup and teardown, in memory. */
int rig_setup(void **state);
int rig_teardown(void **state);
/* rig_setup() with a packet path in memory. */
int rig_setup_packets(void **state);
/* Opens the packet path on what the pins hold; the service is stopped. */
void rig_open_packets(struct rig *rig);
/* random_init() for a group. */
int rig_random(void **state);

void rig_start(struct rig *rig, uint64_t keys_max);
void rig_stop(struct rig *rig);

/* Admin calls with the body as text. */
int rig_create(struct rig *rig, const char *body, struct admin_result *ret);
int rig_update(struct rig *rig, const char *id, const char *body, uint64_t expected_revision,
	       struct admin_result *ret);
int rig_confirm(struct rig *rig, const char *id, struct admin_result *ret);
int rig_delete(struct rig *rig, const char *id, uint64_t expected_revision);
/* Creates and gives the id; asserts success. */
void rig_add(struct rig *rig, const char *body, char id[ID_SIZE]);

int rig_ask(struct rig *rig, const char *key, int64_t cost, bool peek, struct check_answer *ret);
/* Asserts that the check could be answered. */
bool rig_allows(struct rig *rig, const char *key, int64_t cost);
/* How many of n checks pass. */
unsigned int rig_count_allowed(struct rig *rig, const char *key, unsigned int n);

/* Writes straight to the store, as other hands would; returns the revision. */
uint64_t rig_write(struct rig *rig, const char *name, const char *value);
/* The record of a limit as admin calls write it, from a body and under an id of the test's choosing. */
uint64_t rig_write_limit(struct rig *rig, const char *id, const char *body);
uint64_t rig_write_limit_of(struct rig *rig, const char *tenant, const char *id, const char *body);
uint64_t rig_remove(struct rig *rig, const char *name);
/* Waits until the service has taken that revision over. */
void rig_settle(struct rig *rig, uint64_t revision);
size_t rig_count_records(struct rig *rig, const char *prefix);

/* The rule in force of a limit of packets, or NULL. */
const struct sluice_rule *rig_rule(struct rig *rig, const char *id);
/* How many are in force. */
unsigned int rig_rules(struct rig *rig);
