/* SPDX-License-Identifier: MIT
 * ctl: taskgatectl's commands. One table row a command: words, arguments, options, function, one
 * line of help; usage text and dispatch come from the same row. A command that touches the database
 * is one transaction, which it opens, writes down in `audit` and commits. */
#ifndef TASKGATE_CTL_H
#define TASKGATE_CTL_H

#include <stdbool.h>
#include "taskgate/db/db.h"
#include "taskgate/base/text.h"

#define TG_CTL_OPTIONS 12 /* of one command, at most */
#define TG_CTL_ARGS 8

struct tg_ctl_option {
	const char *name; /* "--keep-days" */
	const char *value; /* "N"; NULL: a flag */
	const char *help;
};

enum {
	TG_CTL_DATABASE = 1, /* connects before run */
	TG_CTL_TENANT = 2, /* takes --tenant NAME; belongs to a tenant */
	TG_CTL_SETTINGS = 4, /* needs the settings, if not the database */
};

struct tg_ctl;

struct tg_ctl_command {
	const char *words; /* "token create" */
	const char *args; /* "ID", "ID|--all-dead", "" */
	int min_args, max_args;
	unsigned flags;
	enum tg_rc (*run)(struct tg_ctl *);
	const char *help; /* one line */
	struct tg_ctl_option options[TG_CTL_OPTIONS]; /* the last name is NULL */
};

struct tg_ctl {
	const struct tg_ctl_command *command;
	struct tg_arena *arena;
	struct tg_db *db;
	struct tg_error *err;
	struct tg_buf out; /* written to standard output when the command went well */
	const char *arg[TG_CTL_ARGS];
	int args;
	const char *value[TG_CTL_OPTIONS]; /* in the order of the command's options; "" for a flag
					      that was given */
	const char *tenant, *config;
	const char *tenant_id; /* set by tg_ctl_begin */
	uint64_t connection; /* the one that tg_ctl_begin has found: tg_db_reconnects, and one */
	bool first_tenant, json;
};

extern const struct tg_ctl_command tg_ctl_migrate[], tg_ctl_directory[], tg_ctl_registry[],
	tg_ctl_token[], tg_ctl_type[], tg_ctl_lane[], tg_ctl_webhook_key[], tg_ctl_delivery[],
	tg_ctl_status[], tg_ctl_states[], tg_ctl_conf[], tg_ctl_audit[], tg_ctl_task[],
	tg_ctl_demo[], tg_ctl_routes[], tg_ctl_calls[];

/* main without main: parses, runs, prints; gives the exit code. */
int tg_ctl_main(int argc, char **argv);

/* usage.c */
const struct tg_ctl_command *const *tg_ctl_groups(
	void); /* arrays that end with words NULL; the list ends with NULL */
void tg_ctl_usage(struct tg_buf *, const struct tg_ctl_command *); /* of one command */
void tg_ctl_overview(
	struct tg_buf *, const char *word); /* of all commands, or of those that begin with word */
enum tg_rc tg_ctl_parse(struct tg_ctl *, int argc, char **argv, bool *help) TG_MUSTCHECK;

/* Value of an option that the command has; NULL where it was not given. */
const char *tg_ctl_value(const struct tg_ctl *, const char *name);
bool tg_ctl_flag(const struct tg_ctl *, const char *name);
enum tg_rc tg_ctl_missing(struct tg_ctl *,
	const char *option); /* the refusal for a needed option that was not given */
/* "90d", "12h", "30m", "45s", "2w" as a text of seconds, in the arena; a bare number is seconds. */
enum tg_rc tg_ctl_seconds(struct tg_ctl *, const char *option, const char **seconds) TG_MUSTCHECK;
/* "a,b,c" as a PostgreSQL array literal, in the arena; NULL where an item is empty. */
const char *tg_ctl_list(struct tg_ctl *, const char *commas);
/* The whole file, in the arena, a NUL behind its n bytes, which may hold others; "-" is standard
 * input. TG_E_INVALID where it cannot be read or has more than `most` bytes. */
enum tg_rc tg_ctl_read_file(
	struct tg_ctl *, const char *name, size_t most, char **text, size_t *n) TG_MUSTCHECK;

/* session.c */
enum tg_rc tg_ctl_connect(struct tg_ctl *) TG_MUSTCHECK;
/* begin, and for a command of a tenant its tenant. */
enum tg_rc tg_ctl_begin(struct tg_ctl *) TG_MUSTCHECK;
enum tg_rc tg_ctl_call(struct tg_ctl *, struct tg_bind, struct tg_rows *) TG_MUSTCHECK;
/* Writes "ctl.<words with dots>" into `audit`; detail is name, value, name, value, ..., NULL; a
 * NULL value is left out. Never secrets. */
enum tg_rc tg_ctl_write_audit(struct tg_ctl *, const char *what, ...) TG_MUSTCHECK
	__attribute__((sentinel));
enum tg_rc tg_ctl_commit(struct tg_ctl *) TG_MUSTCHECK;
/* Reads that change nothing: begin, one statement, no commit needed (the connection is closed at
 * the end). */
enum tg_rc tg_ctl_query(struct tg_ctl *, struct tg_bind, struct tg_rows *) TG_MUSTCHECK;
/* Turns what PostgreSQL said into what an operator can act upon; reason and SQLSTATE stay. */
enum tg_rc tg_ctl_explain(struct tg_error *);

/* print.c: columns are named as in the result; as a table or as JSON, whichever was asked for.
 * Control characters of stored texts never reach a terminal. */
enum tg_ctl_kind {
	TG_CTL_TEXT,
	TG_CTL_INT,
	TG_CTL_BOOL,
	TG_CTL_TIME,
	TG_CTL_JSON,
	TG_CTL_LIST
}; /* LIST: a JSON array of plain words */
struct tg_ctl_column {
	const char *name; /* NULL ends the list */
	enum tg_ctl_kind kind;
	const char *heading; /* NULL: only in JSON */
};
void tg_ctl_print_table(
	struct tg_ctl *, struct tg_rows, const struct tg_ctl_column *); /* all rows */
void tg_ctl_print_record(struct tg_ctl *, struct tg_rows, int row,
	const struct tg_ctl_column *); /* one row, a line a column */
void tg_ctl_print_text_table(
	struct tg_buf *, struct tg_arena *, struct tg_rows, const struct tg_ctl_column *);
void tg_ctl_json_rows(
	struct tg_buf *, struct tg_arena *, struct tg_rows, const struct tg_ctl_column *);
void tg_ctl_json_row(
	struct tg_buf *, struct tg_arena *, struct tg_rows, int row, const struct tg_ctl_column *);
void tg_ctl_json_string(struct tg_buf *, const char *); /* NULL gives null */
void tg_ctl_plain(struct tg_buf *, const char *); /* control characters become '?' */

#endif
