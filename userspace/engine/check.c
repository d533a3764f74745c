/* Answers one check: evaluate every limit, then charge all of them or none. */
/* SPDX-License-Identifier: MIT */

#include <assert.h>
#include <string.h>

#include "engine/engine_priv.h"
#include "engine/key_hash.h"

/* What one limit has to do with the request. */
struct attempt {
	struct rule *rule;
	uint32_t at;    /* of its word in the key's run */
	uint64_t *word; /* NULL: the key has no state */
	uint64_t raw;   /* as stored */
	uint64_t value; /* what that is worth now */
	uint64_t next;  /* after the request, if it is admitted */
	bool refused;
	bool published;
};

struct check {
	struct engine *engine;
	struct shard *shard;
	const struct engine_request *request;
	struct shard_key key;
	struct index_cell *cell; /* NULL: the key has no state */
	struct node *node;
	uint32_t second;
	uint32_t n;
	bool allowed;
	bool last;           /* room was made for new keys, as far as there was any */
	struct rule_set set; /* of a key without state */
	struct attempt attempts[ENGINE_MATCH_MAX];
};

static void read_word(struct check *check, struct attempt *attempt)
{
	attempt->raw = 0;
	attempt->value = 0;
	if (!attempt->word)
		return;
	attempt->raw = __atomic_load_n(attempt->word, __ATOMIC_RELAXED);
	attempt->value = word_aged(attempt->raw, check->node->touched, check->second,
				   &attempt->rule->params);
}

static void add_attempt(struct check *check, struct rule *rule, uint32_t at)
{
	struct attempt *attempt;

	if (rule->mode == ENGINE_OFF)
		return;
	attempt = &check->attempts[check->n++];
	attempt->rule = rule;
	attempt->at = at;
	attempt->word = check->cell ? shard_words(check->shard, check->cell) + at : NULL;
	attempt->refused = false;
	attempt->published = false;
	read_word(check, attempt);
	attempt->next = attempt->value;
}

/* Which limits, and what their words are. 0, ENGINE_E_MATCH_MAX or -ENOMEM. */
static int find_attempts(struct check *check)
{
	struct engine *engine = check->engine;
	int err;

	check->n = 0;
	check->cell = shard_find(check->shard, &engine->rules, &check->key);
	if (check->cell && carry_is_stale(engine, shard_node(check->shard, check->cell))) {
		err = carry_over(engine, check->shard, &check->cell, check->request->now_ns);
		if (err)
			return err;
	}
	if (!check->cell) {
		rules_match(&engine->rules, check->key.tenant, check->key.text, check->key.len,
			    check->key.hash, &check->set);
		for (uint32_t i = 0; i < check->set.n; i++)
			add_attempt(check, check->set.rules[i], i);
		return check->set.overflow ? ENGINE_E_MATCH_MAX : 0;
	}
	check->node = shard_node(check->shard, check->cell);
	for (uint32_t i = 0; i < check->node->n; i++)
		add_attempt(check, rules_at(&engine->rules, check->node->slots[i]), i);
	return check->node->overflow ? ENGINE_E_MATCH_MAX : 0;
}

static void step(const struct check *check, struct attempt *attempt)
{
	__u64 next = attempt->value;

	attempt->refused = !sluice_step(attempt->value, check->request->now_ns,
					(__u64)check->request->cost, &attempt->rule->params, &next);
	attempt->next = next;
}

static bool is_enforcing(const struct attempt *attempt)
{
	return attempt->rule->mode == ENGINE_ENFORCE;
}

/* Only reads, so that a flood over its limit writes nothing. */
static void evaluate(struct check *check)
{
	check->allowed = true;
	if (check->request->cost <= 0)
		return;
	for (uint32_t i = 0; i < check->n; i++) {
		struct attempt *attempt = &check->attempts[i];

		step(check, attempt);
		if (attempt->refused && is_enforcing(attempt))
			check->allowed = false;
	}
}

static bool replace_word(struct attempt *attempt)
{
	return __atomic_compare_exchange_n(attempt->word, &attempt->raw, attempt->next, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* The step that evaluate() made holds unless somebody wrote the word meanwhile. */
static void publish(struct check *check, struct attempt *attempt)
{
	while (!attempt->refused && !attempt->published) {
		attempt->published = replace_word(attempt);
		if (attempt->published)
			return;
		read_word(check, attempt);
		step(check, attempt);
	}
}

/* Puts the word back as it was, or at least gives back what was taken. */
static void undo(const struct check *check, struct attempt *attempt)
{
	const struct engine_request *request = check->request;
	uint64_t word = attempt->next, back = attempt->raw;

	if (!attempt->published)
		return;
	while (!__atomic_compare_exchange_n(attempt->word, &word, back, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED))
		back = sluice_charge(word, request->now_ns, -request->cost, &attempt->rule->params);
	attempt->published = false;
	attempt->next = back;
}

/* Reserve and undo: never above any limit, whoever else writes these words. */
static void charge_all(struct check *check)
{
	uint32_t i;

	carry_touch(check->engine, check->shard, check->cell, check->request->now_ns);
	for (i = 0; i < check->n && check->allowed; i++) {
		if (!is_enforcing(&check->attempts[i]))
			continue;
		publish(check, &check->attempts[i]);
		check->allowed = !check->attempts[i].refused;
	}
	while (!check->allowed && i--)
		undo(check, &check->attempts[i]);
	for (i = 0; i < check->n && check->allowed; i++)
		if (!is_enforcing(&check->attempts[i]))
			publish(check, &check->attempts[i]);
	check->shard->changes += check->allowed;
}

static void refund_all(struct check *check)
{
	const struct engine_request *request = check->request;

	if (!check->cell)
		return;
	carry_touch(check->engine, check->shard, check->cell, request->now_ns);
	check->shard->changes++;
	for (uint32_t i = 0; i < check->n; i++) {
		struct attempt *attempt = &check->attempts[i];

		do {
			read_word(check, attempt);
			attempt->next = sluice_charge(attempt->value, request->now_ns,
						      request->cost, &attempt->rule->params);
		} while (attempt->next != attempt->raw && !replace_word(attempt));
	}
}

static bool has_charge(const struct check *check)
{
	for (uint32_t i = 0; i < check->n; i++)
		if (!check->attempts[i].refused)
			return true;
	return false;
}

/* A key gets state only when there is something to remember. */
static int add_key(struct check *check)
{
	int err = keys_add(check->engine, check->shard, &check->key, &check->set,
			   check->request->now_ns, &check->cell);

	if (err)
		return err;
	assert(check->cell);
	check->node = shard_node(check->shard, check->cell);
	for (uint32_t i = 0; i < check->n; i++) {
		struct attempt *attempt = &check->attempts[i];

		attempt->word = shard_words(check->shard, check->cell) + attempt->at;
	}
	return 0;
}

static bool may_deny(const struct check *check)
{
	for (uint32_t i = 0; i < check->n; i++)
		if (is_enforcing(&check->attempts[i]))
			return true;
	return false;
}

/* Limits that only watch see the request, but there is no room to remember it. */
static void forget_steps(struct check *check)
{
	for (uint32_t i = 0; i < check->n; i++)
		check->attempts[i].next = check->attempts[i].value;
}

/* Whether it has something to remember. */
static bool is_charged(const struct check *check)
{
	return check->request->cost > 0 && check->allowed && has_charge(check);
}

/* Limits that only watch let the request pass, though there is no room for its key. */
static bool passes_uncounted(const struct check *check)
{
	return check->last && !may_deny(check);
}

static int consume(struct check *check)
{
	int err;

	if (check->request->cost < 0)
		refund_all(check);
	if (!is_charged(check))
		return 0;
	if (!check->cell) {
		err = add_key(check);
		if (err == ENGINE_E_KEYS_MAX && passes_uncounted(check)) {
			forget_steps(check);
			return 0;
		}
		if (err)
			return err;
	}
	charge_all(check);
	return 0;
}

/* What consume() would say. */
static int foresee(const struct check *check)
{
	if (!check->cell && is_charged(check) && !passes_uncounted(check) &&
	    !keys_have_room(check->engine, check->key.tenant))
		return ENGINE_E_KEYS_MAX;
	return 0;
}

/* Refunds and checks that cost nothing are no requests to be counted. */
static void count(const struct check *check)
{
	uint32_t stripe = (uint32_t)(check->key.hash % ENGINE_SHARDS);

	if (check->request->peek || check->request->cost <= 0)
		return;
	for (uint32_t i = 0; i < check->n; i++) {
		const struct attempt *attempt = &check->attempts[i];

		if (attempt->refused || check->allowed)
			rule_count(&attempt->rule->stats[stripe], !attempt->refused);
	}
}

static void explain(const struct check *check, struct engine_verdict *ret)
{
	const struct engine_request *request = check->request;
	bool charged = check->allowed && !request->peek;

	ret->allowed = check->allowed;
	ret->count = check->n;
	for (uint32_t i = 0; i < check->n; i++) {
		const struct attempt *attempt = &check->attempts[i];
		const struct rule *rule = attempt->rule;
		struct engine_hit *hit = &ret->hits[i];

		memcpy(hit->id, rule->id, sizeof(hit->id));
		hit->limit = rule->params.limit;
		hit->burst = rule->params.burst;
		hit->interval_ns = rule->params.interval_ns;
		hit->mode = rule->mode;
		hit->refused = attempt->refused;
		sluice_explain(charged ? attempt->next : attempt->value, request->now_ns,
			       attempt->refused ? (uint64_t)request->cost : 0, &rule->params,
			       &hit->figures);
	}
}

static int run_check(struct check *check, struct engine_verdict *ret)
{
	int err = find_attempts(check);

	if (err)
		return err;
	evaluate(check);
	err = check->request->peek ? foresee(check) : consume(check);
	if (err)
		return err;
	count(check);
	explain(check, ret);
	return 0;
}

int engine_check(struct engine *engine, const struct engine_request *request,
		 struct engine_verdict *ret)
{
	struct check check; /* large: every field is set before it is read */
	int err;

	if (request->key_len == 0 || request->key_len > ENGINE_KEY_MAX)
		return ENGINE_E_KEY;
	check.engine = engine;
	check.request = request;
	check.second = engine_second(request->now_ns);
	check.key.tenant = request->tenant;
	check.key.text = request->key;
	check.key.len = request->key_len;
	check.key.hash =
		key_hash(engine->rules.seed, request->tenant, request->key, request->key_len);
	check.shard = engine_shard(engine, check.key.hash);
	for (check.last = false;; check.last = true) {
		lock_take(&check.shard->lock);
		err = run_check(&check, ret);
		lock_drop(&check.shard->lock);
		if (err != ENGINE_E_KEYS_MAX || check.last)
			return err;
		keys_make_room(engine, request->tenant, request->now_ns);
	}
}
