/* SPDX-License-Identifier: MIT
 * Tests of digest.h with the vectors of FIPS 180, RFC 4231 and RFC 2202. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "taskgate/base/digest.h"
#include "taskgate/base/text.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void assert_hex(const uint8_t *bytes, size_t n, const char *expected)
{
	char text[2 * TG_SHA256_SIZE + 1];

	tg_hex(text, bytes, n);
	assert_string_equal(text, expected);
}

static void sha256_gives_the_published_digests(void **state)
{
	static const struct {
		const char *text, *digest;
	} cases[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	uint8_t out[TG_SHA256_SIZE];
	char *million = malloc(1000000);
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		tg_sha256(out, cases[i].text, strlen(cases[i].text));
		assert_hex(out, sizeof out, cases[i].digest);
	}
	tg_sha256(out, NULL, 0);
	assert_hex(out, sizeof out, cases[0].digest);
	assert_non_null(million);
	memset(million, 'a', 1000000);
	tg_sha256(out, million, 1000000);
	assert_hex(out, sizeof out,
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(million);
}

static void hmac_gives_the_published_codes(void **state)
{
	static const struct {
		int fill; /* the key: this byte, `key_len` times; or, where 0, "Jefe" */
		size_t key_len;
		const char *data, *sha256, *sha1;
	} cases[] = {
		{ 0x0B, 20, "Hi There",
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
			"b617318655057264e28bc0b6fb378c8ef146be00" },
		{ 0, 4, "what do ya want for nothing?",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
			"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
		{ 0xAA, 131, "Test Using Larger Than Block-Size Key - Hash Key First",
			"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", NULL },
		{ 0xAA, 80, "Test Using Larger Than Block-Size Key - Hash Key First", NULL,
			"aa4ae5e15272d00e95705637ce8a3b55ed402112" },
	};
	uint8_t key[256], out[TG_SHA256_SIZE];
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		memset(key, cases[i].fill, sizeof key);
		if (!cases[i].fill)
			memcpy(key, "Jefe", 4);
		n = strlen(cases[i].data);
		if (cases[i].sha256) {
			tg_hmac_sha256(out, key, cases[i].key_len, cases[i].data, n);
			assert_hex(out, TG_SHA256_SIZE, cases[i].sha256);
		}
		if (cases[i].sha1) {
			tg_hmac_sha1(out, key, cases[i].key_len, cases[i].data, n);
			assert_hex(out, TG_SHA1_SIZE, cases[i].sha1);
		}
	}
}

static void hmac_of_an_empty_key_is_not_that_of_the_last_key(void **state)
{
	uint8_t out[TG_SHA256_SIZE];

	(void)state;
	tg_hmac_sha256(out, "key", 3, "", 0);
	tg_hmac_sha256(out, NULL, 0, "", 0);
	assert_hex(out, sizeof out,
		"b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void random_fills_all_of_it(void **state)
{
	uint8_t bytes[4096] = { 0 }, again[4096] = { 0 };
	size_t i, zeros = 0;

	(void)state;
	tg_random(bytes, sizeof bytes);
	tg_random(again, sizeof again);
	assert_memory_not_equal(bytes, again, sizeof bytes);
	for (i = 0; i < sizeof bytes; i++)
		zeros += bytes[i] == 0;
	assert_true(zeros < 100);
	tg_random(bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_gives_the_published_digests),
		cmocka_unit_test(hmac_gives_the_published_codes),
		cmocka_unit_test(hmac_of_an_empty_key_is_not_that_of_the_last_key),
		cmocka_unit_test(random_fills_all_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
