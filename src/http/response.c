/* SPDX-License-Identifier: MIT
 * response: owns the bytes of an answer. Promises that nothing leaves before the answer is
 * complete, that it leaves by one call, and that no header can smuggle a second one. Never decides
 * what an answer says. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "taskgate/http/http.h"

static const struct {
	int status;
	const char *word;
} reasons[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 206, "Partial Content" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 402, "Payment Required" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 416, "Range Not Satisfiable" },
	{ 422, "Unprocessable Content" },
	{ 423, "Locked" },
	{ 428, "Precondition Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
};

static const char *reason(int status)
{
	size_t i;

	for (i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].word;
	return "Unknown";
}

void tg_response_init(struct tg_response *rs, struct tg_arena *arena)
{
	rs->status = 200;
	rs->content_type = "application/json";
	tg_buf_init(&rs->headers, arena);
	tg_buf_init(&rs->body, arena);
}

static bool is_name(const char *s)
{
	return *s &&
		s[strspn(s, "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")] ==
		'\0';
}

/* The formatted length is compared with the text's, since "%c" of 0 would cut it. */
void tg_response_header(struct tg_response *rs, const char *name, const char *fmt, ...)
{
	char small[512], *value = small;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof small, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	if ((size_t)n >= sizeof small) {
		value = tg_arena_alloc(rs->headers.arena, (size_t)n + 1);
		va_start(ap, fmt);
		vsnprintf(value, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	assert(is_name(name));
	assert(strcspn(value, "\r\n") == (size_t)n);
	tg_buf_puts(&rs->headers, name);
	tg_buf_put(&rs->headers, ": ", 2);
	tg_buf_put(&rs->headers, value, (size_t)n);
	tg_buf_put(&rs->headers, "\r\n", 2);
}

/* A 204 and a 304 have neither a body nor its headers (RFC 9110, 8.6). */
static bool has_body(int status)
{
	return status != 204 && status != 304;
}

static int put_head(const struct tg_response *rs, char *into, size_t room)
{
	if (!has_body(rs->status))
		return snprintf(into, room, "Status: %d %s\r\n", rs->status, reason(rs->status));
	return snprintf(into, room, "Status: %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n",
		rs->status, reason(rs->status), rs->content_type, rs->body.len);
}

static char *append(char *p, const char *bytes, size_t n)
{
	if (n)
		memcpy(p, bytes, n);
	return p + n;
}

bool tg_response_send(const struct tg_response *rs, struct tg_io *io, bool head_only)
{
	size_t body_len = head_only ? 0 : rs->body.len;
	char head[512], *all, *p;
	int n = put_head(rs, head, sizeof head);

	assert(rs->status >= 200 && rs->status <= 599);
	assert(n > 0 && (size_t)n < sizeof head);
	assert(has_body(rs->status) || rs->body.len == 0);
	p = all = tg_arena_alloc(rs->headers.arena, (size_t)n + rs->headers.len + 2 + body_len);
	p = append(p, head, (size_t)n);
	p = append(p, rs->headers.data, rs->headers.len);
	p = append(p, "\r\n", 2);
	p = append(p, rs->body.data, body_len);
	return io->write(io, all, (size_t)(p - all));
}
