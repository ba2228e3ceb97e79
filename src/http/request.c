/* SPDX-License-Identifier: MIT
 * request: owns what a request is once its bytes have become names: method, path segments, ids,
 * token. Promises that all of it lies in the arena, that every request gets an id, and that a
 * request which it refuses can still be answered and logged. Never says who the caller is, nor
 * which route it wants. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "taskgate/base/digest.h"
#include "taskgate/http/http.h"

#define ID_MAX 128
#define TOKEN_HEADER_MAX 512
#define KEY_MAX 255
#define TYPE_MAX 255

#define DIGITS "0123456789"
#define ALNUM DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static const char *const methods[TG_METHOD__MAX] = {
	[TG_GET] = "GET",
	[TG_HEAD] = "HEAD",
	[TG_POST] = "POST",
	[TG_PUT] = "PUT",
	[TG_PATCH] = "PATCH",
	[TG_DELETE] = "DELETE",
	[TG_OPTIONS] = "OPTIONS",
};

static const char *param(const struct tg_request *rq, const char *name)
{
	const char *s = rq->io->param(rq->io, name);

	return s ? s : "";
}

static const char *copy(struct tg_request *rq, const char *name)
{
	return tg_arena_strdup(rq->arena, param(rq, name));
}

static enum tg_method method_of(const char *word)
{
	int i;

	for (i = 0; i < TG_METHOD__MAX; i++)
		if (strcmp(methods[i], word) == 0)
			break;
	return (enum tg_method)i;
}

/* -- ids -- */

static bool is_id(const char *s)
{
	size_t n = strspn(s, ALNUM "._:-");

	return n >= 1 && n <= ID_MAX && s[n] == '\0';
}

static const char *own_id(struct tg_arena *arena)
{
	uint8_t bytes[16];
	char *hex = tg_arena_alloc(arena, 2 * sizeof bytes + 1);

	tg_random(bytes, sizeof bytes);
	tg_hex(hex, bytes, sizeof bytes);
	return hex;
}

static void take_ids(struct tg_request *rq)
{
	const char *callers = param(rq, "HTTP_X_REQUEST_ID");

	rq->nginx_id = copy(rq, "TASKGATE_REQUEST_ID");
	if (!is_id(rq->nginx_id))
		rq->nginx_id = "";
	if (is_id(callers))
		rq->request_id = tg_arena_strdup(rq->arena, callers);
	else
		rq->request_id = *rq->nginx_id ? rq->nginx_id : own_id(rq->arena);
	rq->remote = copy(rq, "REMOTE_ADDR");
}

/* -- token -- */

/* RFC 6750: b64token. */
static bool is_token(const char *s)
{
	size_t n = strspn(s, ALNUM "-._~+/");

	return n >= 1 && s[n + strspn(s + n, "=")] == '\0';
}

/* Behind the scheme and its blanks; NULL where the scheme is another one. */
static const char *after_bearer(const char *s)
{
	if (strncasecmp(s, "Bearer ", 7) != 0)
		return NULL;
	return s + 7 + strspn(s + 7, " ");
}

/* A malformed Authorization is not rescued by a good X-API-Key: a token that is present is always
 * checked. */
static void take_token(struct tg_request *rq)
{
	const char *header = param(rq, "HTTP_AUTHORIZATION"), *token = NULL;

	if (*header) {
		token = after_bearer(header);
	} else {
		header = token = param(rq, "HTTP_X_API_KEY");
		if (!*header)
			return;
	}
	if (strlen(header) > TOKEN_HEADER_MAX || !token || !is_token(token))
		rq->token_malformed = true;
	else
		rq->token = tg_arena_strdup(rq->arena, token);
}

/* -- other headers -- */

static bool is_visible(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x21 || (unsigned char)*s > 0x7E)
			return false;
	return true;
}

static enum tg_rc take_key(struct tg_request *rq, struct tg_error *err)
{
	static const struct {
		const char *param, *header;
	} names[] = {
		{ "HTTP_IDEMPOTENCY_KEY", "Idempotency-Key" },
		{ "HTTP_X_IDEMPOTENCY_KEY", "X-Idempotency-Key" },
	};
	const char *s;
	size_t i, n;

	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		s = rq->io->param(rq->io, names[i].param);
		if (!s)
			continue;
		n = strlen(s);
		if (n < 1 || n > KEY_MAX || !is_visible(s))
			return tg_fail(err, TG_E_INVALID, names[i].header,
				"%s must be 1 to %d visible ASCII characters", names[i].header,
				KEY_MAX);
		rq->idempotency_key = tg_arena_strdup(rq->arena, s);
		return TG_OK;
	}
	return TG_OK;
}

static enum tg_rc take_content(struct tg_request *rq, struct tg_error *err)
{
	const char *type = param(rq, "CONTENT_TYPE"), *length = param(rq, "CONTENT_LENGTH");
	size_t n = strlen(length);

	if (strlen(type) > TYPE_MAX)
		return tg_fail(err, TG_E_INVALID, "Content-Type",
			"Content-Type is longer than %d characters", TYPE_MAX);
	rq->content_type = tg_arena_strdup(rq->arena, type);
	if (n > 18 || length[strspn(length, DIGITS)] != '\0')
		return tg_fail(err, TG_E_INVALID, "Content-Length",
			"Content-Length is not a number of bytes");
	if (n)
		rq->content_length = strtoll(length, NULL, 10);
	return TG_OK;
}

/* -- path -- */

/* The path behind mount, where it lies below mount; otherwise as it is. */
static const char *below(const char *path, const char *mount)
{
	size_t n = strlen(mount);

	if (n && strncmp(path, mount, n) == 0 &&
		(path[n] == '/' || path[n] == '\0' || path[n] == '?'))
		return path + n;
	return path;
}

static enum tg_rc take_segment(struct tg_request *rq, const char *s, size_t n, struct tg_error *err)
{
	const char *decoded;

	if (!n)
		return tg_fail(err, TG_E_INVALID, NULL, "the path has an empty segment");
	if (rq->segments == TG_MAX_SEGMENTS)
		return tg_fail(err, TG_E_INVALID, NULL, "the path has more than %d segments",
			TG_MAX_SEGMENTS);
	decoded = tg_percent_decode(rq->arena, s, n, false);
	if (!decoded)
		return tg_fail(err, TG_E_INVALID, NULL,
			"the path has a broken percent escape, a NUL or invalid UTF-8");
	if (strcmp(decoded, ".") == 0 || strcmp(decoded, "..") == 0)
		return tg_fail(err, TG_E_INVALID, NULL, "the path has a segment \"%s\"", decoded);
	rq->segment[rq->segments++] = decoded;
	return TG_OK;
}

static enum tg_rc take_path(struct tg_request *rq, const char *mount, struct tg_error *err)
{
	const char *p = below(rq->uri, mount), *end = p + strcspn(p, "?");
	enum tg_rc rc;
	size_t n;

	rq->query = *end ? end + 1 : "";
	if (p != rq->uri && p == end)
		return TG_OK;
	if (*p != '/')
		return tg_fail(err, TG_E_INVALID, NULL, "the path does not begin with a slash");
	if (end - p > 1 && end[-1] == '/')
		end--;
	while (++p < end) {
		n = strcspn(p, "/?");
		rc = take_segment(rq, p, n, err);
		if (rc != TG_OK)
			return rc;
		p += n;
	}
	/* What is left of "//" and "/a//" once a slash is dropped ends in another one: an empty
	 * last segment. */
	return end[-1] == '/' && *end == '/' ? take_segment(rq, end, 0, err) : TG_OK;
}

/* All parts are taken whatever one of them says, since the answer to a refused request needs them;
 * the first error counts. */
enum tg_rc tg_request_init(struct tg_request *rq, struct tg_io *io, struct tg_arena *arena,
	const char *mount, struct tg_error *err)
{
	struct tg_error other;
	enum tg_rc rc, next;

	*rq = (struct tg_request){
		.arena = arena, .io = io, .query = "", .content_type = "", .content_length = -1
	};
	rq->method_word = copy(rq, "REQUEST_METHOD");
	rq->method = method_of(rq->method_word);
	rq->uri = copy(rq, "REQUEST_URI");
	take_ids(rq);
	take_token(rq);
	rc = take_path(rq, mount, err);
	rq->has_path = rc == TG_OK;
	next = take_content(rq, rc == TG_OK ? err : &other);
	rc = rc == TG_OK ? next : rc;
	next = take_key(rq, rc == TG_OK ? err : &other);
	return rc == TG_OK ? next : rc;
}

/* -- query -- */

const char *tg_request_query(struct tg_request *rq, const char *name, bool *bad)
{
	const char *p = rq->query, *key, *value;
	size_t n, key_len;

	for (; *p; p += n + (p[n] == '&')) {
		n = strcspn(p, "&");
		key_len = strcspn(p, "=&");
		key = tg_percent_decode(rq->arena, p, key_len, true);
		if (!key) {
			*bad = true;
			return NULL;
		}
		if (strcmp(key, name) != 0)
			continue;
		if (key_len == n)
			return "";
		value = tg_percent_decode(rq->arena, p + key_len + 1, n - key_len - 1, true);
		if (!value)
			*bad = true;
		return value;
	}
	return NULL;
}
