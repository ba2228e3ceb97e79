/* SPDX-License-Identifier: MIT
 * role: tells a program that it logged in as somebody who must not run it. Promises that after
 * TG_OK row-level security binds the connection. Never changes the role. */
#include "taskgate/db/db.h"

#include <string.h>

enum tg_rc tg_db_check_role(
	struct tg_db *db, const char *role, int64_t deadline, struct tg_error *err)
{
	struct tg_rows rows;
	const char *name;

	if (tg_db_call(db, TG_SQL_DB_ROLE, NULL, 0, deadline, false, &rows, err) != TG_OK)
		return err->rc;
	if (tg_rows_count(rows) != 1)
		return tg_fail(err, TG_E_INTERNAL, NULL,
			"the database does not know the role that logged in");
	name = tg_rows_get(rows, 0, "name");
	if (role != NULL && strcmp(role, name) != 0)
		return tg_fail(err, TG_E_CONFIG, NULL,
			"logged in to the database as %s, but this program must be %s", name, role);
	if (tg_rows_bool(rows, 0, "super") || tg_rows_bool(rows, 0, "bypass") ||
		tg_rows_bool(rows, 0, "owner"))
		return tg_fail(err, TG_E_CONFIG, NULL,
			"the database role %s is %s: row-level security would not bind it", name,
			tg_rows_bool(rows, 0, "super")            ? "a superuser"
				: tg_rows_bool(rows, 0, "bypass") ? "BYPASSRLS"
								  : "the owner of the tables");
	return TG_OK;
}
