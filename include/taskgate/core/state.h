/* SPDX-License-Identifier: MIT
 * state: the machines that a task may run through, as one table of edges. The same rows stand in
 * the database's state_edge, where a trigger refuses every other move; a test compares them. A new
 * edge is a row in src/core/state.c and in sql/states.sql. */
#ifndef TASKGATE_STATE_H
#define TASKGATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include "taskgate/base/text.h"

enum tg_machine {
	TG_MACHINE_DISPOSITION,
	TG_MACHINE_SMS,
	TG_MACHINE_EMAIL,
	TG_MACHINE_VOICEMAIL,
	TG_MACHINE_CALLBACK_FINISH,
	TG_MACHINE_CALL,
	TG_MACHINE_BULK_CALL,
	TG_MACHINE__MAX
};

/* NONE is where a task comes from at its creation, and what a refused lookup gives. */
enum tg_state {
	TG_STATE_NONE,
	TG_STATE_PENDING,
	TG_STATE_QUEUED,
	TG_STATE_PROCESSING,
	TG_STATE_COMPLETED,
	TG_STATE_FAILED,
	TG_STATE_CANCELLED,
	TG_STATE_EXPIRED,
	TG_STATE__MAX
};

enum tg_event {
	TG_EVENT_CREATE,
	TG_EVENT_QUEUE,
	TG_EVENT_CLAIM,
	TG_EVENT_COMPLETE,
	TG_EVENT_FAIL,
	TG_EVENT_RETRY,
	TG_EVENT_RELEASE,
	TG_EVENT_CANCEL,
	TG_EVENT_EXPIRE,
	TG_EVENT_REVIVE,
	TG_EVENT__MAX
};

struct tg_edge {
	enum tg_machine machine;
	enum tg_state from;
	enum tg_event event;
	enum tg_state to;
	const char *why; /* what a history shows where the event brings no text of its own */
};

const struct tg_edge *tg_state_edges(
	size_t *n); /* borrowed, in the order in which they are printed */
const char *tg_machine_name(enum tg_machine);
const char *tg_state_name(enum tg_state); /* "-" for NONE */
const char *tg_event_name(enum tg_event);
enum tg_state tg_state_parse(const char *name); /* TG_STATE__MAX where there is no such state */

/* Where the event leads; TG_STATE_NONE where the machine refuses it. */
enum tg_state tg_state_next(enum tg_machine, enum tg_state from, enum tg_event);
/* Finished: the task has ended and has its finished_at. Final: besides, nothing leads out of it any
 * more. */
bool tg_state_is_finished(enum tg_state);
bool tg_state_is_final(enum tg_state);

void tg_state_print_text(struct tg_buf *);
void tg_state_print_dot(struct tg_buf *); /* Graphviz, one cluster a machine */

#endif
