/* SPDX-License-Identifier: MIT
 * smtp_reply: owns what an SMTP server's replies mean for a mail (RFC 5321, 4.2). Promises that
 * UNSENT means that no byte of the message has left, and words for people that are UTF-8 of one
 * line. It never judges whether another try would do better. */
#include <string.h>

#include "out_internal.h"

/* Appends at most n bytes to why, as UTF-8 of one line. */
static void tell(struct tg_transfer *t, const char *s, size_t n)
{
	size_t at = strlen(t->why), room = sizeof t->why - 1 - at;
	bool utf8 = tg_utf8_valid(s, n);

	if (n > room) {
		n = room;
		while (utf8 && n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80)
			n--;
	}
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		t->why[at + i] = c < ' ' || c == 0x7F || (c >= 0x80 && !utf8) ? '?' : s[i];
	}
	t->why[at + n] = '\0';
}

/* libcurl says QUIT before it tells of a failure, and what the server answers to that is no verdict
 * on the mail. It has given up where there are words of its own and a refusal stands. */
static bool is_farewell(const struct tg_transfer *t, const char *line, size_t len)
{
	if (len >= 3 && memcmp(line, "221", 3) == 0)
		return true;
	return t->result == TG_OUT_REFUSED ||
		(t->words[0] != '\0' && (t->why[0] == '4' || t->why[0] == '5'));
}

/* RFC 5321, 4.2.1: each line of a reply but the last has "-" behind the code. Its lines are told as
 * one. */
size_t out_smtp_reply(char *line, size_t size, size_t n, void *user)
{
	struct tg_transfer *t = user;
	struct out_sending *sending = t->sending;
	size_t len = n * size;

	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	if (sending == NULL || (!sending->reply_goes_on && is_farewell(t, line, len)))
		return n * size;
	if (sending->reply_goes_on) {
		tell(t, " ", 1);
		tell(t, line + 4, len > 4 ? len - 4 : 0);
	} else {
		t->why[0] = '\0';
		tell(t, line, len < 3 ? len : 3);
		tell(t, " ", len > 4);
		tell(t, line + 4, len > 4 ? len - 4 : 0);
	}
	sending->reply_goes_on = len > 3 && line[3] == '-';
	return n * size;
}

/* -- how it ended -- */

/* A code that libcurl gives up with because of a reply to AUTH, MAIL, RCPT, DATA or the message,
 * not to what comes before. */
static bool is_answer(CURLcode code, curl_off_t sent)
{
	return code == CURLE_LOGIN_DENIED || code == CURLE_SEND_ERROR ||
		(sent > 0 && code == CURLE_WEIRD_SERVER_REPLY);
}

static const char *prefix(CURLcode code)
{
	if (code == CURLE_USE_SSL_FAILED)
		return "STARTTLS is demanded: ";
	if (code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION ||
		code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CIPHER)
		return "TLS failed: ";
	return "";
}

static const char *words(const struct tg_transfer *t, CURLcode code)
{
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return "timed out";
	return t->words[0] != '\0' ? t->words : curl_easy_strerror(code);
}

static void say(struct tg_transfer *t, const char *what, const char *more)
{
	t->why[0] = '\0';
	tell(t, what, strlen(what));
	tell(t, more, strlen(more));
}

/* Where the server has said why it will not, its words say more than libcurl's. */
static void explain(struct tg_transfer *t, CURLcode code, bool refused)
{
	char reply[sizeof t->why];

	if (refused && (code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_REMOTE_ACCESS_DENIED)) {
		memcpy(reply, t->why, sizeof reply);
		say(t, "the server wants no mail: ", reply);
	} else {
		say(t, prefix(code), words(t, code));
	}
}

void out_smtp_judge(struct tg_transfer *t)
{
	const struct out_sending *sending = t->sending;
	CURLcode code = sending->code;
	curl_off_t sent = 0;
	long status = 0;

	/* The handle's numbers would be those of the mail before. */
	if (!sending->has_thread) {
		t->result = TG_OUT_UNSENT;
		say(t, "no thread could be started", "");
		return;
	}
	curl_easy_getinfo(sending->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	curl_easy_getinfo(sending->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK || (status >= 400 && is_answer(code, sent))) {
		t->result = TG_OUT_ANSWERED;
		t->status = (int)status;
		return;
	}
	if (t->result == TG_OUT_REFUSED)
		return;
	explain(t, code, status >= 400);
	if (sent == 0)
		t->result = TG_OUT_UNSENT;
	else
		t->result = code == CURLE_OPERATION_TIMEDOUT || code == CURLE_ABORTED_BY_CALLBACK
			? TG_OUT_TIMEOUT
			: TG_OUT_LOST;
}
