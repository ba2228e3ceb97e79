/* SPDX-License-Identifier: MIT
 * json_token: the strings and numbers of json_scan. Promises that a token it passes is exactly one
 * of RFC 8259 and can be stored and computed with. Never builds a value, save for keys that are
 * written with escapes. */
#include "json_token.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "taskgate/base/text.h"

/* Beyond these PostgreSQL's numeric, and so its jsonb, refuses a number (the second is generous: it
 * refuses from 2^30 on, and a number that is not zero cannot need it). */
#define PG_SCALE_MAX 16383
#define PG_EXPONENT_MAX 1000000

bool tg_json_refuse(struct tg_json_cursor *s, const char *at, const char *why)
{
	s->p = at;
	s->why = at == s->end ? "the text ends too early" : why;
	return false;
}

/* Four hexadecimal digits at p, or -1. */
static int read_hex4(const char *p, const char *end)
{
	char digits[5] = "";
	uint8_t bytes[2];

	if (end - p < 4)
		return -1;
	memcpy(digits, p, 4);
	return tg_unhex(bytes, digits, 2) ? bytes[0] << 8 | bytes[1] : -1;
}

static bool is_high(int unit)
{
	return unit >= 0xD800 && unit < 0xDC00;
}

static bool is_low(int unit)
{
	return unit >= 0xDC00 && unit < 0xE000;
}

/* Stands on the backslash. */
static bool scan_escape(struct tg_json_cursor *s)
{
	int unit;

	if (s->end - s->p < 2)
		return tg_json_refuse(s, s->end, NULL);
	if (s->p[1] != 'u') {
		if (!s->p[1] || !strchr("\"\\/bfnrt", s->p[1]))
			return tg_json_refuse(s, s->p, "unknown escape in a string");
		s->p += 2;
		return true;
	}
	unit = read_hex4(s->p + 2, s->end);
	if (unit < 0)
		return tg_json_refuse(s, s->p, "\\u wants four hexadecimal digits");
	if (!unit)
		return tg_json_refuse(s, s->p, "\\u0000 cannot be stored");
	if (is_low(unit))
		return tg_json_refuse(s, s->p, "lone surrogate");
	if (is_high(unit)) {
		if (s->end - s->p < 12 || s->p[6] != '\\' || s->p[7] != 'u' ||
			!is_low(read_hex4(s->p + 8, s->end)))
			return tg_json_refuse(s, s->p, "lone surrogate");
		s->p += 6;
	}
	s->p += 6;
	return true;
}

/* A run of bytes above 0x7F holds whole characters or is not UTF-8. */
static bool scan_beyond_ascii(struct tg_json_cursor *s)
{
	const char *run = s->p, *p = run;
	size_t n = 1;

	while (p < s->end && (unsigned char)*p >= 0x80)
		p++;
	s->p = p;
	if (tg_utf8_valid(run, (size_t)(p - run)))
		return true;
	while (n <= 4 && n <= (size_t)(p - run)) {
		if (tg_utf8_valid(run, n)) {
			run += n;
			n = 0;
		}
		n++;
	}
	return tg_json_refuse(s, run, "not UTF-8");
}

/* Eight bytes at a time over what needs no look: a byte of `hit` has its top bit set where the byte
 * of the text is a quote, a backslash, a control character or beyond ASCII. False hits above a true
 * one do no harm. */
static const char *skip_plain(const char *p, const char *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones * 0x80;
	uint64_t v, quote, slash, hit;

	for (; end - p >= 8; p += 8) {
		memcpy(&v, p, 8);
		quote = v ^ ones * '"';
		slash = v ^ ones * '\\';
		hit = (v | (v - ones * 0x20) | (quote - ones) | (slash - ones)) & tops;
		if (hit)
			break;
	}
	while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
		*p != '\\')
		p++;
	return p;
}

bool tg_json_string(struct tg_json_cursor *s, bool *escapes)
{
	*escapes = false;
	for (s->p++;;) {
		s->p = skip_plain(s->p, s->end);
		if (s->p == s->end)
			return tg_json_refuse(s, s->p, NULL);
		if (*s->p == '"')
			break;
		if (*s->p == '\\') {
			*escapes = true;
			if (!scan_escape(s))
				return false;
		} else if ((unsigned char)*s->p >= 0x80) {
			if (!scan_beyond_ascii(s))
				return false;
		} else {
			return tg_json_refuse(s, s->p, "control character in a string");
		}
	}
	s->p++;
	return true;
}

static char *put_utf8(char *out, unsigned c)
{
	if (c < 0x80) {
		*out++ = (char)c;
		return out;
	}
	if (c < 0x800) {
		*out++ = (char)(0xC0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*out++ = (char)(0xE0 | c >> 12);
		} else {
			*out++ = (char)(0xF0 | c >> 18);
			*out++ = (char)(0x80 | (c >> 12 & 63));
		}
		*out++ = (char)(0x80 | (c >> 6 & 63));
	}
	*out++ = (char)(0x80 | (c & 63));
	return out;
}

char *tg_json_decode(struct tg_arena *arena, const char *p, const char *end, size_t *len)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char *start = tg_arena_alloc(arena, (size_t)(end - p) + 1), *out = start;
	unsigned c;

	while (p < end) {
		if (*p != '\\') {
			*out++ = *p++;
		} else if (p[1] != 'u') {
			*out++ = to[strchr(from, p[1]) - from];
			p += 2;
		} else {
			c = (unsigned)read_hex4(p + 2, end);
			p += 6;
			if (is_high((int)c)) {
				c = 0x10000 + ((c - 0xD800) << 10) +
					((unsigned)read_hex4(p + 2, end) - 0xDC00);
				p += 6;
			}
			out = put_utf8(out, c);
		}
	}
	*out = '\0';
	*len = (size_t)(out - start);
	return start;
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* JSON allows no leading zeros, so that more digits are a greater number. */
static bool fits_int64(const char *p, size_t n)
{
	const char *most = *p == '-' ? "-9223372036854775808" : "9223372036854775807";
	size_t most_n = strlen(most);

	return n < most_n || (n == most_n && memcmp(p, most, n) <= 0);
}

/* The signed value of the exponent's digits, held within a range in which sums with lengths cannot
 * overflow. */
static long long read_exponent(const char *p, const char *end)
{
	long long value = 0;
	bool negative;

	if (p == end)
		return 0;
	p++;
	negative = *p == '-';
	for (p += *p == '-' || *p == '+'; p < end; p++)
		if (value < LLONG_MAX / 100)
			value = value * 10 + (*p - '0');
	return negative ? -value : value;
}

/* Why a number with a fraction or an exponent cannot be kept, or NULL. Its first digit that counts
 * stands at 10 to the power of `magnitude`: below 308 it is a finite double, above it is none, and
 * only at 308 strtod has to say. */
static const char *range_fault(
	struct tg_json_cursor *s, const char *start, const char *point, const char *mantissa_end)
{
	const char *first = start + (*start == '-');
	long long exponent = read_exponent(mantissa_end, s->p), magnitude, scale = -exponent;
	double value;

	if (mantissa_end > point)
		scale += mantissa_end - point - 1;
	if (scale > PG_SCALE_MAX)
		return "the number has too many decimal places";
	if (exponent > PG_EXPONENT_MAX)
		return "the number is too large";
	while (first < mantissa_end && (*first == '0' || *first == '.'))
		first++;
	if (first == mantissa_end)
		return NULL;
	magnitude = (first < point ? point - first - 1 : point - first) + exponent;
	if (magnitude < 308)
		return NULL;
	if (magnitude == 308) {
		value = strtod(tg_arena_strndup(s->arena, start, (size_t)(s->p - start)), NULL);
		if (value - value == 0)
			return NULL;
	}
	return "the number is too large";
}

bool tg_json_number(struct tg_json_cursor *s)
{
	const char *start = s->p, *digits, *point, *mantissa_end, *fault;

	digits = s->p += *s->p == '-';
	s->p = point = skip_digits(s->p, s->end);
	if (point == digits)
		return tg_json_refuse(s, s->p, "a digit is expected");
	if (*digits == '0' && point - digits > 1)
		return tg_json_refuse(s, digits, "a number begins with a needless zero");
	if (s->p < s->end && *s->p == '.') {
		digits = ++s->p;
		s->p = skip_digits(s->p, s->end);
		if (s->p == digits)
			return tg_json_refuse(s, s->p, "a digit is expected");
	}
	mantissa_end = s->p;
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		s->p++;
		s->p += s->p < s->end && (*s->p == '+' || *s->p == '-');
		digits = s->p;
		s->p = skip_digits(s->p, s->end);
		if (s->p == digits)
			return tg_json_refuse(s, s->p, "a digit is expected");
	}
	if (s->p != point)
		fault = range_fault(s, start, point, mantissa_end);
	else
		fault = fits_int64(start, (size_t)(point - start)) ? NULL
								   : "an integer must fit 64 bits";
	return !fault || tg_json_refuse(s, start, fault);
}
