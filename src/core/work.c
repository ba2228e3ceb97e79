/* SPDX-License-Identifier: MIT
 * work: claims and what their holders say. Owns the telling apart of stale, cancelled and unknown;
 * promises that a stale fence changed nothing. */
#include <stdio.h>
#include <string.h>

#include "taskgate/core/work.h"

enum tg_rc tg_work_claim(struct tg_tx *tx, const char *types, const char *max,
	const char *lease_seconds, const char *worker, struct tg_rows *rows)
{
	const char *params[] = { types, max, lease_seconds, worker };

	tx->writes = true;
	return tg_tx_run(tx, (struct tg_bind){ TG_SQL_WORK_CLAIM, params }, rows);
}

/* A statement of a lease's holder: its first parameter is the id; its row has held and state. */
static enum tg_rc held(struct tg_tx *tx, struct tg_bind bind, struct tg_rows *rows)
{
	const char *state;
	enum tg_rc rc;

	tx->writes = true;
	rc = tg_tx_run(tx, bind, rows);
	if (rc != TG_OK || tg_rows_bool(*rows, 0, "held"))
		return rc;
	state = tg_rows_get(*rows, 0, "state");
	if (state == NULL)
		return tg_fail(tx->err, TG_E_NOTFOUND, NULL, "there is no work %s", bind.params[0]);
	if (strcmp(state, "cancelled") == 0)
		return tg_fail_reason(
			tx->err, TG_E_LEASE, "cancelled", NULL, "the task was cancelled");
	return tg_fail_reason(tx->err, TG_E_LEASE, "stale_fence", NULL,
		"this fence no longer holds the task, which is %s", state);
}

enum tg_rc tg_work_heartbeat(struct tg_tx *tx, const char *id, const char *fence,
	const char *lease_seconds, struct tg_rows *rows)
{
	const char *params[] = { id, fence, lease_seconds };

	return held(tx, (struct tg_bind){ TG_SQL_WORK_HEARTBEAT, params }, rows);
}

enum tg_rc tg_work_progress(struct tg_tx *tx, const char *id, const char *fence,
	const char *progress, const char *message, struct tg_rows *rows)
{
	const char *params[] = { id, fence, progress, message };

	return held(tx, (struct tg_bind){ TG_SQL_WORK_PROGRESS, params }, rows);
}

enum tg_rc tg_work_log(struct tg_tx *tx, const char *id, const char *fence, const char *level,
	const char *message, struct tg_rows *rows)
{
	const char *params[] = { id, fence, level, message };

	return held(tx, (struct tg_bind){ TG_SQL_WORK_LOG, params }, rows);
}

static enum tg_rc finish(struct tg_tx *tx, struct tg_bind bind, struct tg_rows *rows)
{
	enum tg_rc rc = held(tx, bind, rows);

	tx->nudge = rc == TG_OK && tg_rows_bool(*rows, 0, "nudge");
	return rc;
}

enum tg_rc tg_work_complete(struct tg_tx *tx, const char *id, const char *fence, const char *result,
	struct tg_rows *rows)
{
	const char *params[] = { id, fence, result };

	return finish(tx, (struct tg_bind){ TG_SQL_WORK_COMPLETE, params }, rows);
}

enum tg_rc tg_work_fail(struct tg_tx *tx, const char *id, const char *fence, const char *error,
	bool retry, long long first_ms, struct tg_rows *rows)
{
	char pause[24];
	const char *params[] = { id, fence, error, retry ? "t" : "f", pause };

	snprintf(pause, sizeof pause, "%lld", first_ms);
	return finish(tx, (struct tg_bind){ TG_SQL_WORK_FAIL, params }, rows);
}
