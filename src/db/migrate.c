/* SPDX-License-Identifier: MIT
 * migrate: brings a database up to the embedded SQL. Promises that a migration is applied once, and
 * a function, state or grant whenever its text has changed; each whole or not at all, however many
 * runs there are at a time; and that everything made belongs to taskgate_owner. Never goes back to
 * an older release's text, never drops a function, never acts as a superuser. */
#include <assert.h>
#include <limits.h>
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

/* Keeps what went well; after an error the transaction is rolled back. */
static enum tg_rc end(struct tg_db *db, enum tg_rc rc, int64_t deadline, struct tg_error *err)
{
	if (rc == TG_OK)
		rc = commit(db, deadline, err);
	if (rc != TG_OK)
		rollback(db);
	return rc;
}

static enum tg_rc claim(
	struct tg_db *db, struct tg_bind row, bool *ours, int64_t deadline, struct tg_error *err)
{
	struct tg_rows rows;

	if (tg_db_call(db, row, deadline, false, &rows, err) != TG_OK)
		return err->rc;
	*ours = tg_rows_count(rows) == 1;
	return TG_OK;
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

/* A migration in a transaction of its own: its row in the list is the first statement, and where
 * that is there already nothing else is done. */
static enum tg_rc apply_migration(struct tg_db *db, const struct tg_migration_file *f, int *applied,
	int64_t deadline, struct tg_error *err)
{
	const char number[] = { f->name[0], f->name[1], f->name[2], f->name[3], '\0' };
	bool breaking = strncmp(f->text, BREAKING, strlen(BREAKING)) == 0, ours = false;
	enum tg_rc rc = begin(db, deadline, err);

	if (rc == TG_OK)
		rc = claim(db,
			TG_BIND_MIGRATE_CLAIM(.number = number, .name = f->name,
				.breaking = breaking ? "true" : "false"),
			&ours, deadline, err);
	if (rc == TG_OK && ours)
		rc = tg_db_script(db, f->text, deadline, err);
	if (end(db, rc, deadline, err) != TG_OK)
		return named(f->name, err);
	*applied += ours;
	return TG_OK;
}

/* The texts from first on, n at most, that have changed since they were applied: all in one
 * transaction, so that nobody meets new functions beside old grants. */
static enum tg_rc apply_texts(struct tg_db *db, const struct tg_migration_file *first, int n,
	int *applied, int64_t deadline, struct tg_error *err)
{
	const struct tg_migration_file *f = first;
	enum tg_rc rc = begin(db, deadline, err);
	int done = 0;

	for (; rc == TG_OK && f->name != NULL && f - first < n; f++) {
		bool ours = false;

		rc = claim(db,
			TG_BIND_MIGRATE_TEXT_CLAIM(.name = f->name, .text = f->text,
				.release = TG_VERSION),
			&ours, deadline, err);
		if (rc == TG_OK && ours)
			rc = tg_db_script(db, f->text, deadline, err);
		if (rc != TG_OK)
			named(f->name, err);
		done += ours;
	}
	if (end(db, rc, deadline, err) != TG_OK)
		return err->rc;
	*applied += done;
	return TG_OK;
}

/* The list of migrations itself. */
static enum tg_rc apply_list(struct tg_db *db, int64_t deadline, struct tg_error *err)
{
	enum tg_rc rc = begin(db, deadline, err);

	if (rc == TG_OK)
		rc = tg_db_script(db, tg_migration_files->text, deadline, err);
	return end(db, rc, deadline, err) == TG_OK ? TG_OK : named(tg_migration_files->name, err);
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

enum tg_rc tg_migrate(struct tg_db *db, int *applied, int *texts, struct tg_error *err)
{
	const struct tg_migration_file *f = tg_migration_files;
	int64_t deadline = tg_clock_ms() + PATIENCE_MS;

	*applied = *texts = 0;
	assert(f->name != NULL && strtol(f->name, NULL, 10) == 0);
	if (tg_db_open(db, deadline, err) != TG_OK || apply_list(db, deadline, err) != TG_OK)
		return err->rc;
	if (begin(db, deadline, err) != TG_OK || refuse_newer(db, deadline, err) != TG_OK ||
		commit(db, deadline, err) != TG_OK) {
		rollback(db);
		return err->rc;
	}
	if (apply_texts(db, tg_migration_texts, 1, texts, deadline, err) != TG_OK)
		return err->rc;
	for (f++; f->name != NULL; f++)
		if (apply_migration(db, f, applied, deadline, err) != TG_OK)
			return err->rc;
	return apply_texts(db, tg_migration_texts, INT_MAX, texts, deadline, err);
}
