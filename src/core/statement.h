/* SPDX-License-Identifier: MIT
 * statement: the two ways in which core functions run their one statement, shared by the files of
 * src/core. */
#ifndef TASKGATE_STATEMENT_H
#define TASKGATE_STATEMENT_H

#include "taskgate/db/tx.h"

/* A look-up by the first parameter. TG_E_NOTFOUND "there is no <what> <first>" where it gives no
 * row. */
enum tg_rc statement_find(
	struct tg_tx *, struct tg_bind, const char *what, struct tg_rows *) TG_MUSTCHECK;
/* A statement that makes something which is due at once: the sweeper is told of it after COMMIT. */
enum tg_rc statement_make(struct tg_tx *, struct tg_bind, struct tg_rows *) TG_MUSTCHECK;

#endif
