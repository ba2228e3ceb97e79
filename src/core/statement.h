/* SPDX-License-Identifier: MIT
 * statement: the two ways in which core functions run their one statement, shared by the files of
 * src/core. */
#ifndef TASKGATE_STATEMENT_H
#define TASKGATE_STATEMENT_H

#include "taskgate/db/tx.h"

/* A look-up by $1. TG_E_NOTFOUND "there is no <what> <$1>" where it gives no row. */
enum tg_rc statement_find(struct tg_tx *, enum tg_sql, const char *const *params, int n,
	const char *what, struct tg_rows *) TG_MUSTCHECK;
/* A statement that makes something which is due at once: the sweeper is told of it after COMMIT. */
enum tg_rc statement_make(struct tg_tx *, enum tg_sql, const char *const *params, int n,
	struct tg_rows *) TG_MUSTCHECK;

#endif
