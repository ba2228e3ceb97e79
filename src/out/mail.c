/* SPDX-License-Identifier: MIT
 * mail: the SMTP half of a transfer: envelope, message and verdict. libcurl speaks SMTP and builds the MIME parts (boundaries, base64, quoted-printable, dot-stuffing); the
 * header fields are mime.c's. Promises that a mail goes to all its recipients or to none, and that "unsent" means that no byte of the message has left. The connection stays
 * open for the next mail to the same server. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "taskgate/mime.h"
#include "transfer.h"

/* Each reply line of the server. The last one is kept, but a refusal stays: libcurl says goodbye after it, and the server answers that too. */
static size_t on_reply(char *line, size_t size, size_t n, void *user)
{
	struct tg_transfer *t = user;
	size_t len = size * n;

	if (t->why[0] == '4' || t->why[0] == '5')
		return size * n;
	while (len > 0 && isspace((unsigned char)line[len - 1]))
		len--;
	if (len >= sizeof t->why)
		len = sizeof t->why - 1;
	for (size_t i = 0; i < len; i++)
		t->why[i] = (unsigned char)line[i] < ' ' || line[i] == 0x7f ? '?' : line[i];
	t->why[len] = '\0';
	return size * n;
}

static size_t drop(char *data, size_t size, size_t n, void *user)
{
	(void)data, (void)user;
	return size * n;
}

static CURL *smtp_new(struct tg_transfer *t)
{
	const struct tg_out_options *o = &t->out->opt;
	CURL *e = curl_easy_init();
	bool ok = e != NULL;

	ok = ok && curl_easy_setopt(e, CURLOPT_PRIVATE, (void *)t) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "smtp,smtps") == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_reply) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_HEADERDATA, (void *)t) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, drop) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->words) == CURLE_OK;
	ok = ok && (o->ca_file == NULL || o->ca_file[0] == '\0' || curl_easy_setopt(e, CURLOPT_CAINFO, o->ca_file) == CURLE_OK);
	ok = ok && transfer_leaves_resolver(e);
	if (!ok)
		abort();
	return e;
}

static curl_mimepart *add_part(curl_mime *mime, const char *type, const char *encoder, const void *data, size_t len)
{
	curl_mimepart *part = curl_mime_addpart(mime);

	if (part == NULL || curl_mime_type(part, type) != CURLE_OK || curl_mime_encoder(part, encoder) != CURLE_OK || curl_mime_data(part, data, len) != CURLE_OK)
		abort();
	return part;
}

static void add_text(struct tg_transfer *t, curl_mime *mime, const char *type, const char *text)
{
	const char *lines = tg_mime_lines(t->arena, text);

	add_part(mime, type, "quoted-printable", lines, strlen(lines));
}

/* The reader's program shows the last one of the alternatives that it can. */
static void add_texts(struct tg_transfer *t, curl_mime *mime)
{
	curl_mime *into = mime;

	if (t->mail->text != NULL && t->mail->html != NULL) {
		curl_mimepart *both = curl_mime_addpart(mime);

		into = curl_mime_init(t->smtp);
		if (both == NULL || into == NULL || curl_mime_subparts(both, into) != CURLE_OK || curl_mime_type(both, "multipart/alternative") != CURLE_OK)
			abort();
	}
	if (t->mail->text != NULL || t->mail->html == NULL)
		add_text(t, into, "text/plain; charset=utf-8", t->mail->text != NULL ? t->mail->text : "");
	if (t->mail->html != NULL)
		add_text(t, into, "text/html; charset=utf-8", t->mail->html);
}

static void add_file(struct tg_transfer *t, curl_mime *mime, const struct tg_mail_file *file)
{
	curl_mimepart *part = add_part(mime, file->type, "base64", file->data, file->len);
	void *lines = NULL;

	transfer_line(&lines, tg_mime_disposition(t->arena, file->name));
	if (curl_mime_headers(part, lines, 1) != CURLE_OK)
		abort();
}

static void compose(struct tg_transfer *t)
{
	curl_mime *mime = curl_mime_init(t->smtp);

	if (mime == NULL)
		abort();
	add_texts(t, mime);
	for (size_t i = 0; i < t->mail->n_files; i++)
		add_file(t, mime, &t->mail->files[i]);
	t->mime = mime;
	for (const char *const *l = tg_mime_header(t->arena, t->mail); *l != NULL; l++)
		transfer_line(&t->lines, *l);
}

static void add_recipients(struct tg_transfer *t)
{
	const char *const *const lists[] = { t->mail->to, t->mail->cc, t->mail->bcc };

	for (size_t i = 0; i < 3; i++)
		for (const char *const *r = lists[i]; r != NULL && *r != NULL; r++)
			transfer_line(&t->recipients, *r);
}

static long tls_of(const struct tg_transfer *t)
{
	if (t->mail->tls == TG_TLS_NEVER)
		return CURLUSESSL_NONE;
	return t->mail->tls == TG_TLS_ALWAYS || strchr(t->url, '@') != NULL ? CURLUSESSL_ALL : CURLUSESSL_TRY;
}

static void forget(struct tg_transfer *t)
{
	curl_mime_free(t->mime);
	curl_slist_free_all(t->recipients);
	t->mime = t->recipients = NULL;
}

CURL *mail_start(struct tg_out *o, struct tg_transfer *t)
{
	(void)o;
	if (t->smtp == NULL)
		t->smtp = smtp_new(t);
	compose(t);
	add_recipients(t);
	curl_easy_setopt(t->smtp, CURLOPT_URL, t->url);
	curl_easy_setopt(t->smtp, CURLOPT_USE_SSL, tls_of(t));
	curl_easy_setopt(t->smtp, CURLOPT_MAIL_FROM, t->mail->from);
	curl_easy_setopt(t->smtp, CURLOPT_MAIL_RCPT, t->recipients);
	curl_easy_setopt(t->smtp, CURLOPT_HTTPHEADER, t->lines);
	curl_easy_setopt(t->smtp, CURLOPT_MIMEPOST, t->mime);
	return t->smtp;
}

void mail_end(struct tg_transfer *t, CURLcode code)
{
	curl_off_t uploaded = 0;
	long status = 0;

	curl_easy_getinfo(t->smtp, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(t->smtp, CURLINFO_SIZE_UPLOAD_T, &uploaded);
	curl_easy_setopt(t->smtp, CURLOPT_MIMEPOST, NULL);
	curl_easy_setopt(t->smtp, CURLOPT_MAIL_RCPT, NULL);
	forget(t);
	t->status = (int)status;
	if (code == CURLE_OK || status >= 400) {
		t->result = TG_OUT_ANSWERED;
		if (code == CURLE_OK)
			t->status = 250;
		return;
	}
	t->status = 0;
	snprintf(t->why, sizeof t->why, "%s", t->words[0] != '\0' ? t->words : curl_easy_strerror(code));
	t->result = uploaded == 0 ? TG_OUT_UNSENT : code == CURLE_OPERATION_TIMEDOUT ? TG_OUT_TIMEOUT : TG_OUT_LOST;
}

void mail_free(struct tg_out *o, struct tg_transfer *t)
{
	if (t->smtp != NULL) {
		curl_multi_remove_handle(o->multi, t->smtp);
		curl_easy_cleanup(t->smtp);
	}
	forget(t);
}
