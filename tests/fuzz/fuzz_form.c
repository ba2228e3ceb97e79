/* SPDX-License-Identifier: MIT
 * Fuzz target: what a form is read as is UTF-8 without NUL and no longer than what was sent;
 * written again it reads back as the same pairs; and a signature over it is valid for it, whatever
 * the order of its pairs, and not for another token. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "taskgate/base/twilio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *s, size_t most)
{
	size_t n = strlen(s);

	assert(n <= most && tg_utf8_valid(s, n));
}

static void check_again(struct tg_arena *arena, const struct tg_form *form)
{
	struct tg_form again;
	struct tg_buf b;
	size_t i;

	tg_buf_init(&b, arena);
	tg_buf_puts(&b, "");
	for (i = 0; i < form->n; i++)
		tg_form_put(&b, form->pairs[i].name, form->pairs[i].value);
	assert(tg_form_parse(arena, b.data, b.len, &again) && again.n == form->n);
	for (i = 0; i < form->n; i++) {
		assert(strcmp(again.pairs[i].name, form->pairs[i].name) == 0 &&
			strcmp(again.pairs[i].value, form->pairs[i].value) == 0);
		assert(tg_form_get(form, form->pairs[i].name) != NULL);
	}
}

static void check_signature(struct tg_arena *arena, const char *url, struct tg_form *form)
{
	const char *right = tg_twilio_signature(arena, "token", url, form);
	size_t i;

	assert(strlen(right) == 28 && tg_twilio_signature_valid(arena, "token", url, form, right));
	assert(!tg_twilio_signature_valid(arena, "other", url, form, right));
	for (i = 0; i < form->n / 2; i++) {
		struct tg_form_pair kept = form->pairs[i];

		form->pairs[i] = form->pairs[form->n - 1 - i];
		form->pairs[form->n - 1 - i] = kept;
	}
	assert(tg_twilio_signature_valid(arena, "token", url, form, right));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tg_arena *arena = tg_arena_new(4096);
	struct tg_form form;
	size_t i;

	if (tg_form_parse(arena, (const char *)data, size, &form)) {
		assert(form.n <= TG_FORM_MAX);
		for (i = 0; i < form.n; i++) {
			check_text(form.pairs[i].name, size);
			check_text(form.pairs[i].value, size);
		}
		check_again(arena, &form);
		check_signature(arena, form.n > 0 ? form.pairs[0].value : "", &form);
	}
	tg_arena_free(arena);
	return 0;
}
