/* SPDX-License-Identifier: MIT
 * statement: owns what "no row" and "made" mean for every core function. It knows no statement by
 * name. */
#include "statement.h"

enum tg_rc statement_find(
	struct tg_tx *tx, struct tg_bind bind, const char *what, struct tg_rows *rows)
{
	enum tg_rc rc = tg_tx_run(tx, bind, rows);

	if (rc == TG_OK && tg_rows_count(*rows) == 0)
		return tg_fail(
			tx->err, TG_E_NOTFOUND, NULL, "there is no %s %s", what, bind.params[0]);
	return rc;
}

enum tg_rc statement_make(struct tg_tx *tx, struct tg_bind bind, struct tg_rows *rows)
{
	enum tg_rc rc;

	tx->writes = true;
	rc = tg_tx_run(tx, bind, rows);
	tx->nudge = rc == TG_OK;
	return rc;
}
