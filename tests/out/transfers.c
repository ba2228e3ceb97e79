/* SPDX-License-Identifier: MIT
 * transfers: a program for tests: takes a list of transfers as JSON on standard input, runs them
 * one after the other through one pool, or all at once, and prints how each ended. A name that it
 * does not know ends it, so that a test cannot misspell one. */
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "taskgate/base/clock.h"
#include "taskgate/out/out.h"

static struct tg_guard nothing_allowed;

static void die(const char *what, const char *name)
{
	fprintf(stderr, "transfers: %s: %s\n", what, name);
	exit(64);
}

static const char *text(json_object *value)
{
	return value == NULL ? NULL : json_object_get_string(value);
}

static const char *const *list(struct tg_arena *a, json_object *array)
{
	size_t n = array == NULL ? 0 : json_object_array_length(array);
	const char **items = tg_arena_zalloc(a, (n + 1) * sizeof *items);

	for (size_t i = 0; i < n; i++)
		items[i] = text(json_object_array_get_idx(array, i));
	return items;
}

static void take_files(struct tg_arena *a, struct tg_mail *m, json_object *array)
{
	struct tg_mail_file *files =
		tg_arena_zalloc(a, json_object_array_length(array) * sizeof *files);

	for (size_t i = 0; i < json_object_array_length(array); i++) {
		json_object *f = json_object_array_get_idx(array, i),
			    *content = json_object_object_get(f, "base64");

		files[i].name = text(json_object_object_get(f, "name"));
		files[i].type = text(json_object_object_get(f, "type"));
		files[i].data = tg_unbase64(a, text(content),
			(size_t)json_object_get_string_len(content), &files[i].len);
		if (files[i].data == NULL)
			die("not base64", files[i].name);
	}
	m->files = files;
	m->n_files = json_object_array_length(array);
}

static enum tg_out_tls tls(const char *word)
{
	return strcmp(word, "always") == 0   ? TG_TLS_ALWAYS
		: strcmp(word, "never") == 0 ? TG_TLS_NEVER
					     : TG_TLS_AUTO;
}

static const char **text_member(struct tg_mail *m, const char *name)
{
	const struct {
		const char *name, **member;
	} texts[] = { { "message_id", &m->message_id }, { "from", &m->from },
		{ "from_name", &m->from_name }, { "reply_to", &m->reply_to },
		{ "subject", &m->subject }, { "text", &m->text }, { "html", &m->html } };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (strcmp(texts[i].name, name) == 0)
			return texts[i].member;
	return NULL;
}

static const char *const **list_member(struct tg_mail *m, const char *name)
{
	const struct {
		const char *name;
		const char *const **member;
	} lists[] = { { "to", &m->to }, { "cc", &m->cc }, { "bcc", &m->bcc },
		{ "headers", &m->headers } };

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (strcmp(lists[i].name, name) == 0)
			return lists[i].member;
	return NULL;
}

static struct tg_mail *mail(struct tg_arena *a, json_object *o)
{
	struct tg_mail *m = tg_arena_zalloc(a, sizeof *m);

	json_object_object_foreach(o, name, value)
	{
		if (text_member(m, name) != NULL)
			*text_member(m, name) = text(value);
		else if (list_member(m, name) != NULL)
			*list_member(m, name) = list(a, value);
		else if (strcmp(name, "date") == 0)
			m->date = json_object_get_int64(value);
		else if (strcmp(name, "files") == 0)
			take_files(a, m, value);
		else if (strcmp(name, "tls") == 0)
			m->tls = tls(text(value));
		else
			die("no member of a mail", name);
	}
	return m;
}

static void start(struct tg_out *out, json_object *o)
{
	struct tg_transfer *t = tg_out_take(out);

	t->user = o;
	t->timeout_ms = 10000;
	t->answer_max = 65536;
	t->trusted = true;
	json_object_object_foreach(o, name, value)
	{
		if (strcmp(name, "url") == 0)
			t->url = text(value);
		else if (strcmp(name, "body") == 0)
			t->body = text(value),
			t->body_len = (size_t)json_object_get_string_len(value);
		else if (strcmp(name, "timeout_ms") == 0)
			t->timeout_ms = json_object_get_int64(value);
		else if (strcmp(name, "trusted") == 0)
			t->trusted = json_object_get_boolean(value);
		else if (strcmp(name, "mail") == 0)
			t->mail = mail(t->arena, value);
		else
			die("no member of a transfer", name);
	}
	tg_out_start(out, t);
}

/* Prints the next one that ends, after what the test called it. */
static void finish(struct tg_out *out)
{
	static const char *const words[] = { [TG_OUT_ANSWERED] = "answered",
		[TG_OUT_UNSENT] = "unsent",
		[TG_OUT_LOST] = "lost",
		[TG_OUT_TIMEOUT] = "timeout",
		[TG_OUT_REFUSED] = "refused",
		[TG_OUT_TOO_LARGE] = "too_large" };
	json_object *o = json_object_new_object();
	struct tg_transfer *t;

	while ((t = tg_out_ended(out)) == NULL) {
		tg_out_perform(out);
		tg_out_wait(out, NULL, 0, 50);
	}
	json_object_object_add(o, "url", json_object_new_string(t->url));
	json_object_object_add(o, "result", json_object_new_string(words[t->result]));
	json_object_object_add(o, "status", json_object_new_int(t->status));
	json_object_object_add(o, "retry_after", json_object_new_int(t->retry_after));
	json_object_object_add(o, "why", json_object_new_string(t->why));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	fflush(stdout);
	json_object_put(o);
	tg_out_put(out, t);
}

static json_object *read_all(void)
{
	struct tg_arena *a = tg_arena_new(65536);
	struct tg_buf in;
	char piece[65536];
	json_object *o;
	size_t n;

	tg_buf_init(&in, a);
	tg_buf_puts(&in, "");
	while ((n = fread(piece, 1, sizeof piece, stdin)) > 0)
		tg_buf_put(&in, piece, n);
	o = json_tokener_parse(in.data);
	if (!json_object_is_type(o, json_type_array))
		die("standard input", "not a list");
	tg_arena_free(a);
	return o;
}

/* transfers together|one_by_one [CA-FILE [PROXY]] */
int main(int argc, char **argv)
{
	json_object *all = read_all();
	int n = (int)json_object_array_length(all);
	bool together = argc > 1 && strcmp(argv[1], "together") == 0;
	struct tg_out_options o = { .pool = together ? n : 1,
		.running = together ? n : 1,
		.agent = "taskgate/test",
		.guard = &nothing_allowed,
		.ca_file = argc > 2 ? argv[2] : NULL,
		.proxy = argc > 3 ? argv[3] : "" };
	struct tg_out *out;

	signal(SIGPIPE, SIG_IGN);
	out = tg_out_new(&o);
	for (int i = 0; i < n; i++) {
		start(out, json_object_array_get_idx(all, (size_t)i));
		if (!together)
			finish(out);
	}
	for (int i = 0; together && i < n; i++)
		finish(out);
	tg_out_free(out);
	json_object_put(all);
	return 0;
}
