/* SPDX-License-Identifier: MIT
 * mail: builds the message of a mail: its fields and its parts (RFC 5322, 2045, 2046), through
 * curl_mime. Promises that blind copies stand in no field. It never opens a file, never copies an
 * attachment, and knows nothing of the server that the message goes to. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "out_internal.h"
#include "taskgate/out/mime.h"

/* What a part is read from: curl_mime_data() would copy it. */
struct source {
	const char *data;
	size_t len, at;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static size_t read_source(char *to, size_t size, size_t n, void *user)
{
	struct source *s = user;

	n *= size;
	if (n > s->len - s->at)
		n = s->len - s->at;
	if (n > 0)
		memcpy(to, s->data + s->at, n);
	s->at += n;
	return n;
}

static int seek_source(void *user, curl_off_t offset, int origin)
{
	struct source *s = user;

	if (origin != SEEK_SET || offset < 0 || (size_t)offset > s->len)
		return CURL_SEEKFUNC_FAIL;
	s->at = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

bool out_is_line(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7F)
			return false;
	return true;
}

static curl_mime *new_mime(CURL *e)
{
	curl_mime *m = curl_mime_init(e);

	must(m != NULL);
	return m;
}

static curl_mimepart *add_part(curl_mime *m, const char *type)
{
	curl_mimepart *p = curl_mime_addpart(m);

	assert(out_is_line(type));
	must(p != NULL && curl_mime_type(p, type) == CURLE_OK);
	return p;
}

static void set_data(
	struct tg_transfer *t, curl_mimepart *p, const void *data, size_t len, const char *encoder)
{
	struct source *s = tg_arena_zalloc(t->arena, sizeof *s);

	s->data = data;
	s->len = len;
	must(curl_mime_data_cb(p, (curl_off_t)len, read_source, seek_source, NULL, s) == CURLE_OK &&
		curl_mime_encoder(p, encoder) == CURLE_OK);
}

static void add_text(struct tg_transfer *t, curl_mime *m, const char *type, const char *text)
{
	const char *lines = tg_mime_lines(t->arena, text);

	set_data(t, add_part(m, type), lines, strlen(lines), "quoted-printable");
}

/* The last one is what a reader should show (RFC 2046, 5.1.4). */
static void add_texts(struct tg_transfer *t, curl_mime *m)
{
	if (t->mail->text != NULL || t->mail->html == NULL)
		add_text(t, m, "text/plain; charset=utf-8",
			t->mail->text != NULL ? t->mail->text : "");
	if (t->mail->html != NULL)
		add_text(t, m, "text/html; charset=utf-8", t->mail->html);
}

/* RFC 2045, 6.4: base64 is forbidden for composite types, whose parts a reader would look for. */
static const char *safe_type(const char *type)
{
	return strncasecmp(type, "multipart/", 10) == 0 || strncasecmp(type, "message/", 8) == 0
		? "application/octet-stream"
		: type;
}

static void add_file(struct tg_transfer *t, curl_mime *m, const struct tg_mail_file *f)
{
	curl_mimepart *p = add_part(m, safe_type(f->type));
	struct curl_slist *headers =
		curl_slist_append(NULL, tg_mime_disposition(t->arena, f->name));

	must(headers != NULL && curl_mime_headers(p, headers, 1) == CURLE_OK);
	set_data(t, p, f->data, f->len, "base64");
}

static bool has_two_texts(const struct tg_mail *m)
{
	return m->text != NULL && m->html != NULL;
}

/* multipart/mixed [ multipart/alternative [ text, html ], files ], or of these what there is. The
 * outermost is a multipart in any case: libcurl makes no other. */
static curl_mime *build_parts(struct tg_transfer *t, CURL *e)
{
	curl_mime *root = new_mime(e);

	if (t->mail->n_files > 0 && has_two_texts(t->mail)) {
		curl_mime *texts = new_mime(e);
		curl_mimepart *p = add_part(root, "multipart/alternative");

		must(curl_mime_subparts(p, texts) == CURLE_OK);
		add_texts(t, texts);
	} else {
		add_texts(t, root);
	}
	for (size_t i = 0; i < t->mail->n_files; i++)
		add_file(t, root, &t->mail->files[i]);
	return root;
}

void out_mail_build(struct tg_transfer *t, struct out_sending *sending)
{
	const struct tg_mail *m = t->mail;

	for (const char *const *l = tg_mime_header(t->arena, m); *l != NULL; l++)
		out_add(&t->lines, *l);
	/* libcurl adds the boundary to it. */
	if (m->n_files == 0 && has_two_texts(m))
		out_add(&t->lines, "Content-Type: multipart/alternative");
	sending->mime = build_parts(t, sending->easy);
}
