/* SPDX-License-Identifier: MIT
 * json_scan: the strict gate before json-c (spec README decision 6; RFC 8259). json-c's strict mode
 * lets through single quotes, NaN, `1.`, duplicate keys and lone surrogates, and bends integers
 * beyond 64 bits; this scanner refuses them, says where, and keeps the byte range of every member
 * of the top-level object, so that free objects reach the database as they were sent. */
#ifndef TASKGATE_JSON_SCAN_H
#define TASKGATE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include "taskgate/base/arena.h"

#define TG_JSON_MAX_DEPTH 32
#define TG_JSON_MAX_VALUES \
	262144 /* in one text: "[0,0,0…" makes json-c take 30 bytes and more for each of its own \
		*/

enum tg_json_flag {
	TG_JSON_STRICT = 0,
	TG_JSON_TRAILING_COMMA = 1
}; /* one comma before } or ], nothing else */

struct tg_json_member {
	const char *key; /* decoded, NUL-terminated, in the arena */
	size_t key_len;
	char type; /* of the value: 'o' 'a' 's' 'n' (number) 'b' (true, false) '0' (null) */
	size_t start, len; /* the value's bytes in the text */
};

struct tg_json_scan {
	char type; /* of the whole text, as above */
	size_t n; /* members of the top-level object, or elements of the top-level array (their keys
		     are "") */
	const struct tg_json_member *members;
	size_t at; /* where it stopped, in bytes, when refused */
	size_t line, column; /* the same for a person, from 1; column counts bytes */
	const char *why; /* static text, e.g. "duplicate key", "expected ',' or '}'" */
	const char *text; /* what json-c and the database are to read: the text itself, or, where
			   * trailing commas were accepted, a copy in the arena with blanks in their
			   * places (same length, same ranges) */
};

/* Scans all of text[0..len). Refused besides bad grammar: anything after the value, nesting beyond
 * 32, too many values, duplicate keys in one object (compared decoded), \u0000, lone surrogates,
 * invalid UTF-8, a byte order mark, unescaped control characters, integers that do not fit int64,
 * other numbers whose value is not a finite double or that have more than 16383 decimal places
 * (jsonb refuses them). True where accepted. Linear in len save for duplicate detection, which is n
 * log n. */
bool tg_json_scan(
	struct tg_arena *, const char *text, size_t len, unsigned flags, struct tg_json_scan *out);

/* The member of that name, or NULL. */
const struct tg_json_member *tg_json_member(const struct tg_json_scan *, const char *key);

#endif
