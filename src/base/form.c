/* SPDX-License-Identifier: MIT
 * form: owns the reading and writing of web forms. Promises that what is read is valid UTF-8
 * without NUL, each part decoded once, and that what is written reads back the same. Never looks at
 * what the names mean. */
#include "taskgate/base/form.h"

#include <string.h>

static bool parse_pair(struct tg_arena *arena, const char *s, size_t n, struct tg_form_pair *pair)
{
	const char *equals = memchr(s, '=', n);
	size_t name = equals ? (size_t)(equals - s) : n;

	pair->name = tg_percent_decode(arena, s, name, true);
	pair->value = equals ? tg_percent_decode(arena, equals + 1, n - name - 1, true) : "";
	return pair->name && pair->value;
}

bool tg_form_parse(struct tg_arena *arena, const char *s, size_t len, struct tg_form *form)
{
	const char *end = s + len, *amp;
	size_t n;

	form->pairs = tg_arena_alloc(arena, TG_FORM_MAX * sizeof *form->pairs);
	form->n = 0;
	for (; s < end; s += n + 1) {
		amp = memchr(s, '&', (size_t)(end - s));
		n = amp ? (size_t)(amp - s) : (size_t)(end - s);
		if (n == 0)
			continue;
		if (form->n == TG_FORM_MAX || !parse_pair(arena, s, n, &form->pairs[form->n]))
			return false;
		form->n++;
	}
	return true;
}

const char *tg_form_get(const struct tg_form *form, const char *name)
{
	size_t i;

	for (i = 0; i < form->n; i++)
		if (strcmp(form->pairs[i].name, name) == 0)
			return form->pairs[i].value;
	return NULL;
}

static void put_encoded(struct tg_buf *b, const char *s)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*-._";

	for (; *s; s++) {
		if (strchr(plain, *s))
			tg_buf_put(b, s, 1);
		else if (*s == ' ')
			tg_buf_put(b, "+", 1);
		else
			tg_buf_printf(b, "%%%02X", (unsigned char)*s);
	}
}

void tg_form_put(struct tg_buf *b, const char *name, const char *value)
{
	if (!value)
		return;
	if (b->len)
		tg_buf_put(b, "&", 1);
	put_encoded(b, name);
	tg_buf_put(b, "=", 1);
	put_encoded(b, value);
}
