/* SPDX-License-Identifier: MIT
 * out: everything that leaves is a libcurl transfer, many at once, from one process: HTTP in one
 * multi handle, a mail in a thread for as long as it takes. No redirects, no proxy but the one that
 * was named, sizes and times capped. src/out is the only user of libcurl. */
#ifndef TASKGATE_OUT_H
#define TASKGATE_OUT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "taskgate/base/arena.h"
#include "taskgate/base/error.h"
#include "taskgate/base/text.h"

/* -- guard: which addresses may be reached by a URL that came over an API -- */

struct tg_network {
	int family;
	uint8_t address[16];
	unsigned bits;
};
struct tg_guard {
	size_t n;
	struct tg_network allow[64];
};

/* list: networks in CIDR form, comma separated, blanks ignored; "" is none. TG_E_CONFIG names the
 * one at fault. */
enum tg_rc tg_guard_parse(struct tg_guard *, const char *list, struct tg_error *err) TG_MUSTCHECK;
/* NULL where the address may be reached, else a static word that says what it is ("loopback",
 * "private", ...). */
const char *tg_guard_judge(const struct tg_guard *, const struct sockaddr *);
/* The same for a URL whose host is an address as such, in any of the forms that libcurl reads; NULL
 * for names as well. */
const char *tg_guard_judge_url(const struct tg_guard *, const char *url);

/* -- webhook: Standard Webhooks 1.0.0 -- */

#define TG_WEBHOOK_KEY_MIN 24
#define TG_WEBHOOK_KEY_MAX 64

/* "whsec_" and base64 of 24 to 64 bytes; NULL where malformed. Given in the arena. */
uint8_t *tg_webhook_key_parse(struct tg_arena *, const char *text, size_t *len);
/* "v1,<base64 of HMAC-SHA256 over id.timestamp.body>". Given in the arena. */
char *tg_webhook_signature(struct tg_arena *, const uint8_t *key, size_t key_len, const char *id,
	const char *timestamp, const char *body, size_t len);

/* -- mail: what an SMTP transfer carries; all of it is borrowed until put -- */

/* Whether STARTTLS (RFC 3207) is used on a smtp:// URL; smtps:// is TLS from the first byte in any
 * case. */
enum tg_out_tls {
	TG_TLS_AUTO, /* demanded where the URL has credentials, else used where it is offered */
	TG_TLS_ALWAYS,
	TG_TLS_NEVER,
};

struct tg_mail_file {
	const char *name, *type; /* UTF-8; a media type. A composite type (multipart, message) is
				    sent as application/octet-stream */
	const void *data;
	size_t len;
};

/* Texts are UTF-8. A control character in any but text and html is a mistake of the caller and
 * aborts. */
struct tg_mail {
	const char *message_id; /* without <> */
	const char *from, *from_name; /* also the envelope's sender; the name may be NULL */
	const char *reply_to, *subject; /* NULL: no such field */
	const char *text, *html; /* one may be NULL; line ends of any kind */
	long long date; /* seconds since 1970 */
	const char *const *to, *const *cc, *const *bcc; /* arrays that end with NULL, or NULL; bcc
							   is in the envelope alone */
	const char *const *headers; /* name, value, name, value, NULL; or NULL */
	const struct tg_mail_file *files;
	size_t n_files;
	enum tg_out_tls tls;
};

/* -- transfer -- */

enum tg_out_result {
	TG_OUT_ANSWERED, /* status says what */
	TG_OUT_UNSENT, /* nothing of the request, or of the mail's message, left this machine */
	TG_OUT_LOST, /* sent, at least in part, and no whole answer */
	TG_OUT_TIMEOUT,
	TG_OUT_REFUSED, /* the guard: no later try will do better */
	TG_OUT_TOO_LARGE, /* status is known, the body went on beyond answer_max */
};

enum tg_out_method { TG_OUT_POST, TG_OUT_GET };

/* A mail goes to all of to, cc and bcc or to none: where the server refuses a recipient, nothing is
 * sent. It is ANSWERED with the server's code and last reply once the server has judged the sender
 * (530, 535), an address or the message; what fails before that is UNSENT, as is a silent server
 * then. A mail does not go through the proxy. */
struct tg_transfer {
	struct tg_arena
		*arena; /* of this transfer, empty when taken; the caller may use it until put */
	void *user;
	/* set by the caller before start; all borrowed until put */
	const char *url; /* http, https; of a mail smtp, smtps: credentials in it percent-encoded,
			    its path the name to say in EHLO */
	const char *body; /* of a POST */
	size_t body_len;
	const char *const *headers; /* whole lines, NULL at the end; the content type is added */
	int64_t timeout_ms;
	size_t answer_max;
	bool trusted; /* an operator set the address: it may be private */
	/* the same, and cleared by put */
	enum tg_out_method method;
	const char *type; /* of the body; NULL: application/json */
	bool once; /* libcurl repeats a request that died with a kept connection; with once that
		      ends it as LOST */
	const struct tg_mail *mail; /* not NULL: a mail; body, headers, type, method, answer_max and
				       once mean nothing */
	/* set when it has ended */
	enum tg_out_result result;
	int status; /* 0 where there was no answer; of a mail SMTP's */
	int retry_after; /* seconds, 0 where none was asked for */
	struct tg_buf answer;
	char why[320]; /* for people, UTF-8 of one line: what went wrong; "" where answered, but of
			  a mail the server's last reply */
	char words[256]; /* libcurl's own */
	struct tg_out *out;
	struct tg_transfer *next;
	void *easy, *lines, *sending;
	int requests;
};

struct tg_out_options {
	int pool; /* transfers that may be taken at once */
	int running; /* under way at once */
	const char *agent, *proxy; /* borrowed for ever */
	/* PEM file of the authorities that HTTPS and SMTP trust, in place of the system's file (a
	 * folder that libcurl was built with counts besides); NULL or "": the system's. Borrowed
	 * for ever. */
	const char *ca_file;
	const struct tg_guard *guard;
};

/* Given; aborts where libcurl cannot start. */
struct tg_out *tg_out_new(const struct tg_out_options *);
void tg_out_free(struct tg_out *);
struct tg_transfer *tg_out_take(struct tg_out *); /* NULL where all are taken */
void tg_out_put(struct tg_out *, struct tg_transfer *);
void tg_out_start(struct tg_out *, struct tg_transfer *);
int tg_out_free_count(const struct tg_out *); /* that can still be taken */
int tg_out_running(const struct tg_out *);
/* Lets all transfers go on and waits until something happens to one of them or to extra (POLLIN,
 * POLLOUT), at most timeout_ms. */
void tg_out_wait(struct tg_out *, struct pollfd *extra, unsigned n, int timeout_ms);
void tg_out_perform(struct tg_out *);
struct tg_transfer *tg_out_ended(struct tg_out *); /* one that has ended, NULL where none has */

/* -- probe -- */

/* Asks for url by GET, behind the guard, and waits, at most timeout_ms. NULL where the answer's
 * status is below 400 (RFC 9110; redirects are not followed), else why not, for people, in the
 * arena. All arguments are borrowed; nothing else may be under way in this tg_out. */
const char *tg_out_probe(struct tg_out *, struct tg_arena *, const char *url, int timeout_ms);

#endif
