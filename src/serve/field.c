/* SPDX-License-Identifier: MIT
 * field: checks one value by its row and turns it into a statement parameter. Owns the wording of
 * field errors; promises that what passes fits the column it goes to. Where values come from is for
 * fields.c. It never touches the database. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "field_internal.h"
#include "taskgate/base/clock.h"

static bool all_of(const char *s, size_t n, size_t max, const char *also)
{
	if (n == 0 || n > max)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    (c != '\0' && strchr(also, c) != NULL)))
			return false;
	}
	return true;
}

bool tg_is_entity(const char *s, size_t n)
{
	return all_of(s, n, 128, "._:-") && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

bool tg_is_type(const char *s, size_t n)
{
	return all_of(s, n, 64, "_.:-") &&
		((s[0] >= 'a' && s[0] <= 'z') || (s[0] >= 'A' && s[0] <= 'Z'));
}

bool tg_is_uuid(const char *s, size_t n)
{
	return n == 36 && tg_uuid_valid(s);
}

bool tg_is_phone(const char *s, size_t n)
{
	return n >= 8 && n <= 16 && s[0] == '+' && s[1] >= '1' && s[1] <= '9' &&
		strspn(s + 1, "0123456789") == n - 1;
}

static bool is_label(const char *s, size_t n)
{
	return all_of(s, n, 63, "-") && s[0] != '-' && s[n - 1] != '-';
}

bool tg_is_email(const char *s, size_t n)
{
	const char *at = memchr(s, '@', n), *label, *dot;

	if (at == NULL || n > 254 || !all_of(s, (size_t)(at - s), 64, ".!#$%&'*+/=?^_`{|}~-"))
		return false;
	for (label = at + 1; (dot = strchr(label, '.')) != NULL; label = dot + 1)
		if (!is_label(label, (size_t)(dot - label)))
			return false;
	return is_label(label, n - (size_t)(label - s));
}

bool tg_is_line(const char *s, size_t n)
{
	/* U+0080 to U+009F are controls as well, and PostgreSQL takes them for such. */
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f ||
			((unsigned char)s[i] == 0xC2 && i + 1 < n &&
				(unsigned char)s[i + 1] < 0xA0))
			return false;
	return true;
}

const char *field_name(const struct field_check *c)
{
	return c->within == NULL ? c->f->name
				 : tg_arena_printf(c->arena, "%s.%s", c->within, c->f->name);
}

static enum tg_rc wrong(const struct field_check *c, const char *why)
{
	enum tg_rc rc = c->f->rc == TG_OK ? TG_E_INVALID : c->f->rc;

	tg_fail(c->err, rc, field_name(c), "%s %s", field_name(c), why);
	return tg_error_set_reason(c->err, c->f->reason != NULL ? c->f->reason : "", rc);
}

/* Not a wrong word but none at all: no code of its own. */
static enum tg_rc no_string(const struct field_check *c)
{
	return tg_fail(c->err, TG_E_INVALID, field_name(c), "%s must be a string", field_name(c));
}

static enum tg_rc wrong_bounds(const struct field_check *c, const char *what)
{
	char why[160];

	snprintf(why, sizeof why, "must be %s %lld to %lld", what, c->f->min, c->f->max);
	return wrong(c, why);
}

static enum tg_rc set(const struct field_check *c, const char *text, size_t len)
{
	c->v->text = text;
	c->v->len = len;
	return TG_OK;
}

static enum tg_rc check_words(const struct field_check *c, const char *s)
{
	struct tg_buf list;

	if (c->f->words == NULL)
		return TG_OK;
	for (const char *const *w = c->f->words; *w != NULL; w++)
		if (strcmp(*w, s) == 0)
			return TG_OK;
	tg_buf_init(&list, c->arena);
	tg_buf_puts(&list, "must be one of");
	for (const char *const *w = c->f->words; *w != NULL; w++)
		tg_buf_printf(&list, "%s %s", w == c->f->words ? "" : ",", *w);
	return wrong(c, list.data);
}

/* Nothing where something must be: the reason is that of a field which is not there, where the row
 * has one. */
static enum tg_rc field_empty(const struct field_check *c)
{
	enum tg_rc rc = wrong(c, "must not be empty");

	return c->f->missing == NULL ? rc : tg_error_set_reason(c->err, c->f->missing, rc);
}

static enum tg_rc check_string(const struct field_check *c, const char *s, size_t n)
{
	size_t length = tg_utf8_length(s, n);
	enum tg_rc rc = check_words(c, s);

	if (rc != TG_OK)
		return rc;
	if (c->f->test != NULL && n == 0 && c->f->missing != NULL)
		return field_empty(c);
	if (c->f->test != NULL && !c->f->test(s, n))
		return wrong(c, c->f->shape);
	if (c->f->words == NULL && c->f->max > 0 &&
		((long long)length < c->f->min || (long long)length > c->f->max))
		return length == 0 ? field_empty(c) : wrong_bounds(c, "a text of");
	return set(c, s, n);
}

static enum tg_rc check_time(const struct field_check *c, const char *s, size_t n)
{
	char *t = tg_time_parse(c->arena, s, n);

	if (t == NULL)
		return wrong(c, "must be an ISO 8601 date and time such as 2024-01-15T10:30:00Z");
	return set(c, t, strlen(t));
}

/* The host of an authority (RFC 3986, 3.2) stands behind the user, where it names one. */
static bool has_host(const char *authority)
{
	size_t n = strcspn(authority, "/?#"), at = 0;

	for (size_t i = 0; i < n; i++)
		if (authority[i] == '@')
			at = i + 1;
	return at < n && authority[at] != ':' && authority[0] != '@';
}

static enum tg_rc check_url(const struct field_check *c, const char *s, size_t n)
{
	static const char *const schemes[] = { "http://", "https://" };
	const char *host = NULL;

	for (size_t i = 0; i < 2; i++)
		if (strncasecmp(s, schemes[i], strlen(schemes[i])) == 0)
			host = s + strlen(schemes[i]);
	if (host == NULL || !has_host(host))
		return wrong(c, "must be an http or https URL with a host");
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f)
			return wrong(c, "must not contain blanks or control characters");
	if ((long long)n > c->f->max)
		return wrong_bounds(c, "a URL of");
	return set(c, s, n);
}

static enum tg_rc check_integer(const struct field_check *c, const char *s)
{
	char *end;
	long long i;

	errno = 0;
	i = strtoll(s, &end, 10);
	if (errno != 0 || *s == '\0' || *end != '\0' || *s == '+' || *s == ' ')
		return wrong(c, "must be an integer");
	if (i > c->f->max && c->f->cut)
		i = c->f->max;
	if (i < c->f->min || i > c->f->max)
		return wrong_bounds(c, "an integer from");
	s = tg_arena_printf(c->arena, "%lld", i);
	return set(c, s, strlen(s));
}

static enum tg_rc check_strings(const struct field_check *c, json_object *array)
{
	size_t n = json_object_array_length(array),
	       most = c->f->item_max > 0 ? (size_t)c->f->item_max : 100;
	struct tg_buf b;

	if (n == 0 && c->f->min > 0)
		return field_empty(c);
	if ((long long)n < c->f->min || (long long)n > c->f->max)
		return wrong_bounds(c, "an array of");
	tg_buf_init(&b, c->arena);
	tg_buf_puts(&b, "{");
	for (size_t i = 0; i < n; i++) {
		json_object *item = json_object_array_get_idx(array, i);
		size_t len, length;
		const char *s;

		if (!json_object_is_type(item, json_type_string))
			return wrong(c, "must hold nothing but strings");
		s = json_object_get_string(item);
		len = (size_t)json_object_get_string_len(item);
		length = tg_utf8_length(s, len);
		if (length < 1 || length > most)
			return wrong(c,
				tg_arena_printf(c->arena,
					"must hold strings of 1 to %zu characters", most));
		if (c->f->test != NULL && !c->f->test(s, len))
			return wrong(
				c, tg_arena_printf(c->arena, "%s; %.64s is none", c->f->shape, s));
		if (i > 0)
			tg_buf_puts(&b, ",");
		tg_buf_array_item(&b, s, len);
	}
	tg_buf_puts(&b, "}");
	return set(c, b.data, b.len);
}

/* Free JSON goes on as it was sent: the scanner has vouched for these bytes. */
static enum tg_rc check_raw(
	const struct field_check *c, const struct tg_json_member *m, const char *text, size_t most)
{
	if (m->len > most)
		return tg_fail_reason(c->err, TG_E_TOOLARGE,
			c->f->reason != NULL ? c->f->reason : "", field_name(c),
			"%s must not be larger than %zu bytes", field_name(c), most);
	return set(c, tg_arena_strndup(c->arena, text + m->start, m->len), m->len);
}

enum tg_rc field_check_json(const struct field_check *c, const struct tg_json_member *m,
	const char *text, struct json_object *value)
{
	const char *s = m->type == 's' ? json_object_get_string(value) : NULL;
	size_t n = m->type == 's' ? (size_t)json_object_get_string_len(value) : 0;

	switch (c->f->type) {
	case TG_STRING:
		return s == NULL ? no_string(c) : check_string(c, s, n);
	case TG_TIME:
		return s == NULL ? no_string(c) : check_time(c, s, n);
	case TG_URL:
		return s == NULL ? no_string(c) : check_url(c, s, n);
	case TG_INTEGER:
		if (!json_object_is_type(value, json_type_int))
			return wrong(c, "must be an integer");
		return check_integer(c, tg_arena_strndup(c->arena, text + m->start, m->len));
	case TG_BOOLEAN:
		if (m->type != 'b')
			return wrong(c, "must be true or false");
		return json_object_get_boolean(value) ? set(c, "t", 1) : set(c, "f", 1);
	case TG_OBJECT:
		return m->type != 'o' ? wrong(c, "must be an object")
				      : check_raw(c, m, text, TG_FREE_OBJECT_MAX);
	case TG_ANY:
		return check_raw(c, m, text, (size_t)c->f->max);
	case TG_STRINGS:
		return m->type != 'a' ? wrong(c, "must be an array") : check_strings(c, value);
	case TG_ARRAY:
		return m->type != 'a' ? wrong(c, "must be an array")
				      : check_raw(c, m, text, (size_t)c->f->max);
	}
	abort();
}

enum tg_rc field_check_text(const struct field_check *c, const char *s)
{
	size_t n = strlen(s);

	switch (c->f->type) {
	case TG_STRING:
		return check_string(c, s, n);
	case TG_INTEGER:
		return check_integer(c, s);
	case TG_TIME:
		return check_time(c, s, n);
	case TG_BOOLEAN:
		if (strcmp(s, "true") == 0 || strcmp(s, "1") == 0)
			return set(c, "t", 1);
		if (strcmp(s, "false") == 0 || strcmp(s, "0") == 0)
			return set(c, "f", 1);
		return wrong(c, "must be true or false");
	case TG_URL:
	case TG_OBJECT:
	case TG_ANY:
	case TG_STRINGS:
	case TG_ARRAY:
		break;
	}
	abort();
}
