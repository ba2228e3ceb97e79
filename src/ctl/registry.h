/* SPDX-License-Identifier: MIT
 * registry: the contact centre's directories as rows of a table. A row says what a directory is
 * called, which statements keep it and which fields it has; the verbs (add, list, show, remove,
 * import, export) are functions over such a row. */
#ifndef TASKGATE_CTL_REGISTRY_H
#define TASKGATE_CTL_REGISTRY_H

#include "taskgate/ctl/ctl.h"

#define REGISTRY_FIELDS 12

enum {
	FIELD_NEEDED = 1, /* never null; the first field, the key, is by itself */
	FIELD_FILE = 2, /* the option names a file that holds the value */
	FIELD_NOT = 4, /* the option is a flag, and says false */
	FIELD_IGNORED = 8, /* exported, and passed over by an import */
	FIELD_SHOWN = 16, /* listed alone: neither exported nor imported */
};

struct registry_field {
	const char *name; /* column of CSV and of the statements, member of JSON; NULL ends the
			     fields */
	enum tg_ctl_kind kind;
	const char *heading; /* in a table; NULL: only in JSON and in `show` */
	const char *option; /* of `add`; NULL: none, or the key, which is its argument */
	const char *rule; /* the database's constraint that guards it, or NULL */
	unsigned flags;
};

struct registry {
	const char *word; /* first word of its commands */
	const char *one, *many; /* for people */
	/* sql/queries/ctl/directory.sql; their parameter and the columns of put and remove are
	 * those of agent_put, agent_list and agent_remove. */
	enum tg_sql put, list, remove;
	const char *stays; /* why one may stay where it is to be removed; NULL: it never does */
	struct registry_field fields[REGISTRY_FIELDS + 1]; /* the first is the key */
};

/* The directory that the command is about; borrowed. */
const struct registry *registry_of(const struct tg_ctl *);

/* registry_verbs.c, registry_import.c: what the commands run. */
enum tg_rc registry_add(struct tg_ctl *) TG_MUSTCHECK;
enum tg_rc registry_list(struct tg_ctl *) TG_MUSTCHECK;
enum tg_rc registry_show(struct tg_ctl *) TG_MUSTCHECK;
enum tg_rc registry_remove(struct tg_ctl *) TG_MUSTCHECK;
enum tg_rc registry_export(struct tg_ctl *) TG_MUSTCHECK;
enum tg_rc registry_import(struct tg_ctl *) TG_MUSTCHECK;

/* registry_rows.c. A row is REGISTRY_FIELDS texts in the order of the fields, NULL for null and for
 * what is not put. */
bool registry_is_put(const struct registry_field *); /* is it among what the put statement takes? */
/* Judges a value by its kind, and gives booleans and times in one form (in the arena). TG_E_INVALID
 * with a message that names neither field nor line: that is the caller's. What the database has a
 * constraint for is left to it. */
enum tg_rc registry_judge(struct tg_arena *, const struct registry_field *, const char **value,
	struct tg_error *) TG_MUSTCHECK;
void registry_put_json(
	struct tg_buf *, const struct registry *, const char *const *row); /* a JSON object */
/* The field that a refusal of the put statement is about, given the row it refused; NULL where that
 * cannot be told. */
const struct registry_field *registry_blame(
	const struct registry *, const char *const *row, const struct tg_error *);

#endif
