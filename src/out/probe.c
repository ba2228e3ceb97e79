/* SPDX-License-Identifier: MIT
 * probe: is there anything at a URL that a caller named? One GET behind the guard, of which no more
 * than the first byte is read. Promises to end within its time, resolving and connecting included.
 * It never follows a redirect, never says what is there, and keeps no connection. */
#include <curl/curl.h>
#include <stdlib.h>

#include "taskgate/out/out.h"

static const char *judge(const struct tg_transfer *t, struct tg_arena *a)
{
	/* TOO_LARGE: the status came, and more than one byte behind it. */
	if (t->result != TG_OUT_ANSWERED && t->result != TG_OUT_TOO_LARGE)
		return tg_arena_strdup(a, t->why);
	return t->status < 400 ? NULL : tg_arena_printf(a, "it answers %d", t->status);
}

const char *tg_out_probe(struct tg_out *o, struct tg_arena *a, const char *url, int timeout_ms)
{
	struct tg_transfer *t = tg_out_take(o), *ended;
	const char *why;

	if (t == NULL)
		abort();
	t->url = url;
	t->method = TG_OUT_GET;
	t->timeout_ms = timeout_ms;
	t->answer_max = 1;
	t->trusted = false;
	tg_out_start(o, t);
	/* A worker asks seldom, and never the same server twice in a row. */
	if (curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L) != CURLE_OK)
		abort();
	tg_out_perform(o);
	while ((ended = tg_out_ended(o)) == NULL) {
		tg_out_wait(o, NULL, 0, timeout_ms);
		tg_out_perform(o);
	}
	why = judge(ended, a);
	tg_out_put(o, ended);
	return why;
}
