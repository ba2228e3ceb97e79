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

static const enum tg_sql steps[] = {
	TG_SQL_SWEEP_PARTITIONS,
	TG_SQL_SWEEP_PURGE_IDEMPOTENCY,
	TG_SQL_SWEEP_PURGE_RATE_WINDOW,
	TG_SQL_SWEEP_PURGE_TYPE_POLL,
	TG_SQL_SWEEP_PURGE_TOKEN,
	TG_SQL_SWEEP_PURGE_DELIVERY,
	TG_SQL_SWEEP_PURGE_TWILIO_EVENT,
	TG_SQL_SWEEP_PURGE_SWEEPER,
	TG_SQL_SWEEP_PURGE_HOST_STATE,
	TG_SQL_SWEEP_PURGE_TASK_LOG,
	TG_SQL_SWEEP_PURGE_TASK,
};
#define STEPS ((int)(sizeof steps / sizeof *steps))

static void begin(struct sweep *s)
{
	struct tg_rows rows;
	struct tg_error err;

	s->purge_at = tg_clock_ms() + LOOK_MS;
	s->purge_seq = 0;
	if (tg_db_call(s->link[LINK_CLAIM].db,
		    TG_BIND_SWEEP_PURGE_BEGIN(.every_s = s->opt->once ? "0" : EVERY_S),
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
	tasks = steps[s->purge_step] == TG_SQL_SWEEP_PURGE_TASK;
	/* Each step takes as many of them as it has parameters. */
	params[0] = tg_arena_printf(s->arena, "%d", ROWS);
	params[1] = tg_arena_printf(s->arena, "%lld", s->purge_seq);
	if (tg_db_call(s->link[LINK_CLAIM].db, (struct tg_bind){ steps[s->purge_step], params },
		    tg_clock_ms() + 30000, true, &rows, &err) != TG_OK) {
		tg_log_error(TG_LOG_WARNING, "purge.step", &err);
		s->purge_step++;
	} else {
		long long gone = tg_rows_int(rows, 0, "gone");

		if (gone > 0)
			tg_log(TG_LOG_DEBUG, "purge", "step=%d rows=%lld", s->purge_step, gone);
		if (tasks)
			s->purge_seq = tg_rows_int_at(rows, 0, TG_SWEEP_PURGE_TASK_LAST_SEQ);
		s->purge_step += gone < ROWS;
	}
	tg_arena_reset(s->arena);
	if (s->purge_step == STEPS)
		s->purge_step = -1;
}
