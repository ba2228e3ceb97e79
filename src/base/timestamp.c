/* SPDX-License-Identifier: MIT
 * timestamp: reads the times that clients send and PostgreSQL prints, and writes them as the other
 * side reads them. Promises that every field was range-checked and that what it gives is UTC. Never
 * asks a locale or TZ, and a clock in tg_time_wall() alone. */
#include "taskgate/base/clock.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY INT64_C(86400)

struct moment {
	int year, month, day, hour, minute, second, micros;
	int offset; /* seconds east of Greenwich */
};

struct cursor {
	const char *p, *end;
};

/* Exactly n digits; *value is untouched where they are not there. */
static bool digits(struct cursor *c, size_t n, int low, int high, int *value)
{
	int v = 0;
	size_t i;

	if ((size_t)(c->end - c->p) < n)
		return false;
	for (i = 0; i < n; i++) {
		if (c->p[i] < '0' || c->p[i] > '9')
			return false;
		v = v * 10 + (c->p[i] - '0');
	}
	if (v < low || v > high)
		return false;
	*value = v;
	c->p += n;
	return true;
}

static bool one_of(struct cursor *c, const char *set)
{
	if (c->p == c->end || !*c->p || !strchr(set, *c->p))
		return false;
	c->p++;
	return true;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static bool read_date(struct cursor *c, size_t year_digits, struct moment *m)
{
	return digits(c, year_digits, 1, 999999, &m->year) && one_of(c, "-") &&
		digits(c, 2, 1, 12, &m->month) && one_of(c, "-") &&
		digits(c, 2, 1, days_in(m->year, m->month), &m->day);
}

/* 1 to 9 digits, of which the first 6 count. */
static bool read_fraction(struct cursor *c, struct moment *m)
{
	int digit, n;

	m->micros = 0;
	for (n = 0; n < 9 && digits(c, 1, 0, 9, &digit); n++)
		if (n < 6)
			m->micros = m->micros * 10 + digit;
	if (!n)
		return false;
	for (; n < 6; n++)
		m->micros *= 10;
	return true;
}

static bool read_clock(struct cursor *c, struct moment *m)
{
	if (!digits(c, 2, 0, 23, &m->hour) || !one_of(c, ":") || !digits(c, 2, 0, 59, &m->minute))
		return false;
	if (!one_of(c, ":"))
		return true;
	return digits(c, 2, 0, 59, &m->second) && (!one_of(c, ".") || read_fraction(c, m));
}

/* Z, +05:30, +0530 or +05: the latter two are what strftime and PostgreSQL print. Nothing is UTC.
 */
static bool read_offset(struct cursor *c, struct moment *m)
{
	int hours, minutes = 0, sign;

	if (c->p == c->end || one_of(c, "Zz"))
		return true;
	sign = *c->p == '-' ? -1 : 1;
	if (!one_of(c, "+-") || !digits(c, 2, 0, 23, &hours))
		return false;
	if (c->p != c->end) {
		one_of(c, ":");
		if (!digits(c, 2, 0, 59, &minutes))
			return false;
	}
	m->offset = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* Days since 1970-01-01 of a Gregorian date from year 1 on: counted in years that begin in March,
 * so that the leap day is a year's last. */
static int64_t days_since_epoch(int year, int month, int day)
{
	int64_t y = year - (month <= 2),
		in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + in_year - 719468;
}

/* Adds the offset's seconds to the fields, by at most one day. */
static void to_utc(struct moment *m)
{
	int second = m->hour * 3600 + m->minute * 60 + m->second - m->offset;
	int day = second < 0 ? -1 : second >= DAY ? 1 : 0;

	second -= day * (int)DAY;
	m->hour = second / 3600;
	m->minute = second / 60 % 60;
	m->second = second % 60;
	m->offset = 0;
	m->day += day;
	if (m->day < 1) {
		m->month = m->month == 1 ? 12 : m->month - 1;
		m->year -= m->month == 12;
		m->day = days_in(m->year, m->month);
	} else if (m->day > days_in(m->year, m->month)) {
		m->day = 1;
		m->month = m->month == 12 ? 1 : m->month + 1;
		m->year += m->month == 1;
	}
}

/* Written in UTC although an offset would be legal: PostgreSQL takes none beyond 15:59, RFC 3339
 * allows up to 23:59. */
char *tg_time_parse(struct tg_arena *arena, const char *s, size_t n)
{
	struct cursor c = { s, s + n };
	struct moment m = { 0 };

	if (!read_date(&c, 4, &m))
		return NULL;
	if (c.p != c.end &&
		!(one_of(&c, "Tt ") && read_clock(&c, &m) && read_offset(&c, &m) && c.p == c.end))
		return NULL;
	to_utc(&m);
	if (m.year < 1970 || m.year > 9999)
		return NULL;
	return tg_arena_printf(arena, "%04d-%02d-%02d %02d:%02d:%02d.%06d+00:00", m.year, m.month,
		m.day, m.hour, m.minute, m.second, m.micros);
}

/* Anything else than a timestamptz of an ISO/UTC session is a mistake of the program. */
static struct moment read_pg(const char *pg)
{
	const char *dash = strchr(pg, '-');
	struct cursor c = { pg, pg + strlen(pg) };
	struct moment m = { 0 };
	bool ok = dash && dash - pg >= 4 && dash - pg <= 6; /* PostgreSQL's years go on to 294276 */

	ok = ok && read_date(&c, (size_t)(dash - pg), &m) && one_of(&c, " ") &&
		read_clock(&c, &m) && one_of(&c, "+") && digits(&c, 2, 0, 0, &m.offset);
	assert(ok && (c.p == c.end || strcmp(c.p, ":00") == 0));
	return m;
}

char *tg_time_seconds(struct tg_arena *arena, const char *pg)
{
	struct moment m;

	if (!pg)
		return NULL;
	m = read_pg(pg);
	return tg_arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02dZ", m.year, m.month, m.day,
		m.hour, m.minute, m.second);
}

char *tg_time_micros(struct tg_arena *arena, const char *pg)
{
	struct moment m;

	if (!pg)
		return NULL;
	m = read_pg(pg);
	return tg_arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d.%06d+00:00", m.year, m.month,
		m.day, m.hour, m.minute, m.second, m.micros);
}

int64_t tg_time_to_us(const char *pg)
{
	struct moment m = read_pg(pg);

	return (days_since_epoch(m.year, m.month, m.day) * DAY + m.hour * 3600 + m.minute * 60 +
		       m.second) *
		1000000 +
		m.micros;
}

char *tg_time_wall(struct tg_arena *arena)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[32];

	if (gmtime_r(&now, &tm) == NULL ||
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		abort();
	return tg_arena_strdup(arena, text);
}
