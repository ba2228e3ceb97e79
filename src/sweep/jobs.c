/* SPDX-License-Identifier: MIT
 * jobs: owns the queues of claimed work. Promises that no host gets more transfers at once than
 * allowed, that a lane leaves a quarter of the slots to the others, and that nothing waits here
 * longer than a second: it is given back then, and that was no attempt. */
#include <assert.h>

#include "sweep_internal.h"
#include "taskgate/base/clock.h"

#define WAIT_MOST_MS 1000

void sweep_list_init(struct job_list *l)
{
	l->head = NULL;
	l->tail = &l->head;
	l->n = 0;
}

void sweep_list_add(struct job_list *l, struct sweep_job *j)
{
	j->next = NULL;
	*l->tail = j;
	l->tail = &j->next;
	l->n++;
}

struct sweep_job *sweep_list_take(struct job_list *l)
{
	struct sweep_job *j = l->head;

	if (j == NULL)
		return NULL;
	l->head = j->next;
	if (l->head == NULL)
		l->tail = &l->head;
	l->n--;
	return j;
}

void sweep_list_append(struct job_list *to, struct job_list *from)
{
	for (struct sweep_job *j; (j = sweep_list_take(from)) != NULL;)
		sweep_list_add(to, j);
}

void sweep_job_done(struct sweep *s, struct sweep_job *j, const char *outcome, const char *reason)
{
	j->outcome = outcome;
	j->reason = reason;
	sweep_list_add(&s->done[j->lane], j);
}

void sweep_job_free(struct sweep *s, struct sweep_job *j)
{
	tg_out_put(s->out, j->transfer);
}

static int lane_most(const struct sweep *s)
{
	return s->transfers < 2 ? 1 : s->transfers * 3 / 4;
}

static void leave_queue(struct sweep *s, struct sweep_job *j)
{
	j->host->waiting--;
	s->queued[j->lane]--;
}

static void start(struct sweep *s, struct sweep_job *j, int64_t now)
{
	struct tg_transfer *t = j->transfer;
	int64_t left = j->deadline_ms - now;

	leave_queue(s, j);
	t->timeout_ms = j->timeout_ms;
	if (j->deadline_ms != 0 && left < t->timeout_ms)
		t->timeout_ms = left > 1 ? left : 1;
	t->trusted = sweep_lanes[j->lane].trusted;
	t->user = j;
	j->host->running++;
	s->running[j->lane]++;
	tg_out_start(s->out, t);
}

/* What may be sent once is not sent at all when somebody else may count it already: this process
 * was stopped, or the claim's answer took that long. */
static bool is_too_late(const struct sweep_job *j, int64_t now)
{
	return j->transfer->once && j->deadline_ms != 0 && now >= j->deadline_ms;
}

void sweep_jobs_start(struct sweep *s)
{
	int64_t now = tg_clock_ms();
	struct job_list rest;

	sweep_list_init(&rest);
	for (struct sweep_job *j; (j = sweep_list_take(&s->waiting)) != NULL;) {
		bool room = tg_out_running(s->out) < s->transfers &&
			s->running[j->lane] < lane_most(s) && j->host->running < s->host_transfers;

		if (j->host->fails >= 5) {
			leave_queue(s, j);
			sweep_job_done(s, j, "unsent", "its host does not answer");
		} else if (s->stopping || (!room && now - j->claimed_ms > WAIT_MOST_MS) ||
			is_too_late(j, now)) {
			leave_queue(s, j);
			sweep_job_done(s, j, "release",
				s->stopping    ? "the sweeper left"
					: room ? "its lease has run out"
					       : "no free slot");
		} else if (room) {
			start(s, j, now);
		} else {
			sweep_list_add(&rest, j);
		}
	}
	sweep_list_append(&s->waiting, &rest);
}

void sweep_jobs_collect(struct sweep *s)
{
	for (struct tg_transfer *t; (t = tg_out_ended(s->out)) != NULL;) {
		struct sweep_job *j = t->user;

		j->ended_ms = tg_clock_ms();
		j->host->running--;
		s->running[j->lane]--;
		s->hungry = true;
		sweep_host_note(j->host, t);
		sweep_lanes[j->lane].judge(s, j);
	}
}

bool sweep_jobs_done(const struct sweep *s)
{
	for (int lane = 0; lane < LANE__MAX; lane++)
		if (s->done[lane].n > 0)
			return true;
	return false;
}

bool sweep_jobs_any(const struct sweep *s)
{
	for (int lane = 0; lane < LANE__MAX; lane++)
		if (s->settling.jobs[lane].n > 0)
			return true;
	return s->waiting.n > 0 || tg_out_running(s->out) > 0 || sweep_jobs_done(s);
}
