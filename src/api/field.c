/* SPDX-License-Identifier: MIT
 * field: checks a request's fields by their rows and turns them into statement parameters. Owns the wording of field errors; promises that what
 * passes fits the column it goes to. It never touches the database. */
#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "taskgate/clock.h"
#include "taskgate/field.h"

struct check {
	const struct tg_field *f;
	struct tg_arena *arena;
	struct tg_value *v;
	struct tg_error *err;
};

static bool all_of(const char *s, size_t n, size_t max, const char *also)
{
	if (n == 0 || n > max)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != '\0' && strchr(also, c) != NULL)))
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
	return all_of(s, n, 64, "_.:-") && ((s[0] >= 'a' && s[0] <= 'z') || (s[0] >= 'A' && s[0] <= 'Z'));
}

bool tg_is_uuid(const char *s, size_t n)
{
	return n == 36 && tg_uuid_valid(s);
}

static enum tg_rc wrong(const struct check *c, const char *why)
{
	enum tg_rc rc = c->f->rc == TG_OK ? TG_E_INVALID : c->f->rc;

	tg_fail(c->err, rc, c->f->name, "%s %s", c->f->name, why);
	return tg_error_set_reason(c->err, c->f->reason != NULL ? c->f->reason : "", rc);
}

/* Not a wrong word but none at all: no code of its own. */
static enum tg_rc no_string(const struct check *c)
{
	return tg_fail(c->err, TG_E_INVALID, c->f->name, "%s must be a string", c->f->name);
}

static enum tg_rc wrong_bounds(const struct check *c, const char *what)
{
	char why[160];

	snprintf(why, sizeof why, "must be %s %lld to %lld", what, c->f->min, c->f->max);
	return wrong(c, why);
}

static enum tg_rc set(const struct check *c, const char *text, size_t len)
{
	c->v->text = text;
	c->v->len = len;
	return TG_OK;
}

static enum tg_rc check_words(const struct check *c, const char *s)
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

static enum tg_rc check_string(const struct check *c, const char *s, size_t n)
{
	size_t length = tg_utf8_length(s, n);
	enum tg_rc rc = check_words(c, s);

	if (rc != TG_OK)
		return rc;
	if (c->f->test != NULL && !c->f->test(s, n))
		return wrong(c, c->f->shape);
	if (c->f->words == NULL && c->f->max > 0 && ((long long)length < c->f->min || (long long)length > c->f->max))
		return length == 0 ? wrong(c, "must not be empty") : wrong_bounds(c, "a text of");
	return set(c, s, n);
}

static enum tg_rc check_time(const struct check *c, const char *s, size_t n)
{
	char *t = tg_time_parse(c->arena, s, n);

	if (t == NULL)
		return wrong(c, "must be an ISO 8601 date and time such as 2024-01-15T10:30:00Z");
	return set(c, t, strlen(t));
}

static enum tg_rc check_url(const struct check *c, const char *s, size_t n)
{
	static const char *const schemes[] = { "http://", "https://" };
	const char *host = NULL;

	for (size_t i = 0; i < 2; i++)
		if (strncasecmp(s, schemes[i], strlen(schemes[i])) == 0)
			host = s + strlen(schemes[i]);
	if (host == NULL || *host == '\0' || strchr("/?#:@", *host) != NULL)
		return wrong(c, "must be an http or https URL with a host");
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f)
			return wrong(c, "must not contain blanks or control characters");
	if ((long long)n > c->f->max)
		return wrong_bounds(c, "a URL of");
	return set(c, s, n);
}

static enum tg_rc check_integer(const struct check *c, const char *s)
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

static enum tg_rc check_strings(const struct check *c, json_object *array)
{
	size_t n = json_object_array_length(array);
	struct tg_buf b;

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
		if (length < 1 || length > 100)
			return wrong(c, "must hold strings of 1 to 100 characters");
		if (i > 0)
			tg_buf_puts(&b, ",");
		tg_buf_array_item(&b, s, len);
	}
	tg_buf_puts(&b, "}");
	return set(c, b.data, b.len);
}

/* Free JSON goes on as it was sent: the scanner has vouched for these bytes. */
static enum tg_rc check_raw(const struct check *c, const struct tg_json_member *m, const char *text, size_t most)
{
	if (m->len > most)
		return tg_fail_reason(c->err, TG_E_TOOLARGE, c->f->reason != NULL ? c->f->reason : "", c->f->name, "%s must not be larger than %zu bytes",
		    c->f->name, most);
	return set(c, tg_arena_strndup(c->arena, text + m->start, m->len), m->len);
}

static enum tg_rc check_member(const struct check *c, const struct tg_json_member *m, const char *text, json_object *value)
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
		return m->type != 'o' ? wrong(c, "must be an object") : check_raw(c, m, text, TG_FREE_OBJECT_MAX);
	case TG_ANY:
		return check_raw(c, m, text, (size_t)c->f->max);
	case TG_STRINGS:
		return m->type != 'a' ? wrong(c, "must be an array") : check_strings(c, value);
	}
	abort();
}

static enum tg_rc check_plain(const struct check *c, const char *s)
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
		break;
	}
	abort();
}

static enum tg_rc default_of(const struct check *c)
{
	if (c->f->required)
		return tg_fail(c->err, TG_E_INVALID, c->f->name, "%s is required", c->f->name);
	return c->f->def == NULL ? TG_OK : set(c, c->f->def, strlen(c->f->def));
}

static enum tg_rc check_outside(const struct check *c, struct tg_request *rq, const char *const *names, const char *const *values, size_t n)
{
	const char *s = NULL;
	bool bad = false;

	if (c->f->place == TG_PATH) {
		for (size_t i = 0; i < n; i++)
			if (strcmp(names[i], c->f->name) == 0)
				s = values[i];
	} else {
		s = tg_request_query(rq, c->f->name, &bad);
	}
	if (bad)
		return wrong(c, "is not properly percent-encoded UTF-8");
	if (s == NULL)
		return default_of(c);
	c->v->given = true;
	return check_plain(c, s);
}

static enum tg_rc scan_body(struct tg_request *rq, unsigned flags, struct tg_json_scan *scan, json_object **root, struct tg_error *err)
{
	struct json_tokener *tokener;

	if (rq->body_len == 0)
		return tg_fail(err, TG_E_INVALID, NULL, "the body is empty; a JSON object is wanted");
	if (!tg_json_scan(rq->arena, rq->body, rq->body_len, flags, scan))
		return tg_fail(err, TG_E_INVALID, NULL, "malformed JSON at byte %zu (line %zu, column %zu): %s", scan->at, scan->line, scan->column, scan->why);
	if (scan->type != 'o')
		return tg_fail(err, TG_E_INVALID, NULL, "the body must be a JSON object");
	tokener = json_tokener_new_ex(2 * TG_JSON_MAX_DEPTH);
	if (tokener == NULL)
		abort();
	*root = json_tokener_parse_ex(tokener, scan->text, (int)rq->body_len);
	json_tokener_free(tokener);
	if (*root == NULL)
		return tg_fail(err, TG_E_INVALID, NULL, "malformed JSON");
	return TG_OK;
}

enum tg_rc tg_fields_check(const struct tg_field *fields, size_t n, struct tg_request *rq, const char *const *path_names,
    const char *const *path_values, size_t n_path, unsigned json_flags, struct tg_value *values, struct tg_error *err)
{
	struct tg_json_scan scan = { 0 };
	json_object *root = NULL;
	bool wants_body = false;
	enum tg_rc rc = TG_OK;

	assert(n <= TG_FIELDS_MAX);
	memset(values, 0, n * sizeof *values);
	for (size_t i = 0; i < n; i++)
		wants_body |= fields[i].place == TG_BODY;
	if (wants_body)
		rc = scan_body(rq, json_flags, &scan, &root, err);
	for (size_t i = 0; rc == TG_OK && i < n; i++) {
		struct check c = { &fields[i], rq->arena, &values[i], err };
		const struct tg_json_member *m;

		if (fields[i].place != TG_BODY) {
			rc = check_outside(&c, rq, path_names, path_values, n_path);
			continue;
		}
		m = tg_json_member(&scan, fields[i].name);
		if (m == NULL || m->type == '0') {
			rc = default_of(&c);
			continue;
		}
		values[i].given = true;
		rc = check_member(&c, m, scan.text, json_object_object_get(root, fields[i].name));
		/* json-c owns its strings only as long as the document lives. */
		if (rc == TG_OK && m->type == 's' && values[i].text != NULL)
			values[i].text = tg_arena_strndup(rq->arena, values[i].text, values[i].len);
	}
	json_object_put(root);
	return rc;
}
