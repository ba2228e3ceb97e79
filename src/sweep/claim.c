/* SPDX-License-Identifier: MIT
 * claim: one round trip for new work: what the clock asks for (promote, expire, regain), what only
 * writes (notify), then claims, in one transaction, while transfers go on. Promises that nothing is
 * sent for a claim before its commit is known. A claim whose commit is in doubt is left to its
 * lease. */
#include <string.h>

#include "sweep_internal.h"
#include "taskgate/base/clock.h"
#include "taskgate/base/conf.h"

#define ROUND_MS 10000
#define CHORES_MS 250 /* the poll that a lost nudge costs */
#define CHORES_ROWS "500"
#define NOTIFY_ROWS "50"
#define SLOW_MS \
	10000 /* what was never claimed has no index of its own, and a type changes seldom */

static const char *number(struct sweep *s, long long n)
{
	return tg_arena_printf(s->arena, "%lld", n);
}

static const char *limit(struct sweep *s, enum tg_conf setting)
{
	return tg_conf_int(setting) == 0 ? NULL : number(s, tg_conf_int(setting));
}

static void put_hosts(struct sweep *s, const char **names, const char **taken)
{
	struct tg_buf name, count;

	tg_buf_init(&name, s->arena);
	tg_buf_init(&count, s->arena);
	tg_buf_put(&name, "{", 1);
	tg_buf_put(&count, "{", 1);
	for (const struct sweep_host *h = s->hosts; h != NULL; h = h->next) {
		if (name.len > 1) {
			tg_buf_put(&name, ",", 1);
			tg_buf_put(&count, ",", 1);
		}
		tg_buf_array_item(&name, h->name, strlen(h->name));
		/* A host whose failures are on their way to the database may be parked in a moment.
		 */
		tg_buf_printf(&count, "%d",
			h->fails > 0 || h->told > 0 ? s->host_transfers
						    : h->waiting + h->running - h->ahead);
	}
	tg_buf_put(&name, "}", 1);
	tg_buf_put(&count, "}", 1);
	*names = name.data;
	*taken = count.data;
}

static void queue_claims(struct sweep *s, int *queued)
{
	const char *names, *taken;
	int pool = tg_out_free_count(s->out); /* the lanes claim from it one after the other */

	sweep_hosts_pace(s);
	put_hosts(s, &names, &taken);
	for (int lane = 0; lane < LANE__MAX; lane++) {
		int wanted = sweep_lane_room(s, lane), room = wanted < pool ? wanted : pool;
		const char *params[] = { number(s, room), s->name, names, taken,
			number(s, s->host_transfers),
			number(s, tg_conf_int(sweep_lanes[lane].timeout)),
			limit(s, TG_CONF_TASKGATE_CALLS_PER_SECOND),
			limit(s, TG_CONF_TASKGATE_CALLS_PER_MINUTE),
			tg_conf_has_word(TG_CONF_TASKGATE_CALLS_PACING, "off") ? "f" : "t" };

		s->claiming.claim[lane] = -1;
		if (room == 0)
			continue;
		pool -= room;
		/* Each statement takes as many of them as it has parameters. */
		tg_db_queue(s->link[LINK_CLAIM].db,
			(struct tg_bind){ sweep_lanes[lane].claim, params });
		s->claiming.claim[lane] = (*queued)++;
	}
}

static void queue_chores(struct sweep *s, int64_t now, int *queued)
{
	bool slow = now >= s->slow_at;
	const char *ttl = number(s, slow ? tg_conf_int(TG_CONF_TASKGATE_TTL) : 0),
		   *pause = number(s, tg_conf_int(TG_CONF_TASKGATE_RETRY_FIRST));
	struct tg_db *db = s->link[LINK_CLAIM].db;

	s->claiming.promote = s->claiming.expire = s->claiming.call_expire = s->claiming.regain =
		-1;
	if (now < s->chores_at)
		return;
	tg_db_queue(db, TG_BIND_SWEEP_PROMOTE(.most = CHORES_ROWS));
	s->claiming.promote = (*queued)++;
	tg_db_queue(db,
		TG_BIND_SWEEP_EXPIRE(.most = CHORES_ROWS, .ttl_s = ttl, .first_pause_ms = pause));
	s->claiming.expire = (*queued)++;
	tg_db_queue(db, TG_BIND_SWEEP_CALL_EXPIRE(.most = CHORES_ROWS, .ttl_s = ttl));
	s->claiming.call_expire = (*queued)++;
	if (slow) {
		tg_db_queue(db, TG_BIND_SWEEP_REGAIN(.most = CHORES_ROWS));
		s->claiming.regain = (*queued)++;
		s->slow_at = now + SLOW_MS;
	}
	s->chores_at = now + CHORES_MS;
}

/* What becomes of a voicemail is due in the same transaction, and claimed behind it. */
static void queue_notify(struct sweep *s, int *queued)
{
	tg_db_queue(s->link[LINK_CLAIM].db, TG_BIND_SWEEP_NOTIFY(.most = NOTIFY_ROWS));
	s->claiming.notify = (*queued)++;
}

void sweep_claim_send(struct sweep *s)
{
	struct sweep_link *link = &s->link[LINK_CLAIM];
	int64_t now = tg_clock_ms();
	int queued = 0;

	tg_db_start(link->db);
	s->claiming.quiet = !sweep_jobs_any(s);
	s->claiming.claimed_ms = now;
	queue_chores(s, now, &queued);
	queue_notify(s, &queued);
	queue_claims(s, &queued);
	tg_db_send(link->db);
	tg_arena_reset(s->arena);
	s->nudged = s->hungry = false;
	link->sent = true;
	link->deadline = now + ROUND_MS;
}

static void accept_claim(struct sweep *s, enum sweep_lane lane, struct tg_rows rows, int row)
{
	struct tg_transfer *t = tg_out_take(s->out);
	struct sweep_job *j = tg_arena_zalloc(t->arena, sizeof *j);
	const char *outcome;

	j->transfer = t;
	j->lane = lane;
	j->id = tg_arena_strdup(t->arena, tg_rows_get(rows, row, "id"));
	j->fence = tg_arena_strdup(t->arena, tg_rows_get(rows, row, "fence"));
	j->host = sweep_host_get(s, tg_rows_get(rows, row, "host"));
	j->host->failing |= tg_rows_bool(rows, row, "failing");
	j->claimed_ms = s->claiming.claimed_ms;
	j->timeout_ms = tg_conf_int(sweep_lanes[lane].timeout) * 1000;
	outcome = sweep_lanes[lane].prepare(s, j, rows, row);
	if (outcome != NULL) {
		sweep_job_done(s, j, outcome, j->reason);
		return;
	}
	j->host->waiting++;
	s->queued[lane]++;
	sweep_list_add(&s->waiting, j);
}

static int read_claims(struct sweep *s)
{
	int all = 0;

	for (int lane = 0; lane < LANE__MAX; lane++) {
		struct tg_rows rows = tg_db_rows(s->link[LINK_CLAIM].db, s->claiming.claim[lane]);
		int n = tg_rows_count(rows);

		for (int row = 0; row < n; row++)
			accept_claim(s, lane, rows, row);
		all += n;
	}
	sweep_hosts_tidy(s);
	return all;
}

static long long read_chores(struct sweep *s)
{
	struct tg_db *db = s->link[LINK_CLAIM].db;
	struct tg_rows promote = tg_db_rows(db, s->claiming.promote),
		       expire = tg_db_rows(db, s->claiming.expire),
		       regain = tg_db_rows(db, s->claiming.regain);
	long long done =
		tg_rows_int_at(tg_db_rows(db, s->claiming.notify), 0, TG_SWEEP_NOTIFY_NOTIFIED);

	if (tg_rows_count(promote) == 1) {
		const char *next = tg_rows_text(promote, 0, TG_SWEEP_PROMOTE_NEXT_MS);
		long long ms = next != NULL ? tg_rows_int_at(promote, 0, TG_SWEEP_PROMOTE_NEXT_MS)
					    : CHORES_MS;

		if (ms < CHORES_MS && s->chores_at - CHORES_MS + ms < s->chores_at)
			s->chores_at = tg_clock_ms() + (ms > 1 ? ms : 1);
		done += tg_rows_int_at(promote, 0, TG_SWEEP_PROMOTE_PROMOTED);
	}
	if (tg_rows_count(expire) == 1)
		done += tg_rows_int_at(expire, 0, TG_SWEEP_EXPIRE_LATE) +
			tg_rows_int_at(expire, 0, TG_SWEEP_EXPIRE_GIVEN_BACK);
	if (s->claiming.call_expire >= 0)
		done += tg_rows_int_at(
			tg_db_rows(db, s->claiming.call_expire), 0, TG_SWEEP_CALL_EXPIRE_LATE);
	if (tg_rows_count(regain) == 1)
		done += tg_rows_int_at(regain, 0, TG_SWEEP_REGAIN_REGAINED);
	if (done > 0)
		s->chores_at = tg_clock_ms();
	return done;
}

enum tg_rc sweep_claim_end(struct sweep *s, struct tg_error *err)
{
	struct sweep_link *link = &s->link[LINK_CLAIM];
	enum tg_rc rc = tg_db_run(link->db, sweep_link_deadline(link), true, err);
	long long chores;
	int claimed;

	link->sent = false;
	if (rc != TG_OK)
		return rc;
	chores = read_chores(s);
	claimed = read_claims(s);
	s->hungry |= claimed > 0;
	s->idle = s->claiming.quiet && s->claiming.promote >= 0 && chores == 0 && claimed == 0;
	return TG_OK;
}
