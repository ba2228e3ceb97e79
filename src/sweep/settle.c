/* SPDX-License-Identifier: MIT
 * settle: outcomes on their way into the ledger, many in one statement. Promises that an outcome is
 * given up only when the database refuses it alone (its lease then runs out and the task is tried
 * again), and that telling one twice does nothing: the fence is spent. */
#include <string.h>

#include "sweep_internal.h"
#include "taskgate/base/clock.h"
#include "taskgate/base/conf.h"
#include "taskgate/base/log.h"

/* 32, 64, 128 and 256 took the database the same 180 microseconds a task, claim and history
 * included; more at once means fewer commits. */
#define BATCH_MOST 128
#define ROUND_MS 10000
#define BEAT_MS 5000
#define BATCH_BYTES (4u * 1024 * 1024)

enum {
	ID,
	FENCE,
	OUTCOME,
	DETAIL,
	REASON,
	WAIT,
	PAUSES,
	AGO,
	COLUMNS
}; /* the parameters of every settle statement, in their order */

static void put_item(struct tg_buf *b, const char *s)
{
	tg_buf_put(b, b->len == 0 ? "{" : ",", 1);
	if (s == NULL)
		tg_buf_puts(b, "NULL");
	else
		tg_buf_array_item(b, s, strlen(s));
}

static void put_number(struct tg_buf *b, long long n)
{
	tg_buf_printf(b, "%c%lld", b->len == 0 ? '{' : ',', n);
}

static bool queue_hosts(struct sweep *s)
{
	struct tg_buf name, fails, answered, error;
	bool any = false;

	tg_buf_init(&name, s->arena);
	tg_buf_init(&fails, s->arena);
	tg_buf_init(&answered, s->arena);
	tg_buf_init(&error, s->arena);
	for (struct sweep_host *h = s->hosts; h != NULL; h = h->next) {
		if (!h->dirty)
			continue;
		put_item(&name, h->name);
		put_number(&fails, h->fails);
		put_item(&answered, h->answered ? "t" : "f");
		put_item(&error, h->fails > 0 ? sweep_clean(s->arena, h->error) : NULL);
		h->dirty = h->answered = false;
		h->failing = h->fails > 0;
		h->told = h->fails;
		h->fails = 0;
		any = true;
	}
	if (!any)
		return false;
	tg_buf_put(&name, "}", 1);
	tg_buf_put(&fails, "}", 1);
	tg_buf_put(&answered, "}", 1);
	tg_buf_put(&error, "}", 1);
	tg_db_queue(s->link[LINK_SETTLE].db,
		TG_BIND_SWEEP_HOST_SETTLE(.hosts = name.data, .failures = fails.data,
			.answered = answered.data, .errors = error.data));
	return true;
}

static void queue_jobs(struct sweep *s, enum sweep_lane lane, const struct job_list *jobs)
{
	struct tg_buf column[COLUMNS];
	const char *params[COLUMNS];
	int64_t now = tg_clock_ms();

	for (int i = 0; i < COLUMNS; i++)
		tg_buf_init(&column[i], s->arena);
	for (const struct sweep_job *j = jobs->head; j != NULL; j = j->next) {
		put_item(&column[ID], j->id);
		put_item(&column[FENCE], j->fence);
		put_item(&column[OUTCOME], j->outcome);
		put_item(&column[DETAIL], j->detail);
		put_item(&column[REASON], sweep_clean(s->arena, j->reason));
		put_number(&column[WAIT], j->wait_s);
		/* Rounded down, so that a departure is never recorded before the answer came. */
		put_number(&column[AGO],
			j->ended_ms == 0 || now <= j->ended_ms ? 0 : now - j->ended_ms - 1);
	}
	for (int i = 0; i < COLUMNS; i++) {
		tg_buf_put(&column[i], "}", 1);
		params[i] = column[i].data;
	}
	params[PAUSES] = sweep_lanes[lane].pauses(s);
	/* Only some ask how long ago it was. */
	tg_db_queue(s->link[LINK_SETTLE].db, (struct tg_bind){ sweep_lanes[lane].settle, params });
}

static void take_batch(struct job_list *from, struct job_list *batch)
{
	size_t bytes = 0;

	while (from->head != NULL && batch->n < BATCH_MOST && bytes < BATCH_BYTES) {
		struct sweep_job *j = sweep_list_take(from);

		bytes += j->detail != NULL ? j->transfer->answer.len : 0;
		sweep_list_add(batch, j);
	}
}

/* The work of all calls of the round is held before one of them is settled: a report of one of them
 * may be under way. */
static bool queue_hold(struct sweep *s)
{
	static const enum sweep_lane lanes[] = { LANE_CALL, LANE_FOLLOW };
	struct tg_buf ids;

	tg_buf_init(&ids, s->arena);
	for (size_t i = 0; i < sizeof lanes / sizeof *lanes; i++)
		for (const struct sweep_job *j = s->settling.jobs[lanes[i]].head; j != NULL;
			j = j->next)
			put_item(&ids, j->id);
	if (ids.len == 0)
		return false;
	tg_buf_put(&ids, "}", 1);
	tg_db_queue(s->link[LINK_SETTLE].db, TG_BIND_SWEEP_CALL_HOLD(.ids = ids.data));
	return true;
}

static void queue_beat(struct sweep *s, int64_t now, bool leaves, int *queued)
{
	const char *done = tg_arena_printf(s->arena, "%llu", (unsigned long long)s->settled);

	s->settling.beat = -1;
	if (now < s->beat_at && !leaves)
		return;
	tg_db_queue(s->link[LINK_SETTLE].db,
		TG_BIND_SWEEP_BEAT(.host = s->host, .pid = s->pid, .started_at = s->started_at,
			.done = done, .leaving = leaves ? "t" : "f"));
	s->settling.beat = (*queued)++;
	s->beat_at = now + BEAT_MS;
}

/* Hosts first: whether one is parked decides what becomes of its jobs. */
void sweep_settle_send(struct sweep *s, bool leaves)
{
	struct sweep_link *link = &s->link[LINK_SETTLE];
	int64_t now = tg_clock_ms();
	int queued;

	tg_db_start(link->db);
	for (int lane = 0; lane < LANE__MAX; lane++)
		take_batch(&s->done[lane], &s->settling.jobs[lane]);
	queued = queue_hosts(s);
	queued += queue_hold(s);
	for (int lane = 0; lane < LANE__MAX; lane++) {
		s->settling.settle[lane] = -1;
		if (s->settling.jobs[lane].n == 0)
			continue;
		queue_jobs(s, lane, &s->settling.jobs[lane]);
		s->settling.settle[lane] = queued++;
	}
	queue_beat(s, now, leaves, &queued);
	tg_db_send(link->db);
	tg_arena_reset(s->arena);
	link->sent = true;
	link->deadline = now + ROUND_MS;
}

static void free_batch(struct sweep *s, enum sweep_lane lane)
{
	s->settled += (uint64_t)s->settling.jobs[lane].n;
	for (struct sweep_job *j; (j = sweep_list_take(&s->settling.jobs[lane])) != NULL;)
		sweep_job_free(s, j);
}

static void read_lane(struct sweep *s, enum sweep_lane lane)
{
	struct tg_rows rows = tg_db_rows(s->link[LINK_SETTLE].db, s->settling.settle[lane]);
	long long stale = tg_rows_int(rows, 0, "stale");

	if (stale > 0)
		tg_log(TG_LOG_DEBUG, "settle.stale", "lane=%s outcomes=%lld",
			sweep_lanes[lane].name, stale);
	if (tg_rows_has_column(rows, "told") && tg_rows_int(rows, 0, "told") > 0)
		s->nudged = true; /* the webhook of a finished task is due */
	free_batch(s, lane);
}

/* Not committed, or nobody knows: they are told again, which is harmless. */
static void put_back(struct sweep *s, enum sweep_lane lane)
{
	sweep_list_append(&s->settling.jobs[lane], &s->done[lane]);
	sweep_list_append(&s->done[lane], &s->settling.jobs[lane]);
}

static void read_beat(struct sweep *s)
{
	struct tg_rows beat = tg_db_rows(s->link[LINK_SETTLE].db, s->settling.beat);

	if (tg_rows_count(beat) != 1 || !tg_rows_bool_at(beat, 0, TG_SWEEP_BEAT_REPLACED) ||
		s->opt->once || s->stopping)
		return;
	tg_log(TG_LOG_DEBUG, "sweep.replaced", "host=%s", s->host);
	s->stopping = true;
}

enum tg_rc sweep_settle_end(struct sweep *s, struct tg_error *err)
{
	struct sweep_link *link = &s->link[LINK_SETTLE];
	enum tg_rc rc = tg_db_run(link->db, sweep_link_deadline(link), true, err);

	link->sent = false;
	s->idle = false;
	sweep_hosts_told(s, rc == TG_OK);
	for (int lane = 0; lane < LANE__MAX; lane++) {
		if (s->settling.jobs[lane].n == 0)
			continue;
		if (rc == TG_OK)
			read_lane(s, lane);
		else
			put_back(s, lane);
	}
	if (rc == TG_OK)
		read_beat(s);
	return rc;
}

static enum tg_rc settle_one(struct sweep *s, enum sweep_lane lane, struct tg_error *err)
{
	struct sweep_link *link = &s->link[LINK_SETTLE];
	enum tg_rc rc = sweep_open(link, err);

	if (rc != TG_OK)
		return rc;
	tg_db_start(link->db);
	queue_jobs(s, lane, &s->settling.jobs[lane]);
	return tg_db_run(link->db, tg_clock_ms() + ROUND_MS, true, err);
}

/* One that the database does not take as it is becomes a failed attempt; one that it does not take
 * at all is left to its lease. */
static void settle_alone(struct sweep *s, enum sweep_lane lane)
{
	struct job_list *batch = &s->settling.jobs[lane];
	struct sweep_job *j = sweep_list_take(&s->done[lane]);
	struct tg_error err;
	enum tg_rc rc;

	sweep_list_add(batch, j);
	rc = settle_one(s, lane, &err);
	if (rc == TG_E_UNAVAILABLE || rc == TG_E_INDOUBT || rc == TG_E_RETRY) {
		put_back(s, lane);
		return;
	}
	if (rc != TG_OK) {
		tg_log_error(TG_LOG_WARNING, "settle.refused", &err);
		j->outcome = "fail";
		j->detail = NULL;
		j->reason = "the answer could not be stored";
		if (settle_one(s, lane, &err) != TG_OK)
			tg_log_error(TG_LOG_WARNING, "settle.given_up", &err);
	}
	free_batch(s, lane);
}

void sweep_settle_singly(struct sweep *s)
{
	for (int lane = 0; lane < LANE__MAX; lane++)
		for (int n = s->done[lane].n; n > 0 && s->done[lane].head != NULL; n--)
			settle_alone(s, lane);
	tg_arena_reset(s->arena);
}
