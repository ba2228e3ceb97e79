/* SPDX-License-Identifier: MIT
 * Tests of http.h: what a request is made of, and reading its body and query. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "taskgate/http/http.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static struct tg_arena *arena;
static struct tg_request rq;
static struct tg_error err;

static int set_up(void **state)
{
	(void)state;
	arena = tg_arena_new(4096);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tg_arena_free(arena);
	return 0;
}

static enum tg_rc init(const char *const *params)
{
	memset(&err, 0, sizeof err);
	return tg_request_init(&rq, tg_io_memory(arena, params, NULL, 0, NULL), arena, "", &err);
}

static enum tg_rc init_uri(const char *uri, const char *mount)
{
	const char *const params[] = { "REQUEST_METHOD", "GET", "REQUEST_URI", uri, NULL };

	memset(&err, 0, sizeof err);
	return tg_request_init(&rq, tg_io_memory(arena, params, NULL, 0, NULL), arena, mount, &err);
}

static enum tg_rc init_header(const char *name, const char *value)
{
	const char *const params[] = { "REQUEST_METHOD", "PUT", "REQUEST_URI", "/generic/a", name,
		value, NULL };

	return init(params);
}

static void request_knows_its_methods(void **state)
{
	static const struct {
		const char *word;
		enum tg_method method;
	} rows[] = {
		{ "GET", TG_GET },
		{ "HEAD", TG_HEAD },
		{ "POST", TG_POST },
		{ "PUT", TG_PUT },
		{ "PATCH", TG_PATCH },
		{ "DELETE", TG_DELETE },
		{ "OPTIONS", TG_OPTIONS },
		{ "get", TG_METHOD__MAX },
		{ "TRACE", TG_METHOD__MAX },
		{ "", TG_METHOD__MAX },
	};
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(rows); i++) {
		const char *const params[] = { "REQUEST_METHOD", rows[i].word, "REQUEST_URI", "/",
			NULL };

		assert_int_equal(init(params), TG_OK);
		assert_int_equal(rq.method, rows[i].method);
		assert_string_equal(rq.method_word, rows[i].word);
	}
}

/* segments: joined by '|'; NULL: refused. */
static const struct {
	const char *uri, *mount, *segments, *query;
} paths[] = {
	{ "/", "", "", "" },
	{ "/?a=1", "", "", "a=1" },
	{ "/generic/abc", "", "generic|abc", "" },
	{ "/generic/abc/", "", "generic|abc", "" },
	{ "/generic/abc/?x=/y//z", "", "generic|abc", "x=/y//z" },
	{ "/a%2Fb/%C3%A9", "", "a/b|\xC3\xA9", "" },
	{ "/a%252e", "", "a%2e", "" },
	{ "/a+b", "", "a+b", "" },
	{ "/...", "", "...", "" },
	{ "/1/2/3/4/5/6/7/8/9/10/11/12", "", "1|2|3|4|5|6|7|8|9|10|11|12", "" },
	{ "/gate/task/x", "/gate", "task|x", "" },
	{ "/gate", "/gate", "", "" },
	{ "/gate?q", "/gate", "", "q" },
	{ "/gate/", "/gate", "", "" },
	{ "/gatekeeper", "/gate", "gatekeeper", "" },
	{ "/other/x", "/gate", "other|x", "" },
	{ "/gate//x", "/gate", NULL, "" },
	{ "", "", NULL, "" },
	{ "*", "", NULL, "" },
	{ "generic", "", NULL, "" },
	{ "//", "", NULL, "" },
	{ "//a", "", NULL, "" },
	{ "/a//", "", NULL, "" },
	{ "/a//b", "", NULL, "" },
	{ "/a/.", "", NULL, "" },
	{ "/./a", "", NULL, "" },
	{ "/a/../b", "", NULL, "" },
	{ "/a/%2e%2E/b", "", NULL, "" },
	{ "/a/%", "", NULL, "" },
	{ "/a/%4", "", NULL, "" },
	{ "/a/%zz", "", NULL, "" },
	{ "/a%00b", "", NULL, "" },
	{ "/%ff", "", NULL, "" },
	{ "/%c0%af", "", NULL, "" },
	{ "/%ed%a0%80", "", NULL, "" },
	{ "/1/2/3/4/5/6/7/8/9/10/11/12/13", "", NULL, "" },
};

static void request_path_is_cut_and_decoded_once(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < LENGTH(paths); i++) {
		struct tg_buf joined;
		enum tg_rc rc = init_uri(paths[i].uri, paths[i].mount);

		if (rc != (paths[i].segments ? TG_OK : TG_E_INVALID))
			fail_msg("%s: %d %s", paths[i].uri, (int)rc, err.message);
		assert_string_equal(rq.uri, paths[i].uri);
		assert_true(rc == TG_OK || err.message[0]);
		if (rc != TG_OK)
			continue;
		tg_buf_init(&joined, arena);
		tg_buf_puts(&joined, "");
		for (j = 0; j < rq.segments; j++)
			tg_buf_printf(&joined, "%s%s", j ? "|" : "", rq.segment[j]);
		assert_string_equal(joined.data, paths[i].segments);
		assert_string_equal(rq.query, paths[i].query);
	}
}

static void request_without_any_parameter_can_be_answered(void **state)
{
	static const char *const none[] = { NULL };

	(void)state;
	assert_int_equal(init(none), TG_E_INVALID);
	assert_int_equal(strlen(rq.request_id), 32);
	assert_string_equal(rq.nginx_id, "");
	assert_string_equal(rq.remote, "");
	assert_string_equal(rq.query, "");
	assert_string_equal(rq.content_type, "");
	assert_true(rq.content_length == -1);
	assert_null(rq.token);
	assert_false(rq.token_malformed);
	assert_null(rq.idempotency_key);
}

static void request_that_is_refused_keeps_its_ids(void **state)
{
	static const char *const params[] = { "REQUEST_METHOD", "GET", "REQUEST_URI", "/a//b",
		"HTTP_X_REQUEST_ID", "abc", NULL };

	(void)state;
	assert_int_equal(init(params), TG_E_INVALID);
	assert_string_equal(rq.request_id, "abc");
}

static void request_id_is_the_callers_else_nginxs_else_ours(void **state)
{
	char first[33], longest[129], over[130];
	const char *params[] = { "REQUEST_METHOD", "GET", "REQUEST_URI", "/", "TASKGATE_REQUEST_ID",
		"nginx-1", "HTTP_X_REQUEST_ID", "A.b_c:d-9", "REMOTE_ADDR", "::1", NULL };

	(void)state;
	memset(longest, 'a', 128);
	longest[128] = '\0';
	memset(over, 'a', 129);
	over[129] = '\0';
	assert_int_equal(init(params), TG_OK);
	assert_string_equal(rq.request_id, "A.b_c:d-9");
	assert_string_equal(rq.nginx_id, "nginx-1");
	assert_string_equal(rq.remote, "::1");
	params[7] = longest;
	assert_int_equal(init(params), TG_OK);
	assert_string_equal(rq.request_id, longest);
	params[7] = over;
	assert_int_equal(init(params), TG_OK);
	assert_string_equal(rq.request_id, "nginx-1");
	params[7] = "a b";
	params[5] = "\"quoted\"";
	assert_int_equal(init(params), TG_OK);
	assert_int_equal(strlen(rq.request_id), 32);
	assert_int_equal(strspn(rq.request_id, "0123456789abcdef"), 32);
	assert_string_equal(rq.nginx_id, "");
	memcpy(first, rq.request_id, sizeof first);
	assert_int_equal(init(params), TG_OK);
	assert_string_not_equal(rq.request_id, first);
}

static void request_token_is_taken_or_malformed(void **state)
{
	static const struct {
		const char *authorization, *key, *token;
		bool malformed;
	} rows[] = {
		{ "Bearer abc", NULL, "abc", false },
		{ "bEARER    a-b._~+/9==", NULL, "a-b._~+/9==", false },
		{ NULL, "k1", "k1", false },
		{ "Bearer abc", "k1", "abc", false },
		{ "", "k1", "k1", false },
		{ "", "", NULL, false },
		{ "Bearer", NULL, NULL, true },
		{ "Bearer ", NULL, NULL, true },
		{ "Bearer =", NULL, NULL, true },
		{ "Bearer a=b", NULL, NULL, true },
		{ "Bearer a b", NULL, NULL, true },
		{ "Bearer a,b", NULL, NULL, true },
		{ "Bearer\ta", NULL, NULL, true },
		{ "Bearerabc", NULL, NULL, true },
		{ "Basic YTpi", NULL, NULL, true },
		{ "Basic YTpi", "k1", NULL, true },
		{ "Bearer \xC3\xA9", NULL, NULL, true },
		{ NULL, "k 1", NULL, true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(rows); i++) {
		const char *const params[] = { "REQUEST_METHOD", "GET", "REQUEST_URI", "/",
			rows[i].authorization ? "HTTP_AUTHORIZATION" : "A",
			rows[i].authorization ? rows[i].authorization : "",
			rows[i].key ? "HTTP_X_API_KEY" : "B", rows[i].key ? rows[i].key : "",
			NULL };

		assert_int_equal(init(params), TG_OK);
		if (rq.token_malformed != rows[i].malformed)
			fail_msg("row %zu", i);
		if (rows[i].token)
			assert_string_equal(rq.token, rows[i].token);
		else
			assert_null(rq.token);
	}
}

static void request_token_headers_have_a_greatest_length(void **state)
{
	char value[514];

	(void)state;
	memset(value, 'a', sizeof value);
	memcpy(value, "Bearer ", 7);
	value[512] = '\0';
	assert_int_equal(init_header("HTTP_AUTHORIZATION", value), TG_OK);
	assert_non_null(rq.token);
	value[512] = 'a';
	value[513] = '\0';
	assert_int_equal(init_header("HTTP_AUTHORIZATION", value), TG_OK);
	assert_null(rq.token);
	assert_true(rq.token_malformed);
	memset(value, 'a', 7);
	assert_int_equal(init_header("HTTP_X_API_KEY", value), TG_OK);
	assert_true(rq.token_malformed);
}

static void request_idempotency_key_is_taken_or_refused(void **state)
{
	static const char *const both[] = { "REQUEST_METHOD", "PUT", "REQUEST_URI", "/",
		"HTTP_X_IDEMPOTENCY_KEY", "second", "HTTP_IDEMPOTENCY_KEY", "\"first\"", NULL };
	char key[257];

	(void)state;
	assert_int_equal(init(both), TG_OK);
	assert_string_equal(rq.idempotency_key, "\"first\"");
	assert_int_equal(init_header("HTTP_X_IDEMPOTENCY_KEY", "k"), TG_OK);
	assert_string_equal(rq.idempotency_key, "k");
	assert_int_equal(init_header("HTTP_IDEMPOTENCY_KEY", ""), TG_E_INVALID);
	assert_string_equal(err.field, "Idempotency-Key");
	assert_int_equal(init_header("HTTP_X_IDEMPOTENCY_KEY", "a b"), TG_E_INVALID);
	assert_string_equal(err.field, "X-Idempotency-Key");
	assert_int_equal(init_header("HTTP_IDEMPOTENCY_KEY", "\xC3\xA9"), TG_E_INVALID);
	assert_int_equal(init_header("HTTP_IDEMPOTENCY_KEY", "\x7F"), TG_E_INVALID);
	memset(key, 'k', sizeof key);
	key[255] = '\0';
	assert_int_equal(init_header("HTTP_IDEMPOTENCY_KEY", key), TG_OK);
	key[255] = 'k';
	key[256] = '\0';
	assert_int_equal(init_header("HTTP_IDEMPOTENCY_KEY", key), TG_E_INVALID);
	assert_null(rq.idempotency_key);
}

static void request_content_headers(void **state)
{
	static const struct {
		const char *length;
		long long value;
	} rows[] = {
		{ "", -1 },
		{ "0", 0 },
		{ "17", 17 },
		{ "999999999999999999", 999999999999999999 },
		{ "-1", -2 },
		{ "+1", -2 },
		{ "1x", -2 },
		{ " 1", -2 },
		{ "0x10", -2 },
		{ "9999999999999999999", -2 },
	};
	char type[257];
	size_t i;

	(void)state;
	for (i = 0; i < LENGTH(rows); i++) {
		enum tg_rc rc = init_header("CONTENT_LENGTH", rows[i].length);

		assert_int_equal(rc, rows[i].value == -2 ? TG_E_INVALID : TG_OK);
		assert_true(rq.content_length == (rows[i].value == -2 ? -1 : rows[i].value));
	}
	assert_int_equal(init_header("CONTENT_TYPE", "application/json"), TG_OK);
	assert_string_equal(rq.content_type, "application/json");
	memset(type, 't', sizeof type);
	type[256] = '\0';
	assert_int_equal(init_header("CONTENT_TYPE", type), TG_E_INVALID);
	assert_string_equal(rq.content_type, "");
}

/* -- body -- */

static enum tg_rc read_body(const char *length, const char *body, size_t len, size_t limit)
{
	const char *const params[] = { "REQUEST_METHOD", "PUT", "REQUEST_URI", "/",
		"CONTENT_LENGTH", length, NULL };

	assert_int_equal(
		tg_request_init(&rq, tg_io_memory(arena, params, body, len, NULL), arena, "", &err),
		TG_OK);
	return tg_request_body(&rq, limit, &err);
}

static void body_is_read_as_said(void **state)
{
	(void)state;
	assert_int_equal(read_body("5", "a\0b\xFFz", 5, 5), TG_OK);
	assert_int_equal(rq.body_len, 5);
	assert_memory_equal(rq.body, "a\0b\xFFz", 6);
	assert_int_equal(tg_request_body(&rq, 1, &err), TG_OK);
	assert_int_equal(read_body("0", "", 0, 0), TG_OK);
	assert_string_equal(rq.body, "");
	assert_int_equal(read_body("5", "abc", 3, 10), TG_E_INVALID);
	assert_null(rq.body);
	assert_int_equal(read_body("3", "abcde", 5, 10), TG_E_INVALID);
	assert_null(rq.body);
}

static void body_of_unknown_length_stops_at_the_limit(void **state)
{
	static const size_t sizes[] = { 0, 1, 8191, 8192, 8193, 16384, 65535, 65536, 100000 };
	char *bytes = tg_arena_alloc(arena, 100001);
	size_t i;

	(void)state;
	for (i = 0; i < 100001; i++)
		bytes[i] = (char)(i * 7 % 251);
	for (i = 0; i < LENGTH(sizes); i++) {
		assert_int_equal(read_body("", bytes, sizes[i], sizes[i]), TG_OK);
		assert_int_equal(rq.body_len, sizes[i]);
		assert_memory_equal(rq.body, bytes, sizes[i]);
		assert_int_equal(rq.body[sizes[i]], 0);
		assert_int_equal(read_body("", bytes, sizes[i] + 1, sizes[i]), TG_E_TOOLARGE);
		assert_null(rq.body);
		assert_int_equal(read_body("", bytes, sizes[i], 1000000), TG_OK);
		assert_int_equal(rq.body_len, sizes[i]);
	}
}

static long never_read(struct tg_io *io, char *into, size_t n)
{
	(void)io, (void)into, (void)n;
	fail_msg("the body was read");
	return -1;
}

static long peer_left(struct tg_io *io, char *into, size_t n)
{
	(void)io, (void)into, (void)n;
	return -1;
}

static long one_byte(struct tg_io *io, char *into, size_t n)
{
	static int calls;

	(void)io, (void)n;
	*into = 'x';
	return calls++ < 9 ? 1 : 0;
}

static enum tg_rc read_with(long (*reader)(struct tg_io *, char *, size_t), const char *length)
{
	const char *const params[] = { "REQUEST_METHOD", "PUT", "REQUEST_URI", "/",
		"CONTENT_LENGTH", length, NULL };
	struct tg_io *io = tg_io_memory(arena, params, "", 0, NULL);

	io->read = reader;
	assert_int_equal(tg_request_init(&rq, io, arena, "", &err), TG_OK);
	return tg_request_body(&rq, 100, &err);
}

static void body_that_says_it_is_too_large_is_not_read(void **state)
{
	(void)state;
	assert_int_equal(read_with(never_read, "101"), TG_E_TOOLARGE);
	assert_int_equal(read_with(never_read, "999999999999999999"), TG_E_TOOLARGE);
}

static void body_of_a_peer_that_left_is_refused(void **state)
{
	(void)state;
	assert_int_equal(read_with(peer_left, "10"), TG_E_INVALID);
	assert_int_equal(read_with(peer_left, ""), TG_E_INVALID);
	assert_null(rq.body);
}

static void body_may_come_in_pieces(void **state)
{
	(void)state;
	assert_int_equal(read_with(one_byte, "9"), TG_OK);
	assert_string_equal(rq.body, "xxxxxxxxx");
}

/* -- query -- */

static void query_gives_the_first_of_a_name(void **state)
{
	static const struct {
		const char *query, *name, *value;
		bool bad;
	} rows[] = {
		{ "a=1&b=2&a=3", "a", "1", false },
		{ "a=1&b=2", "b", "2", false },
		{ "a=1&b=2", "c", NULL, false },
		{ "", "a", NULL, false },
		{ "a", "a", "", false },
		{ "a&b=1", "b", "1", false },
		{ "a=", "a", "", false },
		{ "&&a=1&", "a", "1", false },
		{ "a=b=c", "a", "b=c", false },
		{ "q=x+y%20z%2B", "q", "x y z+", false },
		{ "%61=1", "a", "1", false },
		{ "ab=1", "a", NULL, false },
		{ "a=%", "a", NULL, true },
		{ "a=%00", "a", NULL, true },
		{ "a=%ff", "a", NULL, true },
		{ "%zz=1&a=1", "a", NULL, true },
		{ "a=1&%zz=1", "a", "1", false },
		{ "b=%&a=1", "a", "1", false },
	};
	const char *value;
	size_t i;
	bool bad;

	(void)state;
	for (i = 0; i < LENGTH(rows); i++) {
		assert_int_equal(
			init_uri(tg_arena_printf(arena, "/x?%s", rows[i].query), ""), TG_OK);
		bad = false;
		value = tg_request_query(&rq, rows[i].name, &bad);
		if (bad != rows[i].bad || !value != !rows[i].value)
			fail_msg("%s", rows[i].query);
		if (value)
			assert_string_equal(value, rows[i].value);
		bad = true;
		tg_request_query(&rq, "nothing", &bad);
		assert_true(bad);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_knows_its_methods),
		cmocka_unit_test(request_path_is_cut_and_decoded_once),
		cmocka_unit_test(request_without_any_parameter_can_be_answered),
		cmocka_unit_test(request_that_is_refused_keeps_its_ids),
		cmocka_unit_test(request_id_is_the_callers_else_nginxs_else_ours),
		cmocka_unit_test(request_token_is_taken_or_malformed),
		cmocka_unit_test(request_token_headers_have_a_greatest_length),
		cmocka_unit_test(request_idempotency_key_is_taken_or_refused),
		cmocka_unit_test(request_content_headers),
		cmocka_unit_test(body_is_read_as_said),
		cmocka_unit_test(body_of_unknown_length_stops_at_the_limit),
		cmocka_unit_test(body_that_says_it_is_too_large_is_not_read),
		cmocka_unit_test(body_of_a_peer_that_left_is_refused),
		cmocka_unit_test(body_may_come_in_pieces),
		cmocka_unit_test(query_gives_the_first_of_a_name),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
