/* SPDX-License-Identifier: MIT
 * error: what can go wrong, once for all layers. The place that detects a failure fills the
 * caller's struct tg_error once; nobody logs it on the way up; dispatch or the main logs it once.
 */
#ifndef TASKGATE_ERROR_H
#define TASKGATE_ERROR_H

#include <stdbool.h>

enum tg_rc {
#define ROW(name, ...) TG_E_##name,
#include "taskgate/base/error_table.h"
#undef ROW
	TG_E__MAX
};
#define TG_OK TG_E_OK
#define TG_MUSTCHECK __attribute__((warn_unused_result))
#define TG_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

struct tg_error {
	enum tg_rc rc;
	char reason[64]; /* a stable word where rc does not say it all: a constraint's name, or the
			    raiser's own; else "" */
	char field[64]; /* the field at fault, or "" */
	char message[320]; /* for the client where http < 500, else for the log alone */
	char sqlstate[6]; /* "" unless PostgreSQL said it */
	int retry_after; /* seconds, 0 where none */
	const char *file; /* where it was detected */
	int line;
};

struct tg_error_row {
	const char *word;
	int http, exit_code;
	bool retryable;
	const char *text;
};

/* The row of rc; borrowed, never NULL (an unknown rc is a bug and aborts). */
const struct tg_error_row *tg_error_row(enum tg_rc rc);

/* Fills *err (keeps nothing of its former content) and gives rc back, so that a function can end
 * with `return tg_fail(err, TG_E_INVALID, "name", "must not be empty")`. field may be NULL. */
#define tg_fail(err, rc, field, ...) \
	tg_error_set((err), (rc), (field), __FILE__, __LINE__, __VA_ARGS__)
/* The same with a reason, which an API's error table can turn into a code of its own. */
#define tg_fail_reason(err, rc, why, field, ...) \
	tg_error_set_reason((err), (why), tg_fail((err), (rc), (field), __VA_ARGS__))
enum tg_rc tg_error_set_reason(struct tg_error *err, const char *reason, enum tg_rc rc);
enum tg_rc tg_error_set(struct tg_error *err, enum tg_rc rc, const char *field, const char *file,
	int line, const char *fmt, ...) TG_PRINTF(6, 7);

#endif
