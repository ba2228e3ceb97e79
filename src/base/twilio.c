/* SPDX-License-Identifier: MIT
 * twilio: owns the making and checking of Twilio's signatures. Of a name that comes more than once
 * each different value counts once, as Twilio's own library has it. Never says how far a wrong
 * signature was right. */
#include "taskgate/base/twilio.h"

#include <stdlib.h>
#include <string.h>

#include "taskgate/base/digest.h"

static int by_name_and_value(const void *a, const void *b)
{
	const struct tg_form_pair *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->value, y->value);
}

static void put_sorted(struct tg_buf *text, struct tg_arena *arena, const struct tg_form *form)
{
	struct tg_form_pair *sorted = tg_arena_alloc(arena, form->n * sizeof *sorted);
	size_t i;

	if (form->n)
		memcpy(sorted, form->pairs, form->n * sizeof *sorted);
	qsort(sorted, form->n, sizeof *sorted, by_name_and_value);
	for (i = 0; i < form->n; i++) {
		if (i && by_name_and_value(&sorted[i - 1], &sorted[i]) == 0)
			continue;
		tg_buf_puts(text, sorted[i].name);
		tg_buf_puts(text, sorted[i].value);
	}
}

char *tg_twilio_signature(
	struct tg_arena *arena, const char *auth_token, const char *url, const struct tg_form *form)
{
	uint8_t digest[TG_SHA1_SIZE];
	struct tg_buf text;

	tg_buf_init(&text, arena);
	tg_buf_puts(&text, url);
	if (form)
		put_sorted(&text, arena, form);
	tg_hmac_sha1(digest, auth_token, strlen(auth_token), text.data, text.len);
	return tg_base64(arena, digest, sizeof digest);
}

/* The same address without its port, or, where it has none, with its scheme's. */
static const char *with_other_port(struct tg_arena *arena, const char *url)
{
	const char *scheme = strstr(url, "://"), *host = scheme ? scheme + 3 : url,
		   *end = host + strcspn(host, "/?#"), *p = end;

	while (p > host && strchr(":]@", p[-1]) == NULL)
		p--;
	if (p > host && p[-1] == ':')
		return tg_arena_printf(arena, "%.*s%s", (int)(p - 1 - url), url, end);
	return tg_arena_printf(arena, "%.*s%s%s", (int)(end - url), url,
		strncasecmp(url, "https:", 6) == 0 ? ":443" : ":80", end);
}

static bool is_same(const char *right, const char *given)
{
	size_t i, n = strlen(right);
	unsigned char wrong = 0;

	if (strlen(given) != n)
		return false;
	for (i = 0; i < n; i++)
		wrong |= (unsigned char)(right[i] ^ given[i]);
	return wrong == 0;
}

/* Some of what Twilio sends is signed for the address with its port and some without it; its own
 * library takes both. */
bool tg_twilio_signature_valid(struct tg_arena *arena, const char *auth_token, const char *url,
	const struct tg_form *form, const char *given)
{
	const char *other = with_other_port(arena, url);

	if (!given)
		return false;
	return is_same(tg_twilio_signature(arena, auth_token, url, form), given) ||
		is_same(tg_twilio_signature(arena, auth_token, other, form), given);
}
