/* SPDX-License-Identifier: MIT
 * log: owns standard error. Promises one write per line, lines of at most 4096 bytes (so that
 * several processes may share a pipe), valid UTF-8 and no control character in them, and in JSON
 * format one valid object a line. Its time is this machine's wall clock, which nothing else of
 * taskgate looks at. Never allocates, never fails its caller. */
#include "taskgate/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "taskgate/base/text.h"

#define LINE_SIZE 4096
#define LINE_END 16 /* kept free for what closes a line that was cut */
#define TEXT_SIZE 2048

struct line {
	char data[LINE_SIZE];
	size_t len;
	bool full;
};

static struct {
	const char *program, *request_id, *route;
	enum tg_log_level level;
	bool json;
} state = { .program = "taskgate", .level = TG_LOG_INFO };

static const char *const words[] = {
	[TG_LOG_DEBUG] = "debug",
	[TG_LOG_INFO] = "info",
	[TG_LOG_WARNING] = "warning",
	[TG_LOG_ERROR] = "error",
};

void tg_log_open(const char *program, enum tg_log_level level, bool json)
{
	state.program = program;
	state.level = level;
	state.json = json;
}

void tg_log_context(const char *request_id, const char *route)
{
	state.request_id = request_id;
	state.route = route;
}

bool tg_log_on(enum tg_log_level level)
{
	return level >= state.level;
}

static void put(struct line *line, const char *s, size_t n)
{
	if (line->full || n > LINE_SIZE - LINE_END - line->len) {
		line->full = true;
		return;
	}
	memcpy(line->data + line->len, s, n);
	line->len += n;
}

static void puts_to(struct line *line, const char *s)
{
	put(line, s, strlen(s));
}

/* The C1 control characters are two bytes in UTF-8; some terminals obey them. */
static void clean(char *s, size_t n)
{
	bool utf8 = tg_utf8_valid(s, n);
	size_t i;
	unsigned char c;

	for (i = 0; i < n; i++) {
		c = (unsigned char)s[i];
		if (c < 0x20 || c == 0x7F || (c >= 0x80 && !utf8))
			s[i] = '?';
		else if (c == 0xC2 && (unsigned char)s[i + 1] < 0xA0)
			s[i] = s[i + 1] = '?';
	}
}

/* The end of a cut text may be half a character, which must not cost the other ones their bytes. */
static size_t whole_characters(const char *s, size_t n)
{
	size_t cut;

	for (cut = 0; cut < 4 && cut < n; cut++)
		if (tg_utf8_valid(s, n - cut))
			return n - cut;
	return n;
}

TG_PRINTF(2, 0) static size_t format(char *text, const char *fmt, va_list ap)
{
	int n = vsnprintf(text, TEXT_SIZE, fmt, ap);
	size_t len = n < 0 ? 0 : (size_t)n;

	if (len >= TEXT_SIZE) {
		len = whole_characters(text, TEXT_SIZE - 4);
		memcpy(text + len, "...", 4);
		len += 3;
	}
	text[len] = '\0';
	clean(text, len);
	return len;
}

static void put_time(struct line *line)
{
	struct timespec now = { 0 };
	struct tm tm = { 0 };
	char text[40];
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000);
	put(line, text, (size_t)n);
}

/* The text is clean, so that two characters need a backslash; with `escaped`, those that have one
 * already keep it. */
static void put_json_text(struct line *line, const char *s, size_t n, bool escaped)
{
	size_t i;

	put(line, "\"", 1);
	for (i = 0; i < n; i++) {
		if (escaped && s[i] == '\\' && i + 1 < n && (s[i + 1] == '"' || s[i + 1] == '\\'))
			put(line, s + i++, 1);
		else if (s[i] == '"' || s[i] == '\\')
			put(line, "\\", 1);
		put(line, s + i, 1);
	}
	put(line, "\"", 1);
}

/* An integer that every reader of JSON keeps exactly. */
static bool is_number(const char *s, size_t n)
{
	size_t sign = n && s[0] == '-', digits = strspn(s + sign, "0123456789");

	return digits && sign + digits == n && digits <= 15 && (digits == 1 || s[sign] != '0');
}

/* The end of the quoted text that begins behind s[0], or NULL. */
static const char *closing_quote(const char *s)
{
	for (s++; *s && *s != '"'; s++)
		if (s[0] == '\\' && s[1])
			s++;
	return *s ? s : NULL;
}

/* One `key=value` as a member; gives back what is behind it. What is not a pair becomes a member
 * "text" that holds all of the rest. */
static const char *put_member(struct line *line, const char *p)
{
	size_t key = strcspn(p, " =\""), n;
	const char *value = p + key + 1, *quote;

	if (!key || p[key] != '=') {
		puts_to(line, "\"text\":");
		put_json_text(line, p, strlen(p), false);
		return p + strlen(p);
	}
	put_json_text(line, p, key, false);
	put(line, ":", 1);
	quote = *value == '"' ? closing_quote(value) : NULL;
	if (quote) {
		put_json_text(line, value + 1, (size_t)(quote - value - 1), true);
		return quote + 1;
	}
	n = strcspn(value, " ");
	if (is_number(value, n))
		put(line, value, n);
	else
		put_json_text(line, value, n, false);
	return value + n;
}

/* The pairs are an object of their own, so that no text from outside can pass for the line's time
 * or level. */
static void put_members(struct line *line, const char *text)
{
	size_t before;

	puts_to(line, ",\"data\":{");
	text += strspn(text, " ");
	while (*text) {
		before = line->len;
		text = put_member(line, text);
		text += strspn(text, " ");
		if (*text)
			put(line, ",", 1);
		if (line->full) {
			line->len = before;
			memcpy(line->data + line->len, "\"cut\":true", 10);
			line->len += 10;
			break;
		}
	}
}

/* `key=text` or `"key":"text"`; both texts are ours or were checked by dispatch, and cleaned all
 * the same. */
static void put_field(struct line *line, const char *key, const char *text)
{
	char copy[256];
	size_t n;

	if (!text)
		return;
	n = strnlen(text, sizeof copy - 1);
	memcpy(copy, text, n);
	copy[n] = '\0';
	clean(copy, n);
	puts_to(line, state.json ? "," : " ");
	if (state.json)
		put_json_text(line, key, strlen(key), false);
	else
		puts_to(line, key);
	puts_to(line, state.json ? ":" : "=");
	if (state.json)
		put_json_text(line, copy, n, false);
	else
		put(line, copy, n);
}

static void build_json(
	struct line *line, enum tg_log_level level, const char *event, const char *text)
{
	puts_to(line, "{\"time\":\"");
	put_time(line);
	put(line, "\"", 1);
	put_field(line, "level", words[level]);
	put_field(line, "program", state.program);
	put_field(line, "event", event);
	put_field(line, "request_id", state.request_id);
	put_field(line, "route", state.route);
	put_members(line, text);
	memcpy(line->data + line->len, "}}\n", 3);
	line->len += 3;
}

static void build_text(
	struct line *line, enum tg_log_level level, const char *event, const char *text, size_t n)
{
	const char *const head[] = { words[level], state.program, event };
	size_t i;

	put_time(line);
	for (i = 0; i < sizeof head / sizeof *head; i++) {
		put(line, " ", 1);
		puts_to(line, head[i]);
	}
	put_field(line, "request_id", state.request_id);
	put_field(line, "route", state.route);
	if (n)
		put(line, " ", 1);
	put(line, text, n);
	line->data[line->len++] = '\n';
}

void tg_log(enum tg_log_level level, const char *event, const char *fmt, ...)
{
	struct line line = { .len = 0 };
	char text[TEXT_SIZE];
	va_list ap;
	size_t n;
	int saved = errno;

	if (!tg_log_on(level))
		return;
	va_start(ap, fmt);
	n = format(text, fmt, ap);
	va_end(ap);
	if (state.json)
		build_json(&line, level, event, text);
	else
		build_text(&line, level, event, text, n);
	while (write(STDERR_FILENO, line.data, line.len) < 0 && errno == EINTR)
		continue;
	errno = saved;
}

/* A log line's value: quoted, so that blanks and '=' in it start no pair of their own. */
static void quote(char *out, size_t size, const char *s)
{
	size_t n = 0;

	out[n++] = '"';
	for (; *s && n + 4 < size; s++) {
		if (*s == '"' || *s == '\\')
			out[n++] = '\\';
		out[n++] = *s;
	}
	out[n++] = '"';
	out[n] = '\0';
}

void tg_log_error(enum tg_log_level level, const char *event, const struct tg_error *err)
{
	char reason[2 * sizeof err->reason + 4], field[2 * sizeof err->field + 4],
		message[2 * sizeof err->message + 4];

	quote(reason, sizeof reason, err->reason);
	quote(field, sizeof field, err->field);
	quote(message, sizeof message, err->message);
	tg_log(level, event, "rc=%s%s%s%s%s%s%s message=%s at=%s:%d", tg_error_row(err->rc)->word,
		err->reason[0] ? " reason=" : "", err->reason[0] ? reason : "",
		err->field[0] ? " field=" : "", err->field[0] ? field : "",
		err->sqlstate[0] ? " sqlstate=" : "", err->sqlstate, message,
		err->file ? err->file : "-", err->line);
}
