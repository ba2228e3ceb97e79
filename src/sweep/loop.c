/* SPDX-License-Identifier: MIT
 * loop: transfers and round trips side by side until it is time to leave. Promises to leave: when
 * nothing is due (--once), when the linger is over, when a newer sweeper of this host has come, or
 * when asked to; from then on nothing is claimed, and what is under way is finished. */
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "sweep_internal.h"
#include "taskgate/base/clock.h"
#include "taskgate/base/conf.h"
#include "taskgate/base/log.h"
#include "taskgate/base/nudge.h"

#define POLL_MS 250
#define ANSWER_MS 2000
#define LATE_MS 15000 /* after the linger, for outcomes that a lost database did not take yet */

static void told_to_stop(struct sweep *s)
{
	struct signalfd_siginfo si;

	while (read(s->signal_fd, &si, sizeof si) == (ssize_t)sizeof si) {
		tg_log(TG_LOG_DEBUG, "sweep.stop", "signal=%u", si.ssi_signo);
		s->stopping = true;
		/* From here on LATE_MS counts: whoever asks us to stop does not wait for the rest
		 * of the linger as well. */
		if (s->leave_at > tg_clock_ms())
			s->leave_at = tg_clock_ms();
	}
}

static void wait_for_something(struct sweep *s, int timeout_ms)
{
	struct pollfd fds[2 + LINK__MAX];
	unsigned n = 0;
	int nudge = -1;

	fds[n++] = (struct pollfd){ .fd = s->signal_fd, .events = POLLIN };
	if (s->nudge_fd >= 0) {
		nudge = (int)n;
		fds[n++] = (struct pollfd){ .fd = s->nudge_fd, .events = POLLIN };
	}
	for (int i = 0; i < LINK__MAX; i++) {
		short events;
		int fd = tg_db_socket(s->link[i].db, &events);

		if (s->link[i].sent && fd >= 0)
			fds[n++] = (struct pollfd){ .fd = fd, .events = events };
	}
	tg_out_wait(s->out, fds, n, timeout_ms);
	if (fds[0].revents != 0)
		told_to_stop(s);
	if (nudge > 0 && fds[nudge].revents != 0) {
		tg_nudge_drain(s->nudge_fd);
		s->nudged = true;
	}
}

static bool wants_settle(const struct sweep *s, int64_t now)
{
	return sweep_jobs_done(s) || now >= s->beat_at;
}

static bool wants_claim(const struct sweep *s, int64_t now)
{
	bool room = false;

	for (int lane = 0; lane < LANE__MAX; lane++)
		room |= sweep_lane_room(s, lane) > 0;
	return !s->stopping && (now >= s->chores_at || (room && (s->nudged || s->hungry)));
}

/* Told once when it goes, however often it is tried in between. */
static void note_away(struct sweep *s, struct sweep_link *link, const struct tg_error *err)
{
	if (!s->link[LINK_SETTLE].away && !s->link[LINK_CLAIM].away)
		tg_log_error(TG_LOG_WARNING, "sweep.database", err);
	link->away = true;
	s->idle = false;
}

static enum tg_rc end_round(struct sweep *s, enum sweep_link_name name, struct tg_error *err)
{
	enum tg_rc rc = name == LINK_SETTLE ? sweep_settle_end(s, err) : sweep_claim_end(s, err);

	if (rc == TG_OK || rc == TG_E_RETRY)
		return TG_OK;
	if (rc == TG_E_UNAVAILABLE || rc == TG_E_INDOUBT) {
		note_away(s, &s->link[name], err);
		return rc;
	}
	tg_log_error(TG_LOG_WARNING, name == LINK_SETTLE ? "sweep.settle" : "sweep.claim", err);
	if (name == LINK_SETTLE)
		sweep_settle_singly(s);
	else
		s->chores_at = tg_clock_ms() + POLL_MS;
	return rc;
}

/* An answer that began in time is read to its end: a claim that is in doubt costs its tasks an
 * attempt. */
int64_t sweep_link_deadline(const struct sweep_link *link)
{
	int64_t least = tg_clock_ms() + ANSWER_MS;

	return link->deadline > least ? link->deadline : least;
}

/* Ends the round trip that is under way, or begins one. False where the database cannot be reached.
 */
static bool step_link(struct sweep *s, enum sweep_link_name name, bool wanted, enum tg_rc *rc,
	struct tg_error *err)
{
	struct sweep_link *link = &s->link[name];

	if (link->sent) {
		if (tg_db_answers(link->db) || tg_clock_ms() >= link->deadline)
			*rc = end_round(s, name, err);
		return true;
	}
	if (!wanted)
		return true;
	*rc = sweep_open(link, err);
	if (*rc != TG_OK) {
		note_away(s, link, err);
		return false;
	}
	link->away = false;
	if (name == LINK_SETTLE)
		sweep_settle_send(s, false);
	else
		sweep_claim_send(s);
	return true;
}

/* Gives the milliseconds that may pass before the next look. */
static int step_database(struct sweep *s, enum tg_rc *rc, struct tg_error *err)
{
	int64_t now = tg_clock_ms(), next;
	bool there = step_link(s, LINK_SETTLE, wants_settle(s, now), rc, err);

	there = step_link(s, LINK_CLAIM, wants_claim(s, now), rc, err) && there;
	if (!there)
		return POLL_MS / 5;
	if ((!s->link[LINK_SETTLE].sent && wants_settle(s, now)) ||
		(!s->link[LINK_CLAIM].sent && wants_claim(s, now)))
		return 0;
	if (!s->stopping && !s->link[LINK_CLAIM].sent && !s->link[LINK_CLAIM].away &&
		(s->purge_step >= 0 || now >= s->purge_at)) {
		sweep_purge_step(s);
		return 0;
	}
	next = s->chores_at < s->beat_at && !s->stopping ? s->chores_at : s->beat_at;
	return next - now > POLL_MS || s->link[LINK_CLAIM].sent ? POLL_MS
		: next > now                                    ? (int)(next - now)
								: 0;
}

static bool is_over(struct sweep *s)
{
	int64_t now = tg_clock_ms();

	if (now >= s->leave_at && !s->opt->once)
		s->stopping = true;
	if (sweep_jobs_any(s))
		return s->link[LINK_SETTLE].away && s->stopping && tg_out_running(s->out) == 0 &&
			now >= s->leave_at + LATE_MS;
	if (s->link[LINK_SETTLE].sent || s->link[LINK_CLAIM].sent)
		return false;
	if (s->opt->once && s->idle && s->purge_step < 0 && now < s->purge_at)
		return true;
	return s->stopping;
}

/* The database may come up after us: cron started both. */
static enum tg_rc begin(struct sweep *s, struct tg_error *err)
{
	enum tg_rc rc;

	for (;;) {
		rc = sweep_hello(s, err);
		if ((rc != TG_E_UNAVAILABLE && rc != TG_E_INDOUBT && rc != TG_E_RETRY) ||
			s->opt->once || s->opt->preview || tg_clock_ms() >= s->leave_at)
			return rc;
		wait_for_something(s, POLL_MS);
		if (s->stopping)
			return rc;
	}
}

/* The last word: this sweeper has left. Failing to say so costs nothing. */
static void say_goodbye(struct sweep *s)
{
	struct tg_error err;

	s->stopping = true;
	if (sweep_open(&s->link[LINK_SETTLE], &err) == TG_OK) {
		sweep_settle_send(s, true);
		if (sweep_settle_end(s, &err) != TG_OK)
			tg_log_error(TG_LOG_WARNING, "sweep.leave", &err);
	}
	tg_log(TG_LOG_DEBUG, "sweep.leave", "settled=%llu", (unsigned long long)s->settled);
}

/* With --once there is nothing to wait for when nothing is under way: it looks whether that was
 * all, and leaves. */
static bool look_again(struct sweep *s)
{
	if (sweep_jobs_any(s) || s->link[LINK_CLAIM].sent || s->link[LINK_CLAIM].away)
		return false;
	if (!s->idle)
		s->chores_at = 0;
	return true;
}

enum tg_rc sweep_loop(struct sweep *s, struct tg_error *err)
{
	enum tg_rc rc = begin(s, err);

	if (rc != TG_OK)
		return rc;
	if (s->opt->preview)
		return sweep_preview(s, err);
	s->beat_at = tg_clock_ms() + POLL_MS * 20;
	while (!is_over(s)) {
		int pause;

		tg_out_perform(s->out);
		sweep_jobs_collect(s);
		sweep_jobs_start(s);
		pause = step_database(s, &rc, err);
		sweep_jobs_start(s);
		if (s->opt->once && look_again(s))
			pause = 0;
		if (s->opt->once && rc == TG_E_UNAVAILABLE && !sweep_jobs_any(s))
			return rc;
		wait_for_something(s, pause);
	}
	if (s->link[LINK_SETTLE].away && rc != TG_OK)
		return rc;
	say_goodbye(s);
	return TG_OK;
}
