/* SPDX-License-Identifier: MIT
 * out_internal: what the files of transfers share. A transfer is the same for all until its request
 * is set. */
#ifndef TG_OUT_INTERNAL_H
#define TG_OUT_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "taskgate/out/out.h"

struct tg_out {
	struct tg_out_options opt;
	CURLM *multi;
	struct tg_transfer *all, *idle;
	int idle_count, running;
	struct {
		CURL **idle; /* handles without a mail, opt.running at most */
		int n_idle;
		atomic_bool stop; /* mails under way give up */
		pthread_mutex_t lock;
		struct tg_transfer *ended; /* under the lock; in no order */
	} smtp;
};

/* A mail under way, in the transfer's arena, as t->sending. */
struct out_sending {
	CURL *easy;
	curl_mime *mime;
	void *recipients;
	int64_t deadline_ms;
	bool has_thread; /* false where none could be started */
	pthread_t thread;
	CURLcode code; /* how it ended */
	bool reply_goes_on; /* the last line of a reply is still to come */
};

/* -- transfer.c -- */

/* A handle with all that is the same for every transfer. */
CURL *out_easy_new(const struct tg_out *o);
/* Its callbacks are for this transfer from now on. */
void out_easy_bind(CURL *e, struct tg_transfer *t);
/* Appends a copy of the line to a curl_slist. */
void out_add(void **list, const char *line);

/* -- mail.c -- */

/* Whether s has no control character. */
bool out_is_line(const char *s);
/* The message as t->lines and sending->mime; they point into the arena and into what t->mail points
 * to. */
void out_mail_build(struct tg_transfer *t, struct out_sending *sending);

/* -- smtp.c -- */

void out_smtp_init(struct tg_out *o);
void out_smtp_free(struct tg_out *o);
/* Starts the thread of a transfer with a mail; from now on the transfer is the thread's until
 * out_smtp_ended() gives it back. */
void out_smtp_start(struct tg_transfer *t);
/* Waits for the thread, which has ended or is about to; the transfer is the caller's again. */
void out_smtp_join(struct tg_transfer *t);
/* A mail that has ended, joined; NULL where none has. */
struct tg_transfer *out_smtp_ended(struct tg_out *o);

/* -- smtp_reply.c -- */

/* CURLOPT_HEADERFUNCTION of a mail: keeps the last reply in t->why. */
size_t out_smtp_reply(char *line, size_t size, size_t n, void *transfer);
/* result, status and why of a mail that has ended. */
void out_smtp_judge(struct tg_transfer *t);

#endif
