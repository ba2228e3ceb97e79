/* SPDX-License-Identifier: MIT
 * task: tasks as the disposition API makes and moves them. Every function runs one named statement
 * of the same name (sql/queries/task.sql says what it gives and which locks it takes); params are
 * texts or NULL, borrowed; rows are borrowed until the connection's next round trip. */
#ifndef TASKGATE_TASK_H
#define TASKGATE_TASK_H

#include "taskgate/db/tx.h"

struct tg_generic {
	const char *entity, *type, *action, *target_id, *payload, *priority, *scheduled_at,
		*timeout, *retry_count, *callback_url, *tags;
	bool types_closed;
};

/* TG_E_CONFLICT task_entity_taken; TG_E_INVALID type_unknown; TG_E_UNPROCESSABLE payload_member. */
enum tg_rc tg_generic_create(
	struct tg_tx *, const struct tg_generic *, struct tg_rows *) TG_MUSTCHECK;
/* TG_E_NOTFOUND from here on where no such task is visible. */
enum tg_rc tg_generic_get(struct tg_tx *, const char *entity, bool payload, bool result, bool logs,
	struct tg_rows *) TG_MUSTCHECK;
enum tg_rc tg_task_get(struct tg_tx *, const char *entity, bool details, bool history,
	const char *kind, struct tg_rows *) TG_MUSTCHECK;
/* state, kind, tag may be NULL. */
enum tg_rc tg_task_list(struct tg_tx *, const char *state, const char *kind, const char *tag,
	long long limit, long long offset, struct tg_rows *) TG_MUSTCHECK;
/* TG_E_CONFLICT state_edge where the task's state does not allow it; the message names the state.
 */
enum tg_rc tg_task_cancel(struct tg_tx *, const char *entity, struct tg_rows *) TG_MUSTCHECK;
enum tg_rc tg_task_revive(struct tg_tx *, const char *entity, struct tg_rows *) TG_MUSTCHECK;
enum tg_rc tg_task_why(struct tg_tx *, const char *entity, struct tg_rows *) TG_MUSTCHECK;
/* The sentence for a reason of task_why; static. */
const char *tg_why_text(const char *why);

#endif
