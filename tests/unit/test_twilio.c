/* SPDX-License-Identifier: MIT
 * Tests of twilio.h. The expected signatures were computed once by Twilio's own npm package
 * (twilio 6.3.1, getExpectedTwilioSignature and validateRequest), with the token "12345"; a form
 * with a name that comes twice was given to it as an array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "taskgate/base/twilio.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TOKEN "12345"

static struct tg_arena *arena;

static int make_arena(void **state)
{
	(void)state;
	arena = tg_arena_new(4096);
	return 0;
}

static int drop_arena(void **state)
{
	(void)state;
	tg_arena_free(arena);
	return 0;
}

static const struct {
	const char *url, *signature;
	struct tg_form_pair pairs[6];
	size_t n;
} vectors[] = {
	{ "https://example.com/myapp.php?foo=1&bar=2", "L/OH5YylLD5NRKLltdqwSvS0BnU=",
		{ { "CallSid", "CA1234567890ABCDE" }, { "Caller", "+14158675310" },
			{ "Digits", "1234" }, { "From", "+14158675310" },
			{ "To", "+18005551212" } },
		5 },
	{ "https://example.com/", "TXuZJhjWZUJzE+PO8qGu+QD2va0=", { { NULL, NULL } }, 0 },
	{ "https://example.com/s?task=1", "5e2292w9R50BEtM1nFXjGXJ9/kM=", { { NULL, NULL } }, 0 },
	{ "https://example.com:8443/a/b?x=%2F&y=1+2", "PiMRuYpY8uG7UTrzAUeVJ9fR3lA=",
		{ { "MessageSid", "SM1" }, { "MessageStatus", "delivered" } }, 2 },
	/* empty values */
	{ "http://127.0.0.1:8080/s", "b5qA+c4gw09yNeGxwya5BFaAEfE=",
		{ { "Body", "" }, { "From", "+1" }, { "Empty", "" } }, 3 },
	/* UTF-8; names that differ in case and in length */
	{ "https://example.com/s", "6+FGBJNqnPIbOPVPujkNrTeVzzs=",
		{ { "Body",
			  "Gr\xC3\xBC\xC3\x9F"
			  "e \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x98\x80" },
			{ "B", "\xC3\xA4 \xC3\xB6+&=%" }, { "b", "1" }, { "Ba", "2" } },
		4 },
	/* a name that comes more than once: each value once, sorted */
	{ "https://example.com/s", "T/m44wJZgWfdWHZsZ5K7VcmxebE=",
		{ { "Name", "b" }, { "Name", "a" }, { "Name", "b" }, { "Other", "1" } }, 4 },
	{ "https://example.com/s",
		"EORyjF+CV00L967+mZa/kGiBE+w=", { { "Name", "a" }, { "Name", "a" } }, 2 },
	{ "https://example.com/s", "XXSJ3kbPnzYXZJB5i4BBp6NuuVg=",
		{ { "Name", "ab" }, { "Name1", "x" }, { "Name", "a" }, { "NameA", "y" } }, 4 },
	{ "https://example.com/s",
		"Pysv52R4NlqpYOi2EkLS7mya/3g=", { { "A", "" }, { "A", "x" }, { "A", "" } }, 3 },
	{ "https://example.com/s", "vuXdc1NyfxX68cUcdCgpBnmcj4c=",
		{ { "U", "\xF0\x9F\x98\x80" }, { "U", "\xC3\xA9" }, { "U", "z" } }, 3 },
};

static struct tg_form form_of(size_t i, bool backwards)
{
	struct tg_form form = { tg_arena_alloc(arena, sizeof vectors[i].pairs), vectors[i].n };
	size_t k;

	for (k = 0; k < form.n; k++)
		form.pairs[k] = vectors[i].pairs[backwards ? form.n - 1 - k : k];
	return form;
}

static void twilio_signature_is_that_of_twilios_own_package(void **state)
{
	size_t i;
	int order;

	(void)state;
	for (i = 0; i < COUNT(vectors); i++) {
		for (order = 0; order < 2; order++) {
			struct tg_form form = form_of(i, order);

			assert_string_equal(
				tg_twilio_signature(arena, TOKEN, vectors[i].url, &form),
				vectors[i].signature);
			assert_true(tg_twilio_signature_valid(
				arena, TOKEN, vectors[i].url, &form, vectors[i].signature));
		}
	}
	assert_string_equal(
		tg_twilio_signature(arena, TOKEN, vectors[1].url, NULL), vectors[1].signature);
}

static void twilio_signature_leaves_the_form_as_it_was(void **state)
{
	struct tg_form form = form_of(6, false);

	(void)state;
	tg_twilio_signature(arena, TOKEN, vectors[6].url, &form);
	assert_int_equal(form.n, 4);
	assert_string_equal(form.pairs[0].value, "b");
	assert_string_equal(form.pairs[1].value, "a");
}

/* Every bit of a signature, its length, the token, the address, the form. */
static void twilio_signature_of_anything_else_is_invalid(void **state)
{
	struct tg_form form = form_of(0, false), less = form;
	char given[64];
	size_t i, bit, n = strlen(vectors[0].signature);

	(void)state;
	for (i = 0; i < n; i++) {
		for (bit = 0; bit < 8; bit++) {
			memcpy(given, vectors[0].signature, n + 1);
			given[i] = (char)(given[i] ^ (1 << bit));
			if (given[i] != '\0')
				assert_false(tg_twilio_signature_valid(
					arena, TOKEN, vectors[0].url, &form, given));
		}
		memcpy(given, vectors[0].signature, i);
		given[i] = '\0';
		assert_false(tg_twilio_signature_valid(arena, TOKEN, vectors[0].url, &form, given));
	}
	memcpy(given, vectors[0].signature, n);
	memcpy(given + n, "=", 2);
	assert_false(tg_twilio_signature_valid(arena, TOKEN, vectors[0].url, &form, given));
	assert_false(tg_twilio_signature_valid(arena, TOKEN, vectors[0].url, &form, NULL));
	assert_false(tg_twilio_signature_valid(
		arena, TOKEN "6", vectors[0].url, &form, vectors[0].signature));
	assert_false(
		tg_twilio_signature_valid(arena, "", vectors[0].url, &form, vectors[0].signature));
	assert_false(tg_twilio_signature_valid(
		arena, TOKEN, "https://example.com/myapp.php?foo=1", &form, vectors[0].signature));
	less.n--;
	assert_false(tg_twilio_signature_valid(
		arena, TOKEN, vectors[0].url, &less, vectors[0].signature));
	assert_false(tg_twilio_signature_valid(
		arena, TOKEN, vectors[0].url, NULL, vectors[0].signature));
}

/* Which signature is taken for which address: a 1 in row i at place k says that k's is taken for i.
 */
static void twilio_signature_counts_with_and_without_the_port(void **state)
{
	static const struct {
		const char *url, *signature, *taken;
	} cases[] = {
		{ "https://example.com/s?a=1", "tUiBzf+BPyhNvnGAzUyEgNGHi54=", "1100000000000" },
		{ "https://example.com:443/s?a=1",
			"q066+YiNtQEj5Vh6wEll8PqsZZ0=", "1100000000000" },
		{ "https://example.com:8443/s?a=1",
			"+Fr94YCTGOCeymydCwXy+4de7Xw=", "1010000000000" },
		{ "http://example.com/s?a=1", "TRVM/36qXqdyDRUMoaPQO6f9Bdo=", "0001100000000" },
		{ "http://example.com:80/s?a=1", "bIo9120avp8z5XVWLV1I//NNwV4=", "0001100000000" },
		{ "http://example.com:8080/s?a=1",
			"hevHNgXozG37WqwhTRiAsIgNEhE=", "0001010000000" },
		{ "https://[2001:db8::1]/s", "Fs/MTKwO42Yb3uNUxpljpaKWF0M=", "0000001100000" },
		{ "https://[2001:db8::1]:443/s", "5DNvFap67OcqkVQ9rkf5/xBtD44=", "0000001100000" },
		{ "https://[2001:db8::1]:8443/s", "8496RhOsKjqtBRwenz0JKSiG1vY=", "0000001010000" },
		{ "https://example.com", "RLiBKT32sjARC6WA+enfceu9CYc=", "0000000001100" },
		{ "https://example.com:443", "EtNzeySvNsg4JFOChjODeobgtwg=", "0000000001100" },
		{ "https://example.com?a=:1", "GXNBWxpqz3np8NPnb4NWdly0yNU=", "0000000000011" },
		{ "https://example.com:443?a=:1", "rGtLhvOo64RDoZyZyRk7HLACmUE=", "0000000000011" },
	};
	static struct tg_form_pair pairs[] = { { "MessageSid", "SM1" },
		{ "MessageStatus", "sent" } };
	const struct tg_form form = { pairs, COUNT(pairs) };
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_string_equal(
			tg_twilio_signature(arena, TOKEN, cases[i].url, &form), cases[i].signature);
		for (k = 0; k < COUNT(cases); k++)
			if (tg_twilio_signature_valid(arena, TOKEN, cases[i].url, &form,
				    cases[k].signature) != (cases[i].taken[k] == '1'))
				fail_msg("%s with the signature of %s", cases[i].url, cases[k].url);
	}
	/* No address at all is judged without harm. */
	assert_false(tg_twilio_signature_valid(arena, TOKEN, "", &form, cases[0].signature));
	assert_false(tg_twilio_signature_valid(arena, TOKEN, ":", &form, cases[0].signature));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			twilio_signature_is_that_of_twilios_own_package, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			twilio_signature_leaves_the_form_as_it_was, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			twilio_signature_of_anything_else_is_invalid, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			twilio_signature_counts_with_and_without_the_port, make_arena, drop_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
