/* SPDX-License-Identifier: MIT
 * error: owns the table of failures (error_table.h) and the one way of filling a struct tg_error.
 * Promises that the texts in it are whole characters and NUL-terminated, however long the input
 * was. Never allocates, never logs. */
#include "taskgate/base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct tg_error_row rows[] = {
#define ROW(name, word, http, exit_code, retryable, text) \
	[TG_E_##name] = { word, http, exit_code, retryable, text },
#include "taskgate/base/error_table.h"
#undef ROW
};

const struct tg_error_row *tg_error_row(enum tg_rc rc)
{
	assert((unsigned)rc < TG_E__MAX);
	return &rows[rc];
}

/* A text that was cut may end in the middle of a character, and a broken character makes a whole
 * answer invalid JSON. */
static void drop_broken_end(char *s)
{
	size_t n = strlen(s), back = 0, want = 0;
	unsigned char c;

	while (back < n && back < 3 && ((unsigned char)s[n - 1 - back] & 0xC0) == 0x80)
		back++;
	if (back == n)
		return;
	c = (unsigned char)s[n - 1 - back];
	want = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
	if (back < want)
		s[n - 1 - back] = '\0';
}

static void copy(char *to, size_t size, const char *from)
{
	if ((size_t)snprintf(to, size, "%s", from) >= size)
		drop_broken_end(to);
}

enum tg_rc tg_error_set(struct tg_error *err, enum tg_rc rc, const char *field, const char *file,
	int line, const char *fmt, ...)
{
	struct tg_error fresh = {
		.rc = rc, .file = file, .line = line
	}; /* the arguments may point into *err */
	va_list ap;
	int n;

	assert((unsigned)rc < TG_E__MAX);
	copy(fresh.field, sizeof fresh.field, field ? field : "");
	va_start(ap, fmt);
	n = vsnprintf(fresh.message, sizeof fresh.message, fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof fresh.message)
		drop_broken_end(fresh.message);
	*err = fresh;
	return rc;
}

enum tg_rc tg_error_set_reason(struct tg_error *err, const char *reason, enum tg_rc rc)
{
	copy(err->reason, sizeof err->reason, reason);
	return rc;
}
