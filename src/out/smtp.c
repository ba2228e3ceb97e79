/* SPDX-License-Identifier: MIT
 * smtp: sends mails (RFC 5321), each in a thread of its own, because libcurl waits for the reply to
 * a message and to QUIT within one call: in the multi handle one silent mail server would hold up
 * all transfers. Promises that a mail is taken for all of its recipients or for none, that a thread
 * ends about a second after its mail's time, and that a connection is used again. A transfer is its
 * thread's alone until it has ended. */
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "out_internal.h"
#include "taskgate/base/clock.h"

/* What libcurl needs to notice its own timeout. */
#define GRACE_MS 50

static void add_recipients(const struct tg_transfer *t, struct out_sending *sending)
{
	const char *const *const lists[] = { t->mail->to, t->mail->cc, t->mail->bcc };

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		for (const char *const *r = lists[i]; r != NULL && *r != NULL; r++) {
			assert(out_is_line(*r));
			out_add(&sending->recipients, *r);
		}
}

static bool has_credentials(const char *url)
{
	CURLU *u = curl_url();
	char *user = NULL;
	bool has;

	if (u == NULL)
		abort();
	has = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK;
	curl_free(user);
	curl_url_cleanup(u);
	return has;
}

static long use_ssl(const struct tg_transfer *t)
{
	switch (t->mail->tls) {
	case TG_TLS_ALWAYS:
		return CURLUSESSL_ALL;
	case TG_TLS_NEVER:
		return CURLUSESSL_NONE;
	case TG_TLS_AUTO:
		break;
	}
	return has_credentials(t->url) ? CURLUSESSL_ALL : CURLUSESSL_TRY;
}

/* libcurl asks at least once a second, also while it waits for a reply to QUIT, which
 * CURLOPT_TIMEOUT_MS does not end. */
static int on_progress(
	void *user, curl_off_t down, curl_off_t downloaded, curl_off_t up, curl_off_t uploaded)
{
	const struct tg_transfer *t = user;
	const struct out_sending *sending = t->sending;

	(void)down, (void)downloaded, (void)up, (void)uploaded;
	return sending != NULL &&
		(atomic_load(&t->out->smtp.stop) ||
			tg_clock_ms() > sending->deadline_ms + GRACE_MS);
}

/* A handle keeps its connection, so the one that was used last is used next. */
static CURL *take_handle(struct tg_out *o)
{
	CURL *e;
	bool ok = true;

	if (o->smtp.n_idle > 0)
		return o->smtp.idle[--o->smtp.n_idle];
	e = out_easy_new(o);
	ok = ok && curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "smtp,smtps") == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_MAXCONNECTS, 1L) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, out_smtp_reply) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
	if (!ok)
		abort();
	return e;
}

static void set_mail(struct tg_transfer *t, struct out_sending *sending)
{
	CURL *e = sending->easy;
	bool ok = true;

	assert(out_is_line(t->mail->from));
	add_recipients(t, sending);
	out_mail_build(t, sending);
	out_easy_bind(e, t);
	ok = ok && curl_easy_setopt(e, CURLOPT_HEADERDATA, (void *)t) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_XFERINFODATA, (void *)t) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_URL, t->url) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_USE_SSL, use_ssl(t)) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->lines) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_MAIL_FROM, t->mail->from) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_MAIL_RCPT, sending->recipients) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_MIMEPOST, sending->mime) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)t->timeout_ms) == CURLE_OK;
	/* The greeting and all before the sender count as connecting, and some servers wait with
	 * their greeting on purpose. */
	ok = ok &&
		curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(t->timeout_ms * 3 / 4 + 1)) ==
			CURLE_OK;
	if (!ok)
		abort();
}

static void end(struct tg_transfer *t)
{
	struct tg_out *o = t->out;

	pthread_mutex_lock(&o->smtp.lock);
	t->next = o->smtp.ended;
	o->smtp.ended = t;
	pthread_mutex_unlock(&o->smtp.lock);
	curl_multi_wakeup(o->multi);
}

static void *run(void *user)
{
	struct tg_transfer *t = user;
	struct out_sending *sending = t->sending;

	sending->code = curl_easy_perform(sending->easy);
	end(t);
	return NULL;
}

void out_smtp_start(struct tg_transfer *t)
{
	struct out_sending *sending = tg_arena_zalloc(t->arena, sizeof *sending);
	sigset_t all, before;

	t->sending = sending;
	sending->easy = take_handle(t->out);
	sending->deadline_ms = tg_clock_ms() + t->timeout_ms;
	set_mail(t, sending);
	/* Signals are for the program's first thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	sending->has_thread = pthread_create(&sending->thread, NULL, run, t) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!sending->has_thread)
		end(t);
}

/* libcurl says QUIT on a kept connection and would wait two minutes for a reply; the end of what
 * can be read ends that. */
static void drop_handle(CURL *e)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (curl_easy_getinfo(e, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK && fd != CURL_SOCKET_BAD)
		shutdown(fd, SHUT_RD);
	curl_easy_cleanup(e);
}

/* The handle forgets the mail but not its connection. After a mail that was given up its connection
 * goes too: libcurl would keep it with the reply still to come, which the next mail would take for
 * its own. */
void out_smtp_join(struct tg_transfer *t)
{
	struct out_sending *sending = t->sending;
	struct tg_out *o = t->out;

	if (sending->has_thread && pthread_join(sending->thread, NULL) != 0)
		abort();
	out_smtp_judge(t);
	curl_easy_setopt(sending->easy, CURLOPT_MIMEPOST, NULL);
	curl_easy_setopt(sending->easy, CURLOPT_MAIL_RCPT, NULL);
	curl_easy_setopt(sending->easy, CURLOPT_HTTPHEADER, NULL);
	curl_mime_free(sending->mime);
	curl_slist_free_all(sending->recipients);
	if (sending->code == CURLE_OK)
		o->smtp.idle[o->smtp.n_idle++] = sending->easy;
	else
		drop_handle(sending->easy);
	t->sending = NULL;
}

struct tg_transfer *out_smtp_ended(struct tg_out *o)
{
	struct tg_transfer *t;

	pthread_mutex_lock(&o->smtp.lock);
	t = o->smtp.ended;
	if (t != NULL)
		o->smtp.ended = t->next;
	pthread_mutex_unlock(&o->smtp.lock);
	if (t == NULL)
		return NULL;
	t->next = NULL;
	out_smtp_join(t);
	return t;
}

void out_smtp_init(struct tg_out *o)
{
	o->smtp.idle = calloc((size_t)o->opt.running, sizeof *o->smtp.idle);
	if (o->smtp.idle == NULL || pthread_mutex_init(&o->smtp.lock, NULL) != 0)
		abort();
}

void out_smtp_free(struct tg_out *o)
{
	while (o->smtp.n_idle > 0)
		drop_handle(o->smtp.idle[--o->smtp.n_idle]);
	free(o->smtp.idle);
	pthread_mutex_destroy(&o->smtp.lock);
}
