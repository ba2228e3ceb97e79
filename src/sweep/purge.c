/* SPDX-License-Identifier: MIT
 * purge: takes away what has been kept long enough, a thousand rows a statement, so that no lock is
 * held for long. One sweeper each ten minutes, whoever is first; `--once` does it whenever it is
 * asked. First come the partitions of the months ahead; a step that fails is left to the next purge
 * and holds up no other. What it deletes is decided in SQL alone; the history stays. */
#include "sweep_internal.h"
#include "taskgate/base/clock.h"
#include "taskgate/base/log.h"

#define ROWS 1000
#define EVERY_S "600"
#define LOOK_MS 60000

static const struct {
	enum tg_sql sql;
	int params;
} steps[] = {
	{ TG_SQL_SWEEP_PARTITIONS, 0 },
	{ TG_SQL_SWEEP_PURGE_IDEMPOTENCY, 1 },
	{ TG_SQL_SWEEP_PURGE_RATE_WINDOW, 1 },
	{ TG_SQL_SWEEP_PURGE_TYPE_POLL, 1 },
	{ TG_SQL_SWEEP_PURGE_TOKEN, 1 },
	{ TG_SQL_SWEEP_PURGE_DELIVERY, 1 },
	{ TG_SQL_SWEEP_PURGE_TWILIO_EVENT, 1 },
	{ TG_SQL_SWEEP_PURGE_SWEEPER, 1 },
	{ TG_SQL_SWEEP_PURGE_HOST_STATE, 1 },
	{ TG_SQL_SWEEP_PURGE_TASK_LOG, 1 },
	{ TG_SQL_SWEEP_PURGE_TASK, 2 },
};
#define STEPS ((int)(sizeof steps / sizeof *steps))

static void begin(struct sweep *s)
{
	const char *params[] = { s->opt->once ? "0" : EVERY_S };
	struct tg_rows rows;
	struct tg_error err;

	s->purge_at = tg_clock_ms() + LOOK_MS;
	s->purge_seq = 0;
	if (tg_db_call(s->link[LINK_CLAIM].db, TG_SQL_SWEEP_PURGE_BEGIN, params, 1,
		    tg_clock_ms() + 10000, true, &rows, &err) != TG_OK)
		tg_log_error(TG_LOG_WARNING, "purge.begin", &err);
	else if (tg_rows_count(rows) == 1)
		s->purge_step = 0;
}

void sweep_purge_step(struct sweep *s)
{
	const char *params[2];
	struct tg_rows rows;
	struct tg_error err;
	bool tasks;

	if (s->purge_step < 0) {
		begin(s);
		return;
	}
	tasks = steps[s->purge_step].sql == TG_SQL_SWEEP_PURGE_TASK;
	params[0] = tg_arena_printf(s->arena, "%d", ROWS);
	params[1] = tg_arena_printf(s->arena, "%lld", s->purge_seq);
	if (tg_db_call(s->link[LINK_CLAIM].db, steps[s->purge_step].sql, params,
		    steps[s->purge_step].params, tg_clock_ms() + 30000, true, &rows,
		    &err) != TG_OK) {
		tg_log_error(TG_LOG_WARNING, "purge.step", &err);
		s->purge_step++;
	} else {
		long long gone = tg_rows_int(rows, 0, "gone");

		if (gone > 0)
			tg_log(TG_LOG_DEBUG, "purge", "step=%d rows=%lld", s->purge_step, gone);
		if (tasks)
			s->purge_seq = tg_rows_int(rows, 0, "last_seq");
		s->purge_step += gone < ROWS;
	}
	tg_arena_reset(s->arena);
	if (s->purge_step == STEPS)
		s->purge_step = -1;
}
