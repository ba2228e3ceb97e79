/* SPDX-License-Identifier: MIT
 * tx: one transaction of the API, as a handler sees it. dispatch begins it and ends it; in between
 * a core function runs its one statement, which travels in the same flush as enter(). */
#ifndef TASKGATE_TX_H
#define TASKGATE_TX_H

#include "taskgate/db/db.h"

struct tg_caller {
	const char *token_hash; /* "\x" and 64 hex digits; NULL for the anonymous principal */
	const char *scope, *request_id, *remote;
};

struct tg_limit {
	const char *name;
	int grants, seconds;
}; /* grants 0: no limit */

struct tg_key {
	const char *method, *path, *key, *body_hash;
}; /* of an Idempotency-Key; key NULL where none came */

struct tg_tx {
	struct tg_db *db;
	struct tg_arena *arena;
	struct tg_error *err;
	int64_t deadline; /* tg_clock_ms */
	int64_t statement_ms; /* the statement timeout of this transaction where the connection's is
				 too short for it; 0: the connection's */
	struct tg_key key;
	bool writes; /* the statement changes something */
	bool several; /* begin was queued: more than one round trip is allowed */
	bool nudge; /* set by core: work became due for the sweeper */
	int queued, rate_at, runs;
	char ticket[24]; /* under which rate() leaves its verdict for this request's enter() */
	bool granted; /* the limit was asked and has room */
	int remaining, reset_seconds; /* of the limit, once asked */
};

/* Queues what comes before the handler's own statement: rate and its sync where limit asks for it,
 * begin where a key or several asks for it, enter, the key. Nothing is sent yet. caller NULL: a
 * transaction without a tenant. */
void tg_tx_begin(struct tg_tx *, const struct tg_caller *, const struct tg_limit *);
/* Queues the statement and runs the round trip. Once, or several times where tx->several. */
enum tg_rc tg_tx_run(struct tg_tx *, struct tg_bind, struct tg_rows *) TG_MUSTCHECK;
/* Runs what was queued without a statement of the handler's: authority alone. */
enum tg_rc tg_tx_enter_alone(struct tg_tx *) TG_MUSTCHECK;
/* With a key: stores the answer. Commits where begin was queued. TG_E_INDOUBT where the outcome is
 * unknown. */
enum tg_rc tg_tx_commit(
	struct tg_tx *, int status, const char *headers, const char *body) TG_MUSTCHECK;
void tg_tx_rollback(struct tg_tx *); /* harmless where there is nothing to roll back */

#endif
