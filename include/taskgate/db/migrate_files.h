/* SPDX-License-Identifier: MIT
 * migrate_files: the SQL that taskgatectl carries with it, so that it needs no file beside it. The
 * texts are those of sql/ at build time, made by src/sqlembed.awk into migrations_gen.c; all static
 * and NUL-terminated, "" where a file does not exist. */
#ifndef TASKGATE_MIGRATE_FILES_H
#define TASKGATE_MIGRATE_FILES_H

struct tg_migration_file {
	const char *name;
	const char *text;
};

/* "0001_ledger.sql": the first four digits are its number. In the order of their numbers; the last
 * row's name is NULL. */
extern const struct tg_migration_file tg_migration_files[];
/* "functions/base.sql": what is applied whenever it has changed, in the order in which that is
 * done. The first row is what the migrations stand on; the last row's name is NULL. */
extern const struct tg_migration_file tg_migration_texts[];
extern const char tg_roles_sql[]; /* run once by a superuser, in any database */
extern const char tg_demo_sql[]; /* all of sql/demo, joined in the order of their names */

#endif
