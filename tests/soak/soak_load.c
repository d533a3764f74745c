/* Asks a server for checks for as long as it is told to, and keeps account of every answer. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/number.h"
#include "soak/asks.h"
#include "soak/durations.h"
#include "soak/talk.h"

/*
 *   soak_load limits                    prints the limits that the server must have
 *   soak_load run PORT TOKEN SEED       asks, until its input ends
 *
 * A line of input is a command: "forget NS" says that the server was killed and may have forgotten
 * what it answered after NS (CLOCK_MONOTONIC), before the next one is started; "report" asks for the
 * counts so far. Each is answered by one line. Of its own accord it prints {"violation":...} when an
 * answer breaks a promise, and {"failed":..., "from_ns":..., "to_ns":...} when a request got no
 * answer 200 from a connection that was open at the first of these times; whoever reads that knows
 * whether the server was up.
 */

#define SECOND_NS 1000000000ULL

enum {
	WORKERS = 4, /* half of them send batches */
	SHARED_EVENTS = 4096,
	RETRY_NS = 2000000,
};

static const uint64_t get_pace_ns = 800000, batch_pace_ns = 20000000;

/* The one key that all ask for: what it was allowed since the first request, and the latest of it. */
struct shared {
	pthread_mutex_t lock;
	uint64_t first_sent_ns, sum;
	uint64_t answered_ns[SHARED_EVENTS], costs[SHARED_EVENTS];
	uint32_t n;
};

struct counts {
	uint64_t allowed, refused, failed;
	struct durations durations;
};

struct worker {
	pthread_t thread;
	unsigned int number;
	bool batch;
	uint64_t random;
	struct talk talk;
	pthread_mutex_t lock; /* of what follows */
	struct counts counts;
	uint64_t heard_ns; /* when the connection last proved to be open */
	struct account accounts[ASK_ACCOUNTS][ASK_KEYS];
};

static struct worker workers[WORKERS];
static struct shared shared = {.lock = PTHREAD_MUTEX_INITIALIZER};
static const char *token;
static atomic_bool over;
/* From one answer, of whichever worker, to the next. */
static _Atomic uint64_t latest_answer_ns, longest_gap_ns;

static uint64_t read_clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static uint64_t now_ns(void)
{
	return read_clock_ns(CLOCK_MONOTONIC);
}

static void say_violation(const struct ask *ask, const char *what)
{
	printf("{\"violation\":\"key %s, cost %" PRIu64 ": %s\",\"at_ns\":%" PRIu64 "}\n", ask->key,
	       ask->cost, what, now_ns());
	fflush(stdout);
}

static void say_failure(const struct worker *worker, const char *what, uint64_t from_ns)
{
	printf("{\"failed\":\"%s: %s\",\"from_ns\":%" PRIu64 ",\"to_ns\":%" PRIu64 "}\n",
	       worker->batch ? "batch" : "GET", what, from_ns, now_ns());
	fflush(stdout);
}

static bool shared_is_over(uint64_t sent_ns, uint64_t answered_ns, uint64_t cost)
{
	const struct account_limit *limit = &ask_limits[ASK_SHARED];
	uint32_t at;
	bool is_over;

	pthread_mutex_lock(&shared.lock);
	if (!shared.first_sent_ns || sent_ns < shared.first_sent_ns)
		shared.first_sent_ns = sent_ns;
	shared.sum += cost;
	at = shared.n++ % SHARED_EVENTS;
	shared.answered_ns[at] = answered_ns;
	shared.costs[at] = cost;
	is_over = (shared.sum - limit->burst) * limit->period_ns >
			  answered_ns - shared.first_sent_ns &&
		  shared.sum > limit->burst;
	pthread_mutex_unlock(&shared.lock);
	return is_over;
}

static void forget_shared(uint64_t after_ns)
{
	uint32_t kept = shared.n < SHARED_EVENTS ? shared.n : SHARED_EVENTS;

	pthread_mutex_lock(&shared.lock);
	for (uint32_t i = 0; i < kept; i++) {
		if (shared.answered_ns[i] <= after_ns)
			continue;
		shared.sum -= shared.costs[i];
		shared.costs[i] = 0;
	}
	pthread_mutex_unlock(&shared.lock);
}

struct span {
	uint64_t sent_ns, answered_ns, utc_ns;
};

static void note_allowed(struct worker *worker, const struct ask *ask, const struct span *span)
{
	enum account_verdict verdict;

	worker->counts.allowed++;
	if (ask->kind == ASK_SHARED && shared_is_over(span->sent_ns, span->answered_ns, ask->cost))
		say_violation(ask, account_verdict_text(ACCOUNT_OVER_BUCKET));
	if (ask->kind >= ASK_ACCOUNTS)
		return;
	verdict = account_allowed(&worker->accounts[ask->kind][ask->number], span->sent_ns,
				  span->answered_ns, span->utc_ns, ask->cost);
	if (verdict != ACCOUNT_FINE)
		say_violation(ask, account_verdict_text(verdict));
}

static void note_refused(struct worker *worker, const struct ask *ask, const struct span *span)
{
	enum account_verdict verdict;

	worker->counts.refused++;
	if (ask->kind >= ASK_ACCOUNTS)
		return;
	verdict = account_refused(&worker->accounts[ask->kind][ask->number], span->sent_ns,
				  ask->cost);
	if (verdict != ACCOUNT_FINE)
		say_violation(ask, account_verdict_text(verdict));
}

static void note_unanswered(struct worker *worker, const struct ask *asks, uint32_t n)
{
	worker->counts.failed++;
	for (uint32_t i = 0; i < n; i++)
		if (asks[i].kind < ASK_ACCOUNTS)
			account_unanswered(&worker->accounts[asks[i].kind][asks[i].number],
					   now_ns(), asks[i].cost);
}

/* Reads `{"allowed":true,"key":"...",` at or behind *at; false: it is not there, or another key's. */
static bool read_result(const char **at, const struct ask *ask, bool *ret_allowed)
{
	static const char allowed[] = "{\"allowed\":", key[] = ",\"key\":\"";
	size_t len = strlen(ask->key);
	const char *found = strstr(*at, allowed);

	if (!found)
		return false;
	found += sizeof(allowed) - 1;
	*ret_allowed = *found == 't';
	found += *ret_allowed ? strlen("true") : strlen("false");
	if (strncmp(found, key, sizeof(key) - 1) != 0)
		return false;
	found += sizeof(key) - 1;
	*at = found + len;
	return strncmp(found, ask->key, len) == 0 && found[len] == '"' &&
	       strncmp(found + len, "\",\"limit\":", 10) == 0;
}

static void note_answers(struct worker *worker, const struct ask *asks, uint32_t n,
			 const struct span *span)
{
	const char *at = worker->talk.body;
	bool allowed;

	for (uint32_t i = 0; i < n; i++) {
		if (!read_result(&at, &asks[i], &allowed)) {
			say_violation(&asks[i], "was not answered as a check is");
			return;
		}
		if (allowed)
			note_allowed(worker, &asks[i], span);
		else
			note_refused(worker, &asks[i], span);
	}
}

static void note_gap(uint64_t answered_ns)
{
	uint64_t before = atomic_exchange(&latest_answer_ns, answered_ns);
	uint64_t longest = atomic_load(&longest_gap_ns);

	if (!before || answered_ns < before)
		return;
	while (answered_ns - before > longest &&
	       !atomic_compare_exchange_weak(&longest_gap_ns, &longest, answered_ns - before))
		;
}

static void ask_once(struct worker *worker)
{
	struct ask asks[ASK_BATCH_MAX];
	char text[ASK_TEXT_MAX];
	uint32_t n =
		worker->batch ? 2 + (uint32_t)ask_random(&worker->random) % (ASK_BATCH_MAX - 1) : 1;
	struct span span;
	size_t len;
	int err;

	ask_draw(&worker->random, worker->number, asks, n);
	len = ask_write(asks, n, token, text);
	pthread_mutex_lock(&worker->lock);
	span.sent_ns = now_ns();
	err = talk_ask(&worker->talk, text, len);
	span.answered_ns = now_ns();
	span.utc_ns = read_clock_ns(CLOCK_REALTIME) - span.answered_ns;
	if (err || worker->talk.status != 200) {
		note_unanswered(worker, asks, n);
		say_failure(worker, err ? strerrordesc_np(-err) : "status is not 200",
			    span.sent_ns);
	} else {
		note_answers(worker, asks, n, &span);
		durations_add(&worker->counts.durations, span.answered_ns - span.sent_ns);
		note_gap(span.answered_ns);
		worker->heard_ns = span.answered_ns;
	}
	pthread_mutex_unlock(&worker->lock);
}

static void sleep_until(uint64_t at_ns)
{
	const struct timespec t = {.tv_sec = (time_t)(at_ns / SECOND_NS),
				   .tv_nsec = (long)(at_ns % SECOND_NS)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static int open_talk(struct worker *worker)
{
	if (worker->talk.fd < 0)
		worker->heard_ns = now_ns();
	return talk_open(&worker->talk);
}

static void *run_worker(void *data)
{
	struct worker *worker = data;
	uint64_t pace_ns = worker->batch ? batch_pace_ns : get_pace_ns;
	uint64_t next_ns = now_ns();

	while (!atomic_load(&over)) {
		if (open_talk(worker)) {
			sleep_until(now_ns() + RETRY_NS);
			continue;
		}
		ask_once(worker);
		next_ns += pace_ns;
		if (next_ns < now_ns())
			next_ns = now_ns();
		sleep_until(next_ns);
	}
	talk_done(&worker->talk);
	return NULL;
}

static void forget(uint64_t after_ns)
{
	for (struct worker *worker = workers; worker < workers + WORKERS; worker++) {
		pthread_mutex_lock(&worker->lock);
		for (int kind = 0; kind < ASK_ACCOUNTS; kind++)
			for (int i = 0; i < ASK_KEYS; i++)
				account_forget(&worker->accounts[kind][i], after_ns);
		pthread_mutex_unlock(&worker->lock);
	}
	forget_shared(after_ns);
	puts("{\"forgot\":true}");
}

static void add_counts(struct counts *sum, bool batch)
{
	for (struct worker *worker = workers; worker < workers + WORKERS; worker++) {
		if (worker->batch != batch)
			continue;
		pthread_mutex_lock(&worker->lock);
		sum->allowed += worker->counts.allowed;
		sum->refused += worker->counts.refused;
		sum->failed += worker->counts.failed;
		durations_merge(&sum->durations, &worker->counts.durations);
		pthread_mutex_unlock(&worker->lock);
	}
}

static double ms_of(uint64_t ns)
{
	return (double)ns / 1e6;
}

static void report_kind(const char *name, bool batch)
{
	struct counts sum = {0};

	add_counts(&sum, batch);
	printf("\"%s\":{\"n\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"allowed\":%" PRIu64
	       ",\"refused\":%" PRIu64 ",\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f},",
	       name, sum.durations.n, sum.failed, sum.allowed, sum.refused,
	       ms_of(durations_quantile_ns(&sum.durations, 50)),
	       ms_of(durations_quantile_ns(&sum.durations, 99)), ms_of(sum.durations.max_ns));
}

static void report(void)
{
	flockfile(stdout);
	putchar('{');
	report_kind("get", false);
	report_kind("batch", true);
	printf("\"longest_gap_ms\":%.1f}\n", ms_of(atomic_load(&longest_gap_ns)));
	funlockfile(stdout);
}

static void start_worker(unsigned int number, uint16_t port, uint64_t seed)
{
	struct worker *worker = &workers[number];

	worker->number = number;
	worker->batch = number % 2;
	worker->random = (seed + number) * 0x9e3779b97f4a7c15ULL | 1;
	talk_init(&worker->talk, port);
	pthread_mutex_init(&worker->lock, NULL);
	for (int kind = 0; kind < ASK_ACCOUNTS; kind++)
		for (int i = 0; i < ASK_KEYS; i++)
			account_init(&worker->accounts[kind][i], &ask_limits[kind]);
	if (pthread_create(&worker->thread, NULL, run_worker, worker))
		abort();
}

static int run(uint16_t port, uint64_t seed)
{
	char line[64];
	uint64_t after_ns;

	for (unsigned int i = 0; i < WORKERS; i++)
		start_worker(i, port, seed);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "forget %" SCNu64, &after_ns) == 1)
			forget(after_ns);
		else
			report();
		fflush(stdout);
	}
	atomic_store(&over, true);
	for (unsigned int i = 0; i < WORKERS; i++)
		pthread_join(workers[i].thread, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t port, seed;

	if (argc == 2 && strcmp(argv[1], "limits") == 0)
		return puts(ask_limits_json) < 0;
	if (argc != 5 || strcmp(argv[1], "run") != 0 ||
	    number_parse_u64(argv[2], strlen(argv[2]), &port) || port > UINT16_MAX ||
	    number_parse_u64(argv[4], strlen(argv[4]), &seed)) {
		fprintf(stderr, "usage: soak_load limits | run PORT TOKEN SEED\n");
		return 2;
	}
	token = argv[3];
	return run((uint16_t)port, seed);
}
