/* SPDX-License-Identifier: MIT
 * children: owns the worker processes: how many there are and who is next. Promises that a dead one
 * is replaced, at once as a rule and at most once a second where workers die young, that a reload
 * ends no worker before another is ready in its place, and that it is called done when nobody with
 * the old settings is left. Never gives up. */
#include <assert.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc_internal.h"
#include "taskgate/base/clock.h"
#include "taskgate/base/log.h"

#define YOUNG_MS 2000 /* who dies before that died young */
#define PAUSE_FIRST_MS 10
#define PAUSE_MAX_MS 1000
#define FORGIVE_MS 10000 /* without a young death for so long, the pause is forgotten */
#define LOOK_MS 5 /* how often a starting worker is looked at */

struct child { /* one per slot of the scoreboard */
	pid_t pid; /* 0: none */
	unsigned generation;
	bool ready; /* was idle or busy once */
	bool killed;
	int64_t born_ms, term_ms; /* term_ms: when it was told to leave, 0 for not */
};

struct tg_children {
	struct tg_children_setup s;
	unsigned generation;
	bool announced, reloading, replaced,
		stopping; /* replaced: those of before the reload were told to leave */
	int64_t pause_ms, next_ms, young_ms;
	uint32_t slots;
	struct child child[];
};

struct census { /* of those that were not told to leave */
	uint32_t all, fresh, fresh_ready, old;
};

struct tg_children *tg_children_new(const struct tg_children_setup *setup)
{
	uint32_t slots = setup->scoreboard->slots;
	struct tg_children *c = calloc(1, sizeof *c + slots * sizeof c->child[0]);

	if (!c)
		return NULL;
	c->s = *setup;
	c->slots = slots;
	return c;
}

void tg_children_free(struct tg_children *c)
{
	free(c);
}

bool tg_children_any(const struct tg_children *c)
{
	uint32_t i;

	for (i = 0; i < c->slots; i++)
		if (c->child[i].pid)
			return true;
	return false;
}

static struct census census(const struct tg_children *c)
{
	struct census n = { 0 };
	const struct child *child;

	for (child = c->child; child < c->child + c->slots; child++) {
		if (!child->pid || child->term_ms)
			continue;
		n.all++;
		n.old += child->generation != c->generation;
		n.fresh += child->generation == c->generation;
		n.fresh_ready += child->generation == c->generation && child->ready;
	}
	return n;
}

/* While workers are replaced, so many more than wanted may live: enough to be quick, few enough for
 * the database. */
static uint32_t ahead(const struct tg_children *c)
{
	return c->s.workers < 4 ? 1 : c->s.workers / 4;
}

static bool one_is_missing(const struct tg_children *c, const struct census *n)
{
	return !c->stopping && n->fresh < c->s.workers &&
		n->all < c->s.workers + (n->old ? ahead(c) : 0);
}

static void slow_down(struct tg_children *c)
{
	int64_t now = tg_clock_ms();

	if (now - c->young_ms > FORGIVE_MS)
		c->pause_ms = 0;
	c->pause_ms = c->pause_ms ? 2 * c->pause_ms : PAUSE_FIRST_MS;
	if (c->pause_ms > PAUSE_MAX_MS)
		c->pause_ms = PAUSE_MAX_MS;
	c->young_ms = now;
	c->next_ms = now + c->pause_ms;
}

static void start(struct tg_children *c, uint32_t slot)
{
	struct tg_slot *shown = &c->s.scoreboard->slot[slot];
	struct child *child = &c->child[slot];
	pid_t pid;

	atomic_store(&shown->route, -1);
	atomic_store(&shown->requests, 0);
	tg_slot_state(shown, TG_SLOT_STARTING);
	pid = tg_worker_spawn(&c->s, slot);
	if (pid < 0) {
		tg_slot_state(shown, TG_SLOT_EMPTY);
		slow_down(c);
		return;
	}
	*child =
		(struct child){ .pid = pid, .generation = c->generation, .born_ms = tg_clock_ms() };
	tg_log(TG_LOG_DEBUG, "worker.start", "pid=%d slot=%u", pid, slot);
}

static void start_missing(struct tg_children *c)
{
	struct census n = census(c);
	uint32_t slot = 0;

	while (one_is_missing(c, &n) && tg_clock_ms() >= c->next_ms) {
		while (slot < c->slots && c->child[slot].pid)
			slot++;
		if (slot == c->slots)
			return; /* those that leave will make room */
		start(c, slot);
		if (c->pause_ms && tg_clock_ms() - c->young_ms <= FORGIVE_MS)
			c->next_ms = tg_clock_ms() + c->pause_ms;
		n = census(c);
	}
}

static void tell_to_leave(struct child *child)
{
	if (!child->pid || child->term_ms)
		return;
	child->term_ms = tg_clock_ms();
	kill(child->pid, SIGTERM);
}

/* -- the dead -- */

/* A reload whose first worker cannot start has brought bad settings or a bad program: the old
 * workers stay. */
static void give_up_reload(struct tg_children *c)
{
	uint32_t i;

	for (i = 0; i < c->slots; i++) {
		if (c->child[i].generation == c->generation)
			tell_to_leave(&c->child[i]);
		else
			c->child[i].generation = c->generation;
	}
	c->reloading = false;
	tg_log(TG_LOG_ERROR, "reload.failed", "the new workers cannot start; the old ones go on");
}

static void bury(struct tg_children *c, uint32_t slot, int status)
{
	struct tg_slot *shown = &c->s.scoreboard->slot[slot];
	struct child dead = c->child[slot];
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	bool retired = well && atomic_load(&shown->requests) > 0;

	tg_worker_log_end(&c->s, slot, status, dead.killed);
	c->child[slot] = (struct child){ 0 };
	atomic_store(&shown->pid, 0);
	atomic_store(&shown->route, -1);
	tg_slot_state(shown, TG_SLOT_EMPTY);
	if (dead.term_ms)
		return;
	atomic_fetch_add(&c->s.scoreboard->respawns, 1);
	if (!retired && tg_clock_ms() - dead.born_ms < YOUNG_MS)
		slow_down(c);
	if (c->reloading && dead.generation == c->generation && !dead.ready &&
		census(c).fresh_ready == 0)
		give_up_reload(c);
}

void tg_children_reap(struct tg_children *c)
{
	int status;
	uint32_t i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (i = 0; i < c->slots; i++)
			if (c->child[i].pid == pid)
				bury(c, i, status);
}

/* -- the living -- */

static void note_ready(struct tg_children *c)
{
	uint32_t i;
	int state;

	for (i = 0; i < c->slots; i++) {
		state = atomic_load(&c->s.scoreboard->slot[i].state);
		if (c->child[i].pid && (state == TG_SLOT_IDLE || state == TG_SLOT_BUSY))
			c->child[i].ready = true;
	}
}

/* One old worker per new one that is ready; an idle one first, since it is gone at once. */
static void end_replaced(struct tg_children *c)
{
	struct census n = census(c);
	struct child *child, *pick;

	for (; n.old && n.fresh_ready + n.old > c->s.workers; n = census(c)) {
		pick = NULL;
		for (child = c->child; child < c->child + c->slots; child++) {
			if (!child->pid || child->term_ms || child->generation == c->generation)
				continue;
			if (!pick ||
				atomic_load(&c->s.scoreboard->slot[child - c->child].state) ==
					TG_SLOT_IDLE)
				pick = child;
		}
		assert(pick);
		tell_to_leave(pick);
	}
}

static void kill_late(struct tg_children *c)
{
	int64_t now = tg_clock_ms();
	struct child *child;
	uint32_t i;

	for (i = 0; i < c->slots; i++) {
		child = &c->child[i];
		if (!child->pid || !child->term_ms || child->killed ||
			now - child->term_ms < c->s.stop_ms)
			continue;
		tg_log(TG_LOG_WARNING, "worker.kill",
			"pid=%d slot=%u route=%s reason=\"did not leave in time\"", child->pid, i,
			tg_app_route_name(c->s.app, atomic_load(&c->s.scoreboard->slot[i].route)));
		child->killed = true;
		kill(child->pid, SIGKILL);
	}
}

static bool any_of_before(const struct tg_children *c)
{
	uint32_t i;

	for (i = 0; i < c->slots; i++)
		if (c->child[i].pid && c->child[i].generation != c->generation)
			return true;
	return false;
}

void tg_children_tend(struct tg_children *c)
{
	struct census n;

	note_ready(c);
	end_replaced(c);
	start_missing(c);
	kill_late(c);
	n = census(c);
	if (n.fresh_ready < c->s.workers || n.old)
		return;
	if (!c->announced)
		tg_log(TG_LOG_INFO, "ready", "workers=%u", n.fresh_ready);
	c->replaced |= c->reloading;
	c->announced = true;
	c->reloading = false;
	if (!c->replaced || any_of_before(c))
		return;
	tg_log(TG_LOG_INFO, "reload.done", "workers=%u", n.fresh_ready);
	c->replaced = false;
}

void tg_children_reload(struct tg_children *c)
{
	if (c->stopping)
		return;
	tg_log(TG_LOG_INFO, "reload", "workers=%u", c->s.workers);
	c->generation++;
	c->reloading = true;
	c->replaced = false;
}

void tg_children_stop(struct tg_children *c, bool at_once)
{
	uint32_t i;

	c->stopping = true;
	for (i = 0; i < c->slots; i++) {
		tell_to_leave(&c->child[i]);
		if (!at_once || !c->child[i].pid)
			continue;
		c->child[i].killed = true;
		kill(c->child[i].pid, SIGKILL);
	}
}

static int64_t sooner(int64_t a, int64_t b)
{
	b = b < 0 ? 0 : b;
	return a < 0 || b < a ? b : a;
}

int64_t tg_children_wait_ms(const struct tg_children *c)
{
	struct census n = census(c);
	int64_t now = tg_clock_ms(), ms = -1;
	const struct child *child;

	if (one_is_missing(c, &n) && c->next_ms > now)
		ms = sooner(ms, c->next_ms - now);
	for (child = c->child; child < c->child + c->slots; child++) {
		if (!child->pid)
			continue;
		if (!child->term_ms && !child->ready)
			ms = sooner(ms, LOOK_MS);
		if (child->term_ms && !child->killed)
			ms = sooner(ms, child->term_ms + c->s.stop_ms - now);
	}
	return ms;
}
