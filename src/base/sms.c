/* SPDX-License-Identifier: MIT
 * sms: owns the GSM 7-bit alphabet as Unicode code points, and the arithmetic of parts. */
#include "taskgate/base/sms.h"

#include <stdint.h>

/* TS 23.038 6.2.1 beyond ASCII, sorted. */
static const uint16_t basic[] = { 0xA1, 0xA3, 0xA4, 0xA5, 0xA7, 0xBF, 0xC4, 0xC5, 0xC6, 0xC7, 0xC9,
	0xD1, 0xD6, 0xD8, 0xDC, 0xDF, 0xE0, 0xE4, 0xE5, 0xE6, 0xE8, 0xE9, 0xEC, 0xF1, 0xF2, 0xF6,
	0xF8, 0xF9, 0xFC, 0x393, 0x394, 0x398, 0x39B, 0x39E, 0x3A0, 0x3A3, 0x3A6, 0x3A8, 0x3A9 };

/* Septets of a code point; 0 where the alphabet has it not. */
static size_t septets(uint32_t c)
{
	size_t i;

	switch (c) {
	case '\f':
	case '^':
	case '{':
	case '}':
	case '\\':
	case '[':
	case '~':
	case ']':
	case '|':
	case 0x20AC:
		return 2; /* 6.2.1.1, behind an escape */
	case '`':
		return 0;
	default:
		break;
	}
	if (c == '\n' || c == '\r' || (c >= ' ' && c < 0x7F))
		return 1;
	for (i = 0; i < sizeof basic / sizeof *basic; i++)
		if (basic[i] == c)
			return 1;
	return 0;
}

static size_t utf16_units(uint32_t c)
{
	return c > 0xFFFF ? 2 : 1;
}

static uint32_t next_code_point(const unsigned char **p)
{
	uint32_t c = *(*p)++;
	int more = c < 0x80 ? 0 : c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;

	if (more)
		c &= 0x3Fu >> more;
	while (more-- > 0)
		c = c << 6 | (*(*p)++ & 0x3F);
	return c;
}

static size_t parts(const unsigned char *p, const unsigned char *end, size_t (*units)(uint32_t),
	size_t alone, size_t each)
{
	const unsigned char *start = p;
	size_t total = 0, used = 0, made = 1, u;

	while (p < end)
		total += units(next_code_point(&p));
	if (total <= alone)
		return total > 0;
	for (p = start; p < end;) {
		u = units(next_code_point(&p));
		if (used + u > each) {
			made++;
			used = 0;
		}
		used += u;
	}
	return made;
}

struct tg_sms_size tg_sms_size(const char *utf8, size_t n)
{
	const unsigned char *start = (const unsigned char *)utf8, *end = start + n, *p;
	struct tg_sms_size size = { .gsm7 = true };

	for (p = start; p < end; size.characters++)
		size.gsm7 &= septets(next_code_point(&p)) > 0;
	size.segments = size.gsm7 ? parts(start, end, septets, 160, 153)
				  : parts(start, end, utf16_units, 70, 67);
	return size;
}
