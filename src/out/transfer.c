/* SPDX-License-Identifier: MIT
 * transfer: owns the pool of transfers, each with an arena, and the one multi handle that all but
 * mails run in. Promises that a guarded transfer never sends a byte to an address that the guard
 * refuses, not even over a connection that somebody else opened, and that every started transfer
 * ends once. It never follows a redirect and never decides what an answer means. */
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "out_internal.h"

#define CONNECT_TIMEOUT_MS 5000L

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
	struct tg_transfer *t = user;

	n *= size;
	if (t->answer.len + n > t->answer_max) {
		t->result = TG_OUT_TOO_LARGE;
		return 0;
	}
	tg_buf_put(&t->answer, data, n);
	return n;
}

static bool refuse(struct tg_transfer *t, const char *address, const char *word)
{
	if (word == NULL)
		return false;
	snprintf(t->why, sizeof t->why, "the address %s is refused: %s (TASKGATE_OUTBOUND_ALLOW)",
		address, word);
	t->result = TG_OUT_REFUSED;
	return true;
}

/* A proxy for HTTP seldom lets SMTP through, and a mail server of the operator's is reached
 * directly. */
static bool has_proxy(const struct tg_transfer *t)
{
	return t->out->opt.proxy[0] != '\0' && t->mail == NULL;
}

/* The address that is really connected to, after all resolving. With a proxy it is the proxy's. */
static curl_socket_t on_socket(void *user, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct tg_transfer *t = user;
	char name[INET6_ADDRSTRLEN] = "?";

	(void)purpose;
	if (!t->trusted && !has_proxy(t)) {
		const struct sockaddr *s = &a->addr;
		union {
			struct sockaddr_in v4;
			struct sockaddr_in6 v6;
		} u;

		memset(&u, 0, sizeof u);
		memcpy(&u, s, a->addrlen < sizeof u ? a->addrlen : sizeof u);
		inet_ntop(a->family,
			a->family == AF_INET6 ? (const void *)&u.v6.sin6_addr
					      : (const void *)&u.v4.sin_addr,
			name, sizeof name);
		if (refuse(t, name, tg_guard_judge(t->out->opt.guard, (const struct sockaddr *)&u)))
			return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* Called before the request is sent, over a kept connection too: a handler's own connection to a
 * private address is none for a caller's URL. Where a kept connection dies without an answer
 * libcurl sends the request again over a new one, and calls this before. */
static int on_request(
	void *user, char *primary_ip, char *local_ip, int primary_port, int local_port)
{
	struct tg_transfer *t = user;
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} u;

	(void)local_ip, (void)primary_port, (void)local_port;
	if (++t->requests > 1 && t->once)
		return CURL_PREREQFUNC_ABORT;
	if (t->trusted || has_proxy(t))
		return CURL_PREREQFUNC_OK;
	memset(&u, 0, sizeof u);
	if (inet_pton(AF_INET, primary_ip, &u.v4.sin_addr) == 1)
		u.v4.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, primary_ip, &u.v6.sin6_addr) == 1)
		u.v6.sin6_family = AF_INET6;
	return refuse(t, primary_ip, tg_guard_judge(t->out->opt.guard, (const struct sockaddr *)&u))
		? CURL_PREREQFUNC_ABORT
		: CURL_PREREQFUNC_OK;
}

/* What is the same for all transfers is set once for the life of the handle. */
CURL *out_easy_new(const struct tg_out *o)
{
	CURL *e = curl_easy_init();
	bool ok = e != NULL;

	ok = ok && curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
	ok = ok &&
		curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_PROXY, o->opt.proxy) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_USERAGENT, o->opt.agent) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_socket) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_request) == CURLE_OK;
#if LIBCURL_VERSION_NUM >= 0x075700
	/* Else a transfer's timeout, and the end of a mail's thread, would wait for the thread that
	 * resolves its name. */
	ok = ok && curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
#endif
	if (o->opt.ca_file != NULL && o->opt.ca_file[0] != '\0')
		ok = ok && curl_easy_setopt(e, CURLOPT_CAINFO, o->opt.ca_file) == CURLE_OK;
	if (!ok)
		abort();
	return e;
}

void out_easy_bind(CURL *e, struct tg_transfer *t)
{
	bool ok = true;

	ok = ok && curl_easy_setopt(e, CURLOPT_PRIVATE, (void *)t) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_WRITEDATA, (void *)t) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, (void *)t) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_PREREQDATA, (void *)t) == CURLE_OK;
	ok = ok && curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->words) == CURLE_OK;
	if (!ok)
		abort();
}

struct tg_out *tg_out_new(const struct tg_out_options *opt)
{
	struct tg_out *o = calloc(1, sizeof *o);

	if (o == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
	o->opt = *opt;
	o->multi = curl_multi_init();
	o->all = calloc((size_t)opt->pool, sizeof *o->all);
	if (o->multi == NULL || o->all == NULL)
		abort();
	curl_multi_setopt(o->multi, CURLMOPT_MAXCONNECTS, (long)opt->running);
	out_smtp_init(o);
	for (int i = opt->pool - 1; i >= 0; i--) {
		o->all[i].out = o;
		o->all[i].next = o->idle;
		o->idle = &o->all[i];
	}
	o->idle_count = opt->pool;
	return o;
}

void tg_out_free(struct tg_out *o)
{
	if (o == NULL)
		return;
	atomic_store(&o->smtp.stop, true);
	for (int i = 0; i < o->opt.pool; i++) {
		struct tg_transfer *t = &o->all[i];

		if (t->sending != NULL)
			out_smtp_join(t);
		if (t->easy != NULL) {
			curl_multi_remove_handle(o->multi, t->easy);
			curl_easy_cleanup(t->easy);
		}
		curl_slist_free_all(t->lines);
		tg_arena_free(t->arena);
	}
	out_smtp_free(o);
	curl_multi_cleanup(o->multi);
	free(o->all);
	free(o);
	curl_global_cleanup();
}

struct tg_transfer *tg_out_take(struct tg_out *o)
{
	struct tg_transfer *t = o->idle;

	if (t == NULL)
		return NULL;
	o->idle = t->next;
	o->idle_count--;
	t->next = NULL;
	if (t->arena == NULL)
		t->arena = tg_arena_new(4096);
	return t;
}

void tg_out_put(struct tg_out *o, struct tg_transfer *t)
{
	tg_arena_reset(t->arena);
	t->user = NULL;
	t->method = TG_OUT_POST;
	t->type = NULL;
	t->once = false;
	t->mail = NULL;
	t->next = o->idle;
	o->idle = t;
	o->idle_count++;
}

int tg_out_free_count(const struct tg_out *o)
{
	return o->idle_count;
}

int tg_out_running(const struct tg_out *o)
{
	return o->running;
}

void out_add(void **list, const char *line)
{
	struct curl_slist *l = curl_slist_append(*list, line);

	if (l == NULL)
		abort();
	*list = l;
}

static void set_proxy_exceptions(struct tg_transfer *t)
{
	/* An operator's handler on this machine is reached directly, whatever proxy the rest goes
	 * through. */
	curl_easy_setopt(t->easy, CURLOPT_NOPROXY, t->trusted ? "localhost,127.0.0.0/8,::1" : "");
}

static void set_request(struct tg_transfer *t)
{
	bool post = t->method == TG_OUT_POST;

	if (post)
		out_add(&t->lines,
			tg_arena_printf(t->arena, "Content-Type: %s",
				t->type != NULL ? t->type : "application/json"));
	out_add(&t->lines, "Expect:");
	for (const char *const *l = t->headers; l != NULL && *l != NULL; l++)
		out_add(&t->lines, *l);
	curl_easy_setopt(t->easy, CURLOPT_URL, t->url);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->lines);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, post ? (curl_off_t)t->body_len : 0);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, post ? t->body : NULL);
	curl_easy_setopt(t->easy, post ? CURLOPT_POST : CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)t->timeout_ms);
	/* Never all of its time, so that "not sent" is told before the lease runs out. */
	curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS,
		t->timeout_ms * 3 / 4 < CONNECT_TIMEOUT_MS ? (long)(t->timeout_ms * 3 / 4 + 1)
							   : CONNECT_TIMEOUT_MS);
	set_proxy_exceptions(t);
}

static void start_http(struct tg_transfer *t)
{
	if (t->easy == NULL) {
		t->easy = out_easy_new(t->out);
		out_easy_bind(t->easy, t);
	}
	set_request(t);
	/* Through a proxy the guard sees the proxy, so at least an address that stands in the URL
	 * is judged here. */
	if (!t->trusted && has_proxy(t) &&
		refuse(t, t->url, tg_guard_judge_url(t->out->opt.guard, t->url)))
		curl_easy_setopt(t->easy, CURLOPT_URL, "");
	if (curl_multi_add_handle(t->out->multi, t->easy) != CURLM_OK)
		abort();
}

void tg_out_start(struct tg_out *o, struct tg_transfer *t)
{
	assert(o->running < o->opt.running);
	curl_slist_free_all(t->lines);
	t->lines = NULL;
	t->result = TG_OUT_ANSWERED;
	t->status = t->retry_after = t->requests = 0;
	t->why[0] = t->words[0] = '\0';
	tg_buf_init(&t->answer, t->arena);
	if (t->mail != NULL)
		out_smtp_start(t);
	else
		start_http(t);
	o->running++;
}

void tg_out_perform(struct tg_out *o)
{
	int still;

	curl_multi_perform(o->multi, &still);
}

void tg_out_wait(struct tg_out *o, struct pollfd *extra, unsigned n, int timeout_ms)
{
	struct curl_waitfd w[8];

	assert(n <= sizeof w / sizeof *w);
	for (unsigned i = 0; i < n; i++)
		w[i] = (struct curl_waitfd){ .fd = extra[i].fd,
			.events = (short)((extra[i].events & POLLIN ? CURL_WAIT_POLLIN : 0) |
				(extra[i].events & POLLOUT ? CURL_WAIT_POLLOUT : 0)) };
	curl_multi_poll(o->multi, w, n, timeout_ms, NULL);
	for (unsigned i = 0; i < n; i++)
		extra[i].revents = (short)((w[i].revents & ~CURL_WAIT_POLLOUT ? POLLIN : 0) |
			(w[i].revents & CURL_WAIT_POLLOUT ? POLLOUT : 0));
}

static void judge_end(struct tg_transfer *t, CURLcode code)
{
	long status = 0, sent = 0;
	curl_off_t wait = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent);
	curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &wait);
	t->status = (int)status;
	t->retry_after = wait > 0 ? wait > 86400 * 30 ? 86400 * 30 : (int)wait : 0;
	if (code == CURLE_OK) {
		t->result = TG_OUT_ANSWERED;
		t->why[0] = '\0';
		return;
	}
	if (t->result == TG_OUT_REFUSED || t->result == TG_OUT_TOO_LARGE)
		return;
	if (t->once && t->requests > 1)
		snprintf(t->why, sizeof t->why,
			"the kept connection died without an answer, and the request is not to be "
			"sent again");
	else
		snprintf(t->why, sizeof t->why, "%s",
			t->words[0] != '\0' ? t->words : curl_easy_strerror(code));
	t->result = sent == 0                      ? TG_OUT_UNSENT
		: code == CURLE_OPERATION_TIMEDOUT ? TG_OUT_TIMEOUT
						   : TG_OUT_LOST;
}

struct tg_transfer *tg_out_ended(struct tg_out *o)
{
	struct tg_transfer *mail = out_smtp_ended(o);
	int left;
	CURLMsg *m;

	if (mail != NULL) {
		o->running--;
		return mail;
	}
	while ((m = curl_multi_info_read(o->multi, &left)) != NULL) {
		struct tg_transfer *t = NULL;
		CURLcode code;

		if (m->msg != CURLMSG_DONE)
			continue;
		code = m->data.result;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		curl_multi_remove_handle(o->multi, t->easy);
		o->running--;
		judge_end(t, code);
		return t;
	}
	return NULL;
}
