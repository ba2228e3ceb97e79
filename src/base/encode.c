/* SPDX-License-Identifier: MIT
 * encode: the encodings of text.h: UTF-8, hexadecimal digits, base64, percent escapes, UUIDs.
 * Promises to refuse what is not exactly of the form, never to guess. Never depends on the locale:
 * isalpha() and its like do. */
#include "taskgate/base/text.h"

#include <stdint.h>
#include <string.h>

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Bytes of the character that begins at s, 0 where it is none (RFC 3629, section 4). n is at
 * least 1. */
static size_t utf8_step(const uint8_t *s, size_t n)
{
	uint8_t low = 0x80, high = 0xBF;
	size_t i, len;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xC2 || s[0] > 0xF4)
		return 0;
	len = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
	if (n < len)
		return 0;
	switch (s[0]) {
	case 0xE0:
		low = 0xA0;
		break; /* shorter forms exist below */
	case 0xED:
		high = 0x9F;
		break; /* surrogates above */
	case 0xF0:
		low = 0x90;
		break;
	case 0xF4:
		high = 0x8F;
		break; /* U+10FFFF is the last */
	default:
		break;
	}
	if (s[1] < low || s[1] > high)
		return 0;
	for (i = 2; i < len; i++)
		if ((s[i] & 0xC0) != 0x80)
			return 0;
	return len;
}

bool tg_utf8_valid(const char *s, size_t n)
{
	const uint8_t *p = (const uint8_t *)s;
	uint64_t eight;
	size_t i = 0, step;

	while (i < n) {
		if (n - i >= sizeof eight) {
			memcpy(&eight, p + i, sizeof eight);
			if (!(eight & UINT64_C(0x8080808080808080))) {
				i += sizeof eight;
				continue;
			}
		}
		step = utf8_step(p + i, n - i);
		if (!step)
			return false;
		i += step;
	}
	return true;
}

size_t tg_utf8_length(const char *s, size_t n)
{
	size_t i, count = 0;

	for (i = 0; i < n; i++)
		count += ((uint8_t)s[i] & 0xC0) != 0x80;
	return count;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

void tg_hex(char *out, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

bool tg_unhex(uint8_t *out, const char *hex, size_t n)
{
	size_t i;
	int high, low;

	for (i = 0; i < n; i++) {
		high = hex_digit(hex[2 * i]);
		if (high < 0) /* a NUL ends here, before the digit behind it is read */
			return false;
		low = hex_digit(hex[2 * i + 1]);
		if (low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

char *tg_base64(struct tg_arena *arena, const uint8_t *bytes, size_t n)
{
	char *out = tg_arena_alloc(arena, (n + 2) / 3 * 4 + 1), *p = out;
	uint32_t v;
	size_t i;

	for (i = 0; i < n; i += 3, p += 4) {
		v = (uint32_t)bytes[i] << 16;
		v |= i + 1 < n ? (uint32_t)bytes[i + 1] << 8 : 0;
		v |= i + 2 < n ? bytes[i + 2] : 0;
		p[0] = base64_digits[v >> 18];
		p[1] = base64_digits[v >> 12 & 63];
		p[2] = i + 1 < n ? base64_digits[v >> 6 & 63] : '=';
		p[3] = i + 2 < n ? base64_digits[v & 63] : '=';
	}
	*p = '\0';
	return out;
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Unused bits before the padding must be zero, so that a value has one spelling only. */
uint8_t *tg_unbase64(struct tg_arena *arena, const char *s, size_t len, size_t *n)
{
	uint8_t *out = tg_arena_alloc(arena, len / 4 * 3 + 1);
	size_t i, digits = len, made = 0;
	uint32_t v = 0;
	unsigned bits = 0;
	int d;

	if (len % 4)
		return NULL;
	while (digits && len - digits < 2 && s[digits - 1] == '=')
		digits--;
	for (i = 0; i < digits; i++) {
		d = base64_digit(s[i]);
		if (d < 0)
			return NULL;
		v = v << 6 | (uint32_t)d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[made++] = (uint8_t)(v >> bits);
		}
	}
	if (v & ((1u << bits) - 1))
		return NULL;
	out[made] = 0;
	*n = made;
	return out;
}

char *tg_percent_decode(struct tg_arena *arena, const char *s, size_t n, bool plus_is_space)
{
	char *out = tg_arena_alloc(arena, n + 1);
	size_t i, made = 0;
	int high, low;

	for (i = 0; i < n; i++) {
		out[made] = plus_is_space && s[i] == '+' ? ' ' : s[i];
		if (s[i] == '%') {
			if (n - i < 3)
				return NULL;
			high = hex_digit(s[i + 1]);
			low = hex_digit(s[i + 2]);
			if (high < 0 || low < 0)
				return NULL;
			out[made] = (char)(high << 4 | low);
			i += 2;
		}
		if (!out[made++])
			return NULL;
	}
	out[made] = '\0';
	return tg_utf8_valid(out, made) ? out : NULL;
}

bool tg_uuid_valid(const char *s)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t i;

	for (i = 0; form[i]; i++)
		if (form[i] == 'x' ? hex_digit(s[i]) < 0 : s[i] != '-')
			return false;
	return s[i] == '\0';
}
