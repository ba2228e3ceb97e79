/* SPDX-License-Identifier: MIT
 * csv: comma-separated values as RFC 4180 has them, in UTF-8. A field that holds a comma, a quote
 * or a line's end stands in quotes, a quote in it is doubled. Lines end with CRLF or LF when read,
 * with CRLF when written. Beyond the RFC: a byte order mark at the start and lines that are empty
 * are skipped; RFC 4180 knows no null, and here an empty field is one. */
#ifndef TASKGATE_CSV_H
#define TASKGATE_CSV_H

#include <stddef.h>
#include "taskgate/base/error.h"
#include "taskgate/base/text.h"

#define TG_CSV_FIELDS 32 /* of one record, at most */

struct tg_csv {
	char *at, *end;
	long line; /* of at, from 1 */
};

struct tg_csv_record {
	long line; /* where it begins; a record goes over several lines where a field holds a line's
		      end */
	int n; /* 0: there is none any more */
	char *field[TG_CSV_FIELDS]; /* NUL-terminated, in the text that is read */
};

/* text is borrowed and changed: fields are unquoted and ended in their places. text[len] must be
 * writable too. */
void tg_csv_open(struct tg_csv *, char *text, size_t len);
/* The next record. TG_E_INVALID, with the line in the message: a quote where none may be, or one
 * that is never closed, a carriage return alone, a NUL, what is not UTF-8, too many fields. After
 * that the text is good for nothing. */
enum tg_rc tg_csv_read(struct tg_csv *, struct tg_csv_record *, struct tg_error *) TG_MUSTCHECK;

/* A record of n fields, at least one; NULL is an empty one. What is written is read as it was. */
void tg_csv_write(struct tg_buf *, const char *const *field, int n);

#endif
