/* SPDX-License-Identifier: MIT
 * fields: takes the fields of a request from its path, query, form or body, one by one, in the
 * order of their rows. Promises that the first one at fault is told with its place in the body, and
 * that what it gives outlives json-c's document. What a value must be is for field.c. */
#include <assert.h>
#include <json-c/json.h>
#include <string.h>

#include "field_internal.h"

static enum tg_rc default_of(const struct field_check *c)
{
	if (c->f->required)
		return tg_error_set_reason(c->err, c->f->missing != NULL ? c->f->missing : "",
			tg_fail(c->err, TG_E_INVALID, field_name(c), "%s is required",
				field_name(c)));
	c->v->text = c->f->def;
	c->v->len = c->f->def == NULL ? 0 : strlen(c->f->def);
	return TG_OK;
}

static enum tg_rc check_outside(const struct field_check *c, struct tg_request *rq,
	const char *const *names, const char *const *values, size_t n)
{
	const char *s = NULL;
	bool bad = false;

	if (c->f->place == TG_PATH) {
		for (size_t i = 0; i < n; i++)
			if (strcmp(names[i], c->f->name) == 0)
				s = values[i];
	} else if (c->f->place == TG_FORM) {
		s = tg_form_get(&rq->form, c->f->name);
	} else {
		s = tg_request_query(rq, c->f->name, &bad);
	}
	if (bad)
		return tg_fail(c->err, TG_E_INVALID, c->f->name,
			"%s is not properly percent-encoded UTF-8", c->f->name);
	if (s == NULL)
		return default_of(c);
	c->v->given = true;
	return field_check_text(c, s);
}

/* text is an object that the scanner has vouched for. */
static json_object *parse(const char *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(2 * TG_JSON_MAX_DEPTH);
	json_object *root;

	if (tokener == NULL)
		abort();
	root = json_tokener_parse_ex(tokener, text, (int)len);
	json_tokener_free(tokener);
	if (root == NULL)
		abort();
	return root;
}

static enum tg_rc check_member(
	const struct field_check *c, const struct tg_json_scan *scan, json_object *root)
{
	const struct tg_json_member *m = tg_json_member(scan, c->f->name);
	enum tg_rc rc;

	if (m == NULL || m->type == '0')
		return default_of(c);
	c->v->given = true;
	rc = field_check_json(c, m, scan->text, json_object_object_get(root, c->f->name));
	/* json-c owns its strings only as long as the document lives. */
	if (rc == TG_OK && m->type == 's' && c->v->text != NULL)
		c->v->text = tg_arena_strndup(c->arena, c->v->text, c->v->len);
	return rc;
}

static enum tg_rc scan_body(
	struct tg_request *rq, unsigned flags, struct tg_json_scan *scan, struct tg_error *err)
{
	if (rq->body_len == 0)
		return tg_fail(
			err, TG_E_INVALID, NULL, "the body is empty; a JSON object is wanted");
	if (!tg_json_scan(rq->arena, rq->body, rq->body_len, flags, scan))
		return tg_fail(err, TG_E_INVALID, NULL,
			"malformed JSON at byte %zu (line %zu, column %zu): %s", scan->at,
			scan->line, scan->column, scan->why);
	if (scan->type != 'o')
		return tg_fail(err, TG_E_INVALID, NULL, "the body must be a JSON object");
	return TG_OK;
}

enum tg_rc tg_fields_check(const struct tg_field *fields, size_t n, struct tg_request *rq,
	const char *const *path_names, const char *const *path_values, size_t n_path,
	unsigned json_flags, struct tg_value *values, struct tg_error *err)
{
	struct tg_json_scan scan = { 0 };
	json_object *root = NULL;
	bool wants_body = false;
	enum tg_rc rc = TG_OK;

	assert(n <= TG_FIELDS_MAX);
	memset(values, 0, n * sizeof *values);
	for (size_t i = 0; i < n; i++)
		wants_body |= fields[i].place == TG_BODY;
	if (wants_body && (rc = scan_body(rq, json_flags, &scan, err)) == TG_OK)
		root = parse(scan.text, rq->body_len);
	for (size_t i = 0; rc == TG_OK && i < n; i++) {
		struct field_check c = { &fields[i], NULL, rq->arena, &values[i], err };

		if (fields[i].place == TG_BODY)
			rc = check_member(&c, &scan, root);
		else
			rc = check_outside(&c, rq, path_names, path_values, n_path);
	}
	json_object_put(root);
	return rc;
}

enum tg_rc tg_fields_object(const struct tg_field *fields, size_t n, struct tg_arena *arena,
	const char *text, size_t len, const char *within, struct tg_value *values,
	struct tg_error *err)
{
	struct tg_json_scan scan;
	json_object *root;
	enum tg_rc rc = TG_OK;

	memset(values, 0, n * sizeof *values);
	if (!tg_json_scan(arena, text, len, TG_JSON_STRICT, &scan) || scan.type != 'o')
		return tg_fail(err, TG_E_INVALID, within, "%s must be an object", within);
	root = parse(text, len);
	for (size_t i = 0; rc == TG_OK && i < n; i++)
		rc = check_member(
			&(struct field_check){ &fields[i], within, arena, &values[i], err }, &scan,
			root);
	json_object_put(root);
	return rc;
}

enum tg_rc tg_fields_items(const struct tg_field *fields, size_t n, struct tg_arena *arena,
	const char *text, size_t len, const char *within, size_t most, struct tg_value **values,
	size_t *count, struct tg_error *err)
{
	struct tg_json_scan scan;
	enum tg_rc rc = TG_OK;

	if (!tg_json_scan(arena, text, len, TG_JSON_STRICT, &scan) || scan.type != 'a' ||
		scan.n > most)
		return tg_fail(err, TG_E_INVALID, within,
			"%s must be an array of at most %zu objects", within, most);
	*count = scan.n;
	*values = tg_arena_zalloc(arena, scan.n * n * sizeof **values);
	for (size_t i = 0; rc == TG_OK && i < scan.n; i++)
		rc = tg_fields_object(fields, n, arena, text + scan.members[i].start,
			scan.members[i].len, tg_arena_printf(arena, "%s[%zu]", within, i),
			*values + i * n, err);
	return rc;
}
