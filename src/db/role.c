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
	bool super, bypass;

	if (tg_db_call(db, TG_BIND_DB_ROLE(), deadline, false, &rows, err) != TG_OK)
		return err->rc;
	if (tg_rows_count(rows) != 1)
		return tg_fail(err, TG_E_INTERNAL, NULL,
			"the database does not know the role that logged in");
	name = tg_rows_text(rows, 0, TG_DB_ROLE_NAME);
	if (role != NULL && strcmp(role, name) != 0)
		return tg_fail(err, TG_E_CONFIG, NULL,
			"logged in to the database as %s, but this program must be %s", name, role);
	super = tg_rows_bool_at(rows, 0, TG_DB_ROLE_SUPER);
	bypass = tg_rows_bool_at(rows, 0, TG_DB_ROLE_BYPASS);
	if (super || bypass || tg_rows_bool_at(rows, 0, TG_DB_ROLE_OWNER))
		return tg_fail(err, TG_E_CONFIG, NULL,
			"the database role %s is %s: row-level security would not bind it", name,
			super            ? "a superuser"
				: bypass ? "BYPASSRLS"
					 : "the owner of the tables");
	return TG_OK;
}
