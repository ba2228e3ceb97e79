/* SPDX-License-Identifier: MIT
 * work: the pull side of execution (sql/queries/work.sql). A call with a stale fence changes
 * nothing and fails with TG_E_LEASE: reason `cancelled` where the task was cancelled, else
 * `stale_fence`; TG_E_NOTFOUND where the tenant has no such task. */
#ifndef TASKGATE_WORK_H
#define TASKGATE_WORK_H

#include "taskgate/db/tx.h"

enum tg_rc tg_work_claim(struct tg_tx *, const char *types, const char *max,
	const char *lease_seconds, const char *worker, struct tg_rows *) TG_MUSTCHECK;
enum tg_rc tg_work_heartbeat(struct tg_tx *, const char *id, const char *fence,
	const char *lease_seconds, struct tg_rows *) TG_MUSTCHECK;
enum tg_rc tg_work_progress(struct tg_tx *, const char *id, const char *fence, const char *progress,
	const char *message, struct tg_rows *) TG_MUSTCHECK;
enum tg_rc tg_work_log(struct tg_tx *, const char *id, const char *fence, const char *level,
	const char *message, struct tg_rows *) TG_MUSTCHECK;
enum tg_rc tg_work_complete(struct tg_tx *, const char *id, const char *fence, const char *result,
	struct tg_rows *) TG_MUSTCHECK;
/* first_ms: pause before the first retry. */
enum tg_rc tg_work_fail(struct tg_tx *, const char *id, const char *fence, const char *error,
	bool retry, long long first_ms, struct tg_rows *) TG_MUSTCHECK;

#endif
