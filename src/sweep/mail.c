/* SPDX-License-Identifier: MIT
 * mail: the lane that hands email to the mail server. At least once, and always under the same
 * Message-ID, so that a reader's program can tell a repeat. A mail counts as sent when the server
 * has said 250 behind its last line, and never before. */
#include <stdlib.h>
#include <string.h>

#include "sweep_internal.h"
#include "taskgate/base/conf.h"

/* A text of one item a line as an array that ends with NULL; NULL gives NULL. */
static const char *const *split(struct tg_arena *a, const char *text, size_t *n)
{
	const char **items;
	size_t count = 1;

	*n = 0;
	if (text == NULL)
		return NULL;
	for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
		count++;
	items = tg_arena_zalloc(a, (count + 1) * sizeof *items);
	for (const char *p = text; *n < count; p += strcspn(p, "\n") + 1)
		items[(*n)++] = tg_arena_strndup(a, p, strcspn(p, "\n"));
	return items;
}

static void take_files(struct tg_arena *a, struct tg_mail *m, struct tg_rows rows, int row)
{
	size_t n;
	const char *const *names = split(a, tg_rows_get(rows, row, "names"), &n);
	const char *const *types = split(a, tg_rows_get(rows, row, "types"), &n);
	const char *hex = tg_rows_get(rows, row, "contents");
	struct tg_mail_file *files = tg_arena_zalloc(a, n * sizeof *files);

	for (size_t i = 0; i < n; i++) {
		size_t digits = strcspn(hex, "\n");
		uint8_t *bytes = tg_arena_alloc(a, digits / 2);

		if (!tg_unhex(bytes, hex, digits / 2))
			abort();
		files[i] = (struct tg_mail_file){
			.name = names[i], .type = types[i], .data = bytes, .len = digits / 2
		};
		hex += digits + 1;
	}
	m->files = files;
	m->n_files = n;
}

static enum tg_out_tls tls(void)
{
	const char *word = tg_conf_text(TG_CONF_SMTP_STARTTLS);

	return strcmp(word, "always") == 0   ? TG_TLS_ALWAYS
		: strcmp(word, "never") == 0 ? TG_TLS_NEVER
					     : TG_TLS_AUTO;
}

static const char *text_of(struct tg_arena *a, struct tg_rows rows, int row, const char *column)
{
	return tg_arena_strdup(a, tg_rows_get(rows, row, column));
}

static struct tg_mail *compose(struct sweep_job *j, struct tg_rows rows, int row, const char *from)
{
	struct tg_arena *a = j->transfer->arena;
	struct tg_mail *m = tg_arena_zalloc(a, sizeof *m);
	size_t n;

	m->from = tg_arena_strdup(a, from);
	m->message_id = tg_arena_printf(a, "%s@%s", j->id, strchr(from, '@') + 1);
	m->date = tg_rows_int(rows, row, "written");
	m->from_name = text_of(a, rows, row, "sender_name");
	m->reply_to = text_of(a, rows, row, "reply_to");
	m->subject = text_of(a, rows, row, "subject");
	m->text = text_of(a, rows, row, "text");
	m->html = text_of(a, rows, row, "html");
	m->to = split(a, tg_rows_get(rows, row, "recipients"), &n);
	m->cc = split(a, tg_rows_get(rows, row, "cc"), &n);
	m->bcc = split(a, tg_rows_get(rows, row, "bcc"), &n);
	m->headers = split(a, tg_rows_get(rows, row, "headers"), &n);
	m->tls = tls();
	take_files(a, m, rows, row);
	return m;
}

const char *sweep_mail_prepare(struct sweep *s, struct sweep_job *j, struct tg_rows rows, int row)
{
	const char *from = tg_rows_get(rows, row, "sender");
	struct tg_transfer *t = j->transfer;

	(void)s;
	if (from == NULL)
		from = tg_conf_text(TG_CONF_SMTP_FROM);
	if (tg_conf_text(TG_CONF_SMTP_URL)[0] == '\0' || strchr(from, '@') == NULL)
		return sweep_need(j,
			tg_conf_text(TG_CONF_SMTP_URL)[0] == '\0' ? TG_CONF_SMTP_URL
								  : TG_CONF_SMTP_FROM);
	t->url = tg_conf_text(TG_CONF_SMTP_URL);
	t->mail = compose(j, rows, row, from);
	return NULL;
}

void sweep_mail_judge(struct sweep *s, struct sweep_job *j)
{
	const struct tg_transfer *t = j->transfer;
	const char *outcome = "fail";

	switch (t->result) {
	case TG_OUT_ANSWERED:
		/* RFC 5321 4.2.1: 4yz may go well later, 5yz will not. A wrong password (RFC 4954)
		 * is the operator's to mend, so it is tried again. */
		if (t->status >= 200 && t->status < 300)
			outcome = "sent";
		else if (t->status >= 500 && t->status != 530 && t->status != 534 &&
			t->status != 535 && t->status != 538)
			outcome = "refuse";
		break;
	case TG_OUT_UNSENT:
		outcome = "unsent";
		break;
	case TG_OUT_REFUSED:
	case TG_OUT_TOO_LARGE:
	case TG_OUT_LOST:
	case TG_OUT_TIMEOUT:
		break;
	}
	sweep_job_done(s, j, outcome, t->why[0] != '\0' ? t->why : NULL);
}
