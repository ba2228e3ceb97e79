/* SPDX-License-Identifier: MIT
 * field: one row per field of a request, wherever it stands, and the values that came of it. A
 * value's text is what the statement takes as its parameter. The first field at fault is told;
 * nothing is guessed, nothing is clamped unless the row says so. */
#ifndef TASKGATE_FIELD_H
#define TASKGATE_FIELD_H

#include "taskgate/http/http.h"
#include "taskgate/http/json_scan.h"

#define TG_FIELDS_MAX 24
#define TG_FREE_OBJECT_MAX (64 * 1024) /* spec README decision 11 */

enum tg_field_type {
	TG_STRING, /* min, max: characters */
	TG_INTEGER, /* min, max: value */
	TG_BOOLEAN, /* in a query also 1 and 0 */
	TG_TIME, /* tg_time_parse */
	TG_URL, /* http or https with a host, at most max characters */
	TG_OBJECT, /* a free JSON object, kept as sent, at most 64 KiB */
	TG_ANY, /* any JSON value, kept as sent, at most max bytes */
	TG_STRINGS, /* an array of strings: min, max: entries; each of 1 to item_max (100)
		       characters, and of the shape that test takes */
	TG_ARRAY /* an array, kept as sent, at most max bytes: for tg_fields_items */
};

enum tg_field_place { TG_BODY, TG_QUERY, TG_PATH, TG_FORM };

struct tg_field {
	const char *name;
	enum tg_field_type type;
	enum tg_field_place place;
	bool required, cut; /* cut: an integer above max becomes max */
	long long min, max, item_max;
	const char *const *words; /* allowed words, NULL-terminated; NULL: any */
	bool (*test)(const char *s, size_t n); /* shape of a string; NULL: any */
	const char *shape; /* the same in words for the message */
	const char *def; /* text where absent; NULL: null */
	enum tg_rc rc; /* of a wrong value; TG_OK means TG_E_INVALID */
	const char *reason; /* of a wrong value, for the API's table of codes; NULL: none */
	const char *missing; /* of a required one that is not there, or empty; NULL: none */
};

struct tg_value {
	const char *text; /* NULL where absent or null */
	size_t len;
	bool given;
};

/* What is allowed in an entity (facts 1.1.1) and in a task type (spec README decision 3). */
bool tg_is_entity(const char *s, size_t n);
bool tg_is_type(const char *s, size_t n);
bool tg_is_uuid(const char *s, size_t n);
bool tg_is_phone(const char *s, size_t n); /* E.164, as the database's domain phone_number */
bool tg_is_email(const char *s, size_t n); /* what HTML's <input type=email> takes, as the
					      database's domain email_address */
bool tg_is_line(const char *s, size_t n); /* no control characters: fit for a header line */

/* path: n_path captured segments, in the order of the route's {…}, by name. Fills values[i] for
 * fields[i]; all borrowed from the request's arena. */
enum tg_rc tg_fields_check(const struct tg_field *fields, size_t n, struct tg_request *,
	const char *const *path_names, const char *const *path_values, size_t n_path,
	unsigned json_flags, struct tg_value *values, struct tg_error *) TG_MUSTCHECK;

/* The same for an object within a body (text: its bytes, as a TG_OBJECT keeps them); all rows are
 * TG_BODY. within names it in errors: "next_action.type is required". */
enum tg_rc tg_fields_object(const struct tg_field *fields, size_t n, struct tg_arena *,
	const char *text, size_t len, const char *within, struct tg_value *values,
	struct tg_error *) TG_MUSTCHECK;
/* And for an array of objects (a TG_ARRAY), at most that many: *values gets count times n values,
 * in the arena. */
enum tg_rc tg_fields_items(const struct tg_field *fields, size_t n, struct tg_arena *,
	const char *text, size_t len, const char *within, size_t most, struct tg_value **values,
	size_t *count, struct tg_error *) TG_MUSTCHECK;

#endif
