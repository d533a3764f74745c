/* Applies changes of the limits: all of them at one moment, or none. */
/* SPDX-License-Identifier: MIT */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/engine_priv.h"
#include "engine/memory.h"

enum {
	/* Beyond these, a pass over all keys is made first, so that no past piles up. */
	APPLY_PAST_MAX = 64,
	APPLY_AGING_MAX = 16384,
};

/* One change with all that it needs, so that making it cannot fail. */
struct step {
	const struct engine_change *change;
	struct rule *rule;       /* the target */
	struct rule *replaced;   /* the target before, if it was another tenant's */
	struct rule *fresh;      /* the target too, if the step makes it; owned until added */
	struct pattern *pattern; /* of a PUT on a rule that exists; owned */
	struct rule_past *past;  /* likewise */
	struct table_link by_id; /* the batch's last word on an id is found first */
};

struct plan {
	size_t n;
	struct step *steps;
	struct table by_id;
};

static void done_plan(struct plan *plan)
{
	for (size_t i = 0; plan->steps && i < plan->n; i++) {
		rule_free(plan->steps[i].fresh);
		pattern_free(plan->steps[i].pattern);
		engine_memory_free(plan->steps[i].past);
	}
	table_done(&plan->by_id);
	engine_memory_free(plan->steps);
}

static int init_plan(struct plan *plan, size_t n)
{
	plan->n = n;
	plan->steps = engine_memory_alloc(n * sizeof(*plan->steps));
	return plan->steps ? table_reserve(&plan->by_id, n) : -ENOMEM;
}

/* The rule that an id will name after the steps before; NULL: none. */
static struct rule *find_target(const struct engine *engine, const struct plan *plan,
				const char *id)
{
	struct table_link *link = table_find(&plan->by_id, rules_hash_id(&engine->rules, id));

	for (; link; link = table_next(link)) {
		const struct step *step = table_entry(link, struct step, by_id);

		if (strcmp(step->change->limit.id, id) == 0)
			return step->change->op == ENGINE_DELETE ? NULL : step->rule;
	}
	return rules_find(&engine->rules, id);
}

static int plan_fresh(struct step *step)
{
	const struct engine_limit *limit = &step->change->limit;

	step->fresh = engine_memory_alloc(sizeof(*step->fresh));
	if (!step->fresh)
		return -ENOMEM;
	step->rule = step->fresh;
	memcpy(step->fresh->id, limit->id, strnlen(limit->id, ENGINE_ID_SIZE - 1));
	step->fresh->tenant = limit->tenant;
	step->fresh->params = limit->params;
	step->fresh->mode = (uint8_t)limit->mode;
	return pattern_new(limit->pattern, limit->pattern_len, &step->fresh->pattern);
}

static int plan_put(struct step *step)
{
	const struct engine_limit *limit = &step->change->limit;

	if (step->rule && step->rule->tenant != limit->tenant)
		step->replaced = TAKE_PTR(step->rule);
	if (!step->rule)
		return plan_fresh(step);
	step->past = engine_memory_alloc(sizeof(*step->past));
	if (!step->past)
		return -ENOMEM;
	return pattern_new(limit->pattern, limit->pattern_len, &step->pattern);
}

static int add_tenant(struct engine *engine, uint32_t number, uint64_t keys_max)
{
	int err;

	engine_lock_all(engine);
	err = rules_add_tenant(&engine->rules, number, keys_max);
	engine_unlock_all(engine);
	return err;
}

/* An empty tenant changes no answer, so one made for nothing does no harm. */
static int plan_tenant(struct engine *engine, uint32_t number)
{
	if (rules_tenant(&engine->rules, number))
		return 0;
	return add_tenant(engine, number, engine->keys_max);
}

static int plan_step(struct engine *engine, struct plan *plan, struct step *step)
{
	const char *id = step->change->limit.id;
	int err = 0;

	assert(id[0] && strnlen(id, ENGINE_ID_SIZE) < ENGINE_ID_SIZE);
	step->rule = find_target(engine, plan, id);
	if (step->change->op == ENGINE_PUT) {
		err = plan_put(step);
		if (err == 0)
			err = plan_tenant(engine, step->change->limit.tenant);
	} else if (!step->rule) {
		err = ENGINE_E_NOT_FOUND;
	}
	if (err == 0)
		table_add(&plan->by_id, &step->by_id, rules_hash_id(&engine->rules, id));
	return err;
}

static int make_plan(struct engine *engine, const struct engine_change *changes, size_t n,
		     struct plan *plan)
{
	int err = init_plan(plan, n);

	for (size_t i = 0; i < n && err == 0; i++) {
		plan->steps[i].change = &changes[i];
		err = plan_step(engine, plan, &plan->steps[i]);
	}
	return err;
}

static void put_known(struct engine *engine, struct step *step, uint32_t generation,
		      uint64_t now_ns)
{
	const struct engine_limit *limit = &step->change->limit;
	struct rule *rule = step->rule;

	rule->mode = (uint8_t)limit->mode;
	step->pattern = rules_replace_pattern(&engine->rules, rule, step->pattern);
	if (memcmp(&rule->params, &limit->params, sizeof(rule->params)) == 0)
		return;
	rules_replace_params(&engine->rules, rule, &limit->params, TAKE_PTR(step->past), generation,
			     now_ns);
}

static void run_step(struct engine *engine, struct step *step, uint32_t generation, uint64_t now_ns)
{
	switch (step->change->op) {
	case ENGINE_PUT:
		if (step->replaced)
			rules_delete(&engine->rules, step->replaced, generation);
		if (step->fresh)
			rules_add(&engine->rules, TAKE_PTR(step->fresh));
		else
			put_known(engine, step, generation, now_ns);
		break;
	case ENGINE_DELETE:
		rules_delete(&engine->rules, step->rule, generation);
		break;
	case ENGINE_RESET:
		rules_reset(&engine->rules, step->rule, generation);
		break;
	}
}

static int run_plan(struct engine *engine, struct plan *plan, uint64_t now_ns)
{
	uint32_t generation = engine->generation + 1;
	int err;

	engine_lock_all(engine);
	err = rules_reserve(&engine->rules, plan->n);
	if (err == 0) {
		for (size_t i = 0; i < plan->n; i++)
			run_step(engine, &plan->steps[i], generation, now_ns);
		engine->generation = generation;
		engine->shards[0].changes++;
	}
	engine_unlock_all(engine);
	return err;
}

static bool is_crowded(const struct engine *engine, const struct plan *plan)
{
	if (engine->rules.n_aging >= APPLY_AGING_MAX)
		return true;
	for (size_t i = 0; i < plan->n; i++)
		if (plan->steps[i].rule->n_past >= APPLY_PAST_MAX)
			return true;
	return false;
}

int engine_apply(struct engine *engine, const struct engine_change *changes, size_t n,
		 uint64_t now_ns)
{
	_cleanup_(done_plan) struct plan plan = {0};
	int err;

	if (n == 0)
		return 0;
	lock_take(&engine->control);
	err = make_plan(engine, changes, n, &plan);
	if (err == 0 && is_crowded(engine, &plan))
		sweep_settle(engine, now_ns);
	if (err == 0)
		err = run_plan(engine, &plan, now_ns);
	lock_drop(&engine->control);
	return err;
}

void engine_keys_max(struct engine *engine, uint64_t keys_max)
{
	lock_take(&engine->control);
	engine->keys_max = keys_max;
	engine_lock_all(engine);
	rules_keys_max(&engine->rules, keys_max);
	engine_unlock_all(engine);
	lock_drop(&engine->control);
}

int engine_tenant_keys_max(struct engine *engine, uint32_t tenant, uint64_t keys_max)
{
	struct tenant *record;
	int err = 0;

	lock_take(&engine->control);
	record = rules_tenant(&engine->rules, tenant);
	if (record) {
		engine_lock_all(engine);
		record->keys_max = keys_max;
		engine_unlock_all(engine);
	} else {
		err = add_tenant(engine, tenant, keys_max);
	}
	lock_drop(&engine->control);
	return err;
}
