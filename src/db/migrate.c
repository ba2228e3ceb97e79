/* SPDX-License-Identifier: MIT
 * migrate: brings a database up to the embedded migrations. Promises that each one is applied once
 * and whole or not at all, however many runs there are at a time, and that everything made belongs
 * to taskgate_owner. Never goes back, never acts as a superuser. */
#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "taskgate/base/clock.h"
#include "taskgate/db/db.h"
#include "taskgate/db/migrate_files.h"

#define PATIENCE_MS (30 * 60 * 1000) /* other runs go first, and a table may be large */
#define BREAKING "--! breaking"

/* A problem whose answer is sql/roles.sql: no such role, or no right to act as the owner. */
static enum tg_rc explain(struct tg_error *err)
{
	if (strcmp(err->sqlstate, "42501") != 0 && strcmp(err->sqlstate, "22023") != 0)
		return err->rc;
	return tg_fail(err, TG_E_CONFIG, NULL,
		"%s (sql/roles.sql, run by a superuser, makes the roles; taskgate_owner must own "
		"the database)",
		err->message);
}

static void rollback(struct tg_db *db)
{
	struct tg_error ignored;

	if (!tg_db_is_open(db))
		return;
	tg_db_start(db);
	tg_db_queue(db, TG_BIND_ROLLBACK());
	if (tg_db_run(db, tg_clock_ms() + 1000, false, &ignored) != TG_OK)
		tg_db_close(db);
}

static enum tg_rc begin(struct tg_db *db, int64_t deadline, struct tg_error *err)
{
	tg_db_start(db);
	tg_db_queue(db, TG_BIND_BEGIN());
	tg_db_queue(db, TG_BIND_MIGRATE_ROLE());
	tg_db_queue(db, TG_BIND_MIGRATE_LOCK());
	return tg_db_run(db, deadline, false, err) == TG_OK ? TG_OK : explain(err);
}

static enum tg_rc commit(struct tg_db *db, int64_t deadline, struct tg_error *err)
{
	tg_db_start(db);
	tg_db_queue(db, TG_BIND_COMMIT());
	return tg_db_run(db, deadline, true, err);
}

/* A text in a transaction of its own, as the owner. file: its row in the list of migrations is the
 * transaction's first statement, and where that is there already nothing else is done; NULL: no
 * row, always run. */
static enum tg_rc apply(struct tg_db *db, const struct tg_migration_file *file, const char *text,
	bool *done, int64_t deadline, struct tg_error *err)
{
	struct tg_rows claimed;
	enum tg_rc rc;

	*done = true;
	rc = begin(db, deadline, err);
	if (rc == TG_OK && file != NULL) {
		const char number[] = { file->name[0], file->name[1], file->name[2], file->name[3],
			'\0' };
		bool breaking = strncmp(text, BREAKING, strlen(BREAKING)) == 0;

		rc = tg_db_call(db,
			TG_BIND_MIGRATE_CLAIM(.number = number, .name = file->name,
				.breaking = breaking ? "true" : "false"),
			deadline, false, &claimed, err);
		*done = rc == TG_OK && tg_rows_count(claimed) == 1;
	}
	if (rc == TG_OK && *done)
		rc = tg_db_script(db, text, deadline, err);
	if (rc == TG_OK)
		rc = commit(db, deadline, err);
	if (rc != TG_OK)
		rollback(db);
	return rc;
}

static enum tg_rc named(const char *what, struct tg_error *err)
{
	struct tg_error was = *err;

	if (was.sqlstate[0] == '\0')
		return err->rc;
	tg_fail(err, was.rc, NULL, "%s: %s", what, was.message);
	memcpy(err->sqlstate, was.sqlstate, sizeof err->sqlstate);
	return err->rc;
}

static enum tg_rc refuse_newer(struct tg_db *db, int64_t deadline, struct tg_error *err)
{
	char newest[16];
	struct tg_rows rows;

	snprintf(newest, sizeof newest, "%d", tg_migrate_newest());
	if (tg_db_call(db, TG_BIND_MIGRATE_NEWER(.newest = newest), deadline, false, &rows, err) !=
		TG_OK)
		return err->rc;
	if (tg_rows_count(rows) > 0)
		return tg_fail(err, TG_E_CONFIG, NULL,
			"the database has the breaking migration %s, which this program does not "
			"know: install the newer release",
			tg_rows_text(rows, 0, TG_MIGRATE_NEWER_NAME));
	return TG_OK;
}

int tg_migrate_newest(void)
{
	int newest = 0;

	for (const struct tg_migration_file *f = tg_migration_files; f->name != NULL; f++)
		newest = (int)strtol(f->name, NULL, 10);
	return newest;
}

enum tg_rc tg_migrate(struct tg_db *db, int *applied, struct tg_error *err)
{
	const struct tg_migration_file *f = tg_migration_files;
	int64_t deadline = tg_clock_ms() + PATIENCE_MS;
	bool done;

	*applied = 0;
	assert(f->name != NULL && strtol(f->name, NULL, 10) == 0);
	if (tg_db_open(db, deadline, err) != TG_OK)
		return err->rc;
	if (apply(db, NULL, f->text, &done, deadline, err) != TG_OK)
		return named(f->name, err);
	if (begin(db, deadline, err) != TG_OK || refuse_newer(db, deadline, err) != TG_OK ||
		commit(db, deadline, err) != TG_OK) {
		rollback(db);
		return err->rc;
	}
	for (f++; f->name != NULL; f++) {
		if (apply(db, f, f->text, &done, deadline, err) != TG_OK)
			return named(f->name, err);
		*applied += done;
	}
	if (apply(db, NULL, tg_grants_sql, &done, deadline, err) != TG_OK)
		return named("grants.sql", err);
	return TG_OK;
}
