/* SPDX-License-Identifier: MIT
 * json_scan: owns the question whether a text is JSON as RFC 8259 means it, and nothing else: it
 * builds no values. Promises that what it accepts means the same to json-c, to PostgreSQL and to
 * any other reader, and that a refusal says where and why. Never reads past the given length, never
 * recurses deeper than TG_JSON_MAX_DEPTH. */
#include "taskgate/http/json_scan.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json_token.h"

#define KEYS_INLINE 32
#define MEMBERS_FIRST 16

struct key {
	const char *text; /* decoded */
	size_t len, at;
};

struct scanner {
	struct tg_json_cursor c;
	unsigned depth, values;
	bool trailing_comma;
	char *copy; /* the text with blanks for trailing commas, once there was one */
	struct key *keys; /* of all objects that are still open, a stack */
	size_t n_keys, cap_keys;
	struct tg_json_member *members; /* of the top-level object or array */
	size_t n_members, cap_members;
	struct key inline_keys[KEYS_INLINE];
};

static bool scan_value(struct scanner *s, char *type);

static bool refuse(struct scanner *s, const char *why)
{
	return tg_json_refuse(&s->c, s->c.p, why);
}

static void skip_blanks(struct scanner *s)
{
	const char *p = s->c.p, *end = s->c.end;

	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	s->c.p = p;
}

static bool next_is(const struct scanner *s, char c)
{
	return s->c.p < s->c.end && *s->c.p == c;
}

static bool scan_word(struct scanner *s, const char *word, size_t n)
{
	if ((size_t)(s->c.end - s->c.p) < n || memcmp(s->c.p, word, n) != 0)
		return refuse(s, "a value is expected");
	s->c.p += n;
	return true;
}

static int compare_keys(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->text, y->text, x->len);
}

/* Where the second one of two equal keys stands, SIZE_MAX where all differ. Pairwise is quickest
 * for a few keys; sorting, which may change their order, bounds the rest. */
static size_t find_duplicate(struct key *keys, size_t n)
{
	size_t i, j, at = SIZE_MAX;

	if (n <= KEYS_INLINE) {
		for (i = 1; i < n; i++)
			for (j = 0; j < i; j++)
				if (keys[i].len == keys[j].len &&
					memcmp(keys[i].text, keys[j].text, keys[i].len) == 0)
					return keys[i].at;
		return SIZE_MAX;
	}
	qsort(keys, n, sizeof *keys, compare_keys);
	for (i = 1; i < n; i++) {
		if (compare_keys(&keys[i - 1], &keys[i]) != 0)
			continue;
		j = keys[i].at > keys[i - 1].at ? keys[i].at : keys[i - 1].at;
		at = j < at ? j : at;
	}
	return at;
}

static void push_key(struct scanner *s, const struct key *key)
{
	struct key *more;

	if (s->n_keys == s->cap_keys) {
		more = tg_arena_alloc(s->c.arena, 2 * s->cap_keys * sizeof *more);
		memcpy(more, s->keys, s->n_keys * sizeof *more);
		s->keys = more;
		s->cap_keys *= 2;
	}
	s->keys[s->n_keys++] = *key;
}

static void push_member(struct scanner *s, const struct tg_json_member *member)
{
	struct tg_json_member *more;

	if (s->n_members == s->cap_members) {
		s->cap_members = s->cap_members ? 2 * s->cap_members : MEMBERS_FIRST;
		more = tg_arena_alloc(s->c.arena, s->cap_members * sizeof *more);
		if (s->n_members)
			memcpy(more, s->members, s->n_members * sizeof *more);
		s->members = more;
	}
	s->members[s->n_members++] = *member;
}

/* Stands on the opening quote, ends behind the colon. */
static bool scan_key(struct scanner *s, struct key *key)
{
	const char *start = s->c.p + 1;
	bool escapes;

	if (!next_is(s, '"'))
		return refuse(s, "a key in double quotes is expected");
	key->at = (size_t)(s->c.p - s->c.text);
	if (!tg_json_string(&s->c, &escapes))
		return false;
	key->text = start;
	key->len = (size_t)(s->c.p - start) - 1;
	if (escapes)
		key->text = tg_json_decode(s->c.arena, start, s->c.p - 1, &key->len);
	else if (s->depth == 1)
		key->text = tg_arena_strndup(s->c.arena, start, key->len);
	skip_blanks(s);
	if (!next_is(s, ':'))
		return refuse(s, "expected ':'");
	s->c.p++;
	return true;
}

static bool scan_member(struct scanner *s)
{
	struct tg_json_member member;
	struct key key;

	if (!scan_key(s, &key))
		return false;
	push_key(s, &key);
	skip_blanks(s);
	member.key = key.text;
	member.key_len = key.len;
	member.start = (size_t)(s->c.p - s->c.text);
	if (!scan_value(s, &member.type))
		return false;
	member.len = (size_t)(s->c.p - s->c.text) - member.start;
	if (s->depth == 1)
		push_member(s, &member);
	return true;
}

static bool scan_element(struct scanner *s)
{
	struct tg_json_member element = { .key = "", .start = (size_t)(s->c.p - s->c.text) };

	if (!scan_value(s, &element.type))
		return false;
	element.len = (size_t)(s->c.p - s->c.text) - element.start;
	if (s->depth == 1)
		push_member(s, &element);
	return true;
}

/* Stands on a comma. In the copy, which is what others will read, a trailing one becomes a blank.
 */
static bool is_trailing_comma(struct scanner *s, char close)
{
	const char *comma = s->c.p++;

	skip_blanks(s);
	if (!next_is(s, close) || !s->trailing_comma)
		return false;
	if (!s->copy)
		s->copy = tg_arena_strndup(s->c.arena, s->c.text, (size_t)(s->c.end - s->c.text));
	s->copy[comma - s->c.text] = ' ';
	return true;
}

/* Stands behind the opening bracket, ends behind the closing one. */
static bool scan_items(struct scanner *s, char close, const char *expected)
{
	skip_blanks(s);
	while (!next_is(s, close)) {
		if (!(close == '}' ? scan_member(s) : scan_element(s)))
			return false;
		skip_blanks(s);
		if (next_is(s, close))
			break;
		if (!next_is(s, ','))
			return refuse(s, expected);
		if (is_trailing_comma(s, close))
			break;
		if (next_is(s, close))
			return refuse(s, "a value is expected after ','");
	}
	s->c.p++;
	return true;
}

static bool scan_object(struct scanner *s)
{
	size_t base = s->n_keys, again;

	if (!scan_items(s, '}', "expected ',' or '}'"))
		return false;
	again = find_duplicate(s->keys + base, s->n_keys - base);
	if (again != SIZE_MAX)
		return tg_json_refuse(&s->c, s->c.text + again, "duplicate key");
	s->n_keys = base;
	return true;
}

static bool scan_nested(struct scanner *s)
{
	bool ok, object = *s->c.p == '{';

	if (s->depth == TG_JSON_MAX_DEPTH)
		return refuse(s, "nested too deeply");
	s->depth++;
	s->c.p++;
	ok = object ? scan_object(s) : scan_items(s, ']', "expected ',' or ']'");
	s->depth--;
	return ok;
}

static bool scan_value(struct scanner *s, char *type)
{
	bool escapes;

	if (s->c.p == s->c.end)
		return refuse(s, NULL);
	if (s->values++ == TG_JSON_MAX_VALUES)
		return refuse(s, "too many values");
	switch (*s->c.p) {
	case '{':
		*type = 'o';
		return scan_nested(s);
	case '[':
		*type = 'a';
		return scan_nested(s);
	case '"':
		*type = 's';
		return tg_json_string(&s->c, &escapes);
	case 't':
		*type = 'b';
		return scan_word(s, "true", 4);
	case 'f':
		*type = 'b';
		return scan_word(s, "false", 5);
	case 'n':
		*type = '0';
		return scan_word(s, "null", 4);
	default:
		break;
	}
	if (*s->c.p != '-' && (*s->c.p < '0' || *s->c.p > '9'))
		return refuse(s, "a value is expected");
	*type = 'n';
	return tg_json_number(&s->c);
}

static void tell_place(const struct tg_json_cursor *c, struct tg_json_scan *out)
{
	const char *p;

	out->why = c->why;
	out->at = (size_t)(c->p - c->text);
	out->line = out->column = 1;
	for (p = c->text; p < c->p; p++) {
		out->column++;
		if (*p == '\n') {
			out->line++;
			out->column = 1;
		}
	}
}

static bool scan_all(struct scanner *s, char *type)
{
	if (s->c.end - s->c.p >= 3 && memcmp(s->c.p, "\xEF\xBB\xBF", 3) == 0)
		return refuse(s, "a byte order mark is not allowed");
	skip_blanks(s);
	if (!scan_value(s, type))
		return false;
	skip_blanks(s);
	return s->c.p == s->c.end || refuse(s, "nothing may follow the value");
}

bool tg_json_scan(struct tg_arena *arena, const char *text, size_t len, unsigned flags,
	struct tg_json_scan *out)
{
	struct scanner s; /* field by field: zeroing the inline keys would cost more than scanning a
			     small body */

	s.c = (struct tg_json_cursor){ .arena = arena, .text = text, .p = text, .end = text + len };
	s.depth = s.values = 0;
	s.trailing_comma = flags & TG_JSON_TRAILING_COMMA;
	s.copy = NULL;
	s.keys = s.inline_keys;
	s.n_keys = 0;
	s.cap_keys = KEYS_INLINE;
	s.members = NULL;
	s.n_members = s.cap_members = 0;
	*out = (struct tg_json_scan){ .text = text };
	if (!scan_all(&s, &out->type)) {
		tell_place(&s.c, out);
		return false;
	}
	if (s.copy)
		out->text = s.copy;
	if (out->type == 'o' || out->type == 'a') {
		out->n = s.n_members;
		out->members = s.members;
	}
	return true;
}

const struct tg_json_member *tg_json_member(const struct tg_json_scan *scan, const char *key)
{
	size_t i, n = strlen(key);

	for (i = 0; i < scan->n; i++)
		if (scan->members[i].key_len == n && memcmp(scan->members[i].key, key, n) == 0)
			return &scan->members[i];
	return NULL;
}
