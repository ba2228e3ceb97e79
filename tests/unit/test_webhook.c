/* SPDX-License-Identifier: MIT
 * Tests of webhook signatures in out.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "taskgate/out/out.h"

/* The example that the Standard Webhooks libraries test themselves with. */
static void webhook_signature_is_that_of_the_standard(void **state)
{
	struct tg_arena *a = tg_arena_new(1024);
	const char *body = "{\"test\": 2432232314}";
	uint8_t *key;
	size_t len;

	(void)state;
	key = tg_webhook_key_parse(a, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &len);
	assert_non_null(key);
	assert_int_equal(len, 24);
	assert_string_equal(tg_webhook_signature(a, key, len, "msg_p5jXN8AQM9LWM0D4loKWxJek",
				    "1614265330", body, strlen(body)),
		"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	tg_arena_free(a);
}

static void webhook_key_parse_takes_24_to_64_bytes(void **state)
{
	static const char *const bad[] = { "", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa==", "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!",
		"whsec_ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" };
	struct tg_arena *a = tg_arena_new(1024);
	uint8_t bytes[65];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (tg_webhook_key_parse(a, bad[i], &len) != NULL)
			fail_msg("accepted: %s", bad[i]);
	memset(bytes, 7, sizeof bytes);
	assert_null(tg_webhook_key_parse(
		a, tg_arena_printf(a, "whsec_%s", tg_base64(a, bytes, 23)), &len));
	assert_non_null(tg_webhook_key_parse(
		a, tg_arena_printf(a, "whsec_%s", tg_base64(a, bytes, 64)), &len));
	assert_int_equal(len, 64);
	assert_null(tg_webhook_key_parse(
		a, tg_arena_printf(a, "whsec_%s", tg_base64(a, bytes, 65)), &len));
	tg_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(webhook_signature_is_that_of_the_standard),
		cmocka_unit_test(webhook_key_parse_takes_24_to_64_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
