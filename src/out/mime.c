/* SPDX-License-Identifier: MIT
 * mime: owns the form of header fields. Promises lines of at most 78 characters where folding can
 * do it, encoded words of at most 75 that never split a character, and that nothing which it is
 * given can begin another header line. It neither sends nor knows libcurl. */
#include "taskgate/out/mime.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MOST 78
#define WORD_BYTES 45 /* of an encoded word: 60 digits of base64 and 12 characters around them */
#define RUN_MOST 60 /* without a blank; a longer one cannot be folded and is encoded */
#define PIECE_MOST 48 /* of a parameter's continued value, in percent-encoded characters */

static void refuse_controls(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			abort();
}

char *tg_mime_date(struct tg_arena *arena, long long seconds)
{
	static const char *const days[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
		"Aug", "Sep", "Oct", "Nov", "Dec" };
	long long day = seconds / 86400, rest = seconds % 86400, era, year;
	unsigned of_era, of_year, month;

	/* Civil from days, counted from 1 March of year 0 (the proleptic Gregorian calendar repeats
	 * every 146,097 days). */
	day += 719468;
	era = day / 146097;
	of_era = (unsigned)(day - era * 146097);
	year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (unsigned)(365 * year + year / 4 - year / 100);
	month = (5 * of_year + 2) / 153;
	return tg_arena_printf(arena, "%s, %02u %s %lld %02lld:%02lld:%02lld +0000",
		days[(day - 719468) % 7], of_year - (153 * month + 2) / 5 + 1,
		months[(month + 2) % 12], year + era * 400 + (month >= 10), rest / 3600,
		rest / 60 % 60, rest % 60);
}

/* Can it stand as it is, given that lines are folded at blanks? */
static bool is_plain(const char *s)
{
	size_t run = 0, n = strlen(s);

	if (n > 0 && (s[0] == ' ' || s[n - 1] == ' '))
		return false;
	for (; *s; s++) {
		run = *s == ' ' ? 0 : run + 1;
		if ((unsigned char)*s >= 0x80 || run > RUN_MOST || (s[0] == '=' && s[1] == '?') ||
			(s[0] == ' ' && s[1] == ' '))
			return false;
	}
	return true;
}

/* Appends s, folded at its blanks; *column is where the line stands. */
static void put_folded(struct tg_buf *b, const char *s, size_t *column)
{
	while (*s) {
		size_t word = strcspn(s + 1, " ") + 1;

		if (*s == ' ' && *column + word > LINE_MOST) {
			tg_buf_puts(b, "\r\n");
			*column = 0;
		}
		tg_buf_put(b, s, word);
		*column += word;
		s += word;
	}
}

/* Whole characters of s, at most most bytes. */
static size_t whole(const char *s, size_t most)
{
	size_t n = strlen(s);

	if (n <= most)
		return n;
	while (most > 0 && ((unsigned char)s[most] & 0xC0) == 0x80)
		most--;
	return most;
}

/* Encoded words, one a line but for the first. */
static void put_words(struct tg_buf *b, const char *s, size_t *column)
{
	size_t room = *column + 12 < LINE_MOST ? (LINE_MOST - 12 - *column) / 4 * 3 : 0, n;

	for (n = whole(s, room < WORD_BYTES ? room : WORD_BYTES); *s;
		s += n, n = whole(s, WORD_BYTES)) {
		const char *word;

		if (n == 0) {
			tg_buf_puts(b, "\r\n ");
			*column = 1;
			continue;
		}
		word = tg_base64(b->arena, (const uint8_t *)s, n);
		tg_buf_printf(b, "=?UTF-8?B?%s?=", word);
		*column += strlen(word) + 12;
		if (s[n] != '\0') {
			tg_buf_puts(b, "\r\n ");
			*column = 1;
		}
	}
}

char *tg_mime_field(struct tg_arena *arena, const char *name, const char *value)
{
	size_t column = strlen(name) + 2;
	struct tg_buf b;

	refuse_controls(name);
	refuse_controls(value);
	tg_buf_init(&b, arena);
	tg_buf_printf(&b, "%s: ", name);
	if (is_plain(value))
		put_folded(&b, value, &column);
	else
		put_words(&b, value, &column);
	return b.data;
}

static void put_quoted(struct tg_buf *b, const char *s)
{
	tg_buf_put(b, "\"", 1);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			tg_buf_put(b, "\\", 1);
		tg_buf_put(b, s, 1);
	}
	tg_buf_put(b, "\"", 1);
}

char *tg_mime_mailbox(
	struct tg_arena *arena, const char *field, const char *name, const char *address)
{
	size_t column = strlen(field) + 2;
	struct tg_buf b;

	refuse_controls(address);
	tg_buf_init(&b, arena);
	tg_buf_printf(&b, "%s: ", field);
	if (name == NULL || *name == '\0') {
		tg_buf_puts(&b, address);
		return b.data;
	}
	refuse_controls(name);
	if (is_plain(name) && strlen(name) <= RUN_MOST)
		put_quoted(&b, name);
	else
		put_words(&b, name, &column);
	tg_buf_printf(&b, "\r\n <%s>", address);
	return b.data;
}

char *tg_mime_addresses(struct tg_arena *arena, const char *field, const char *const *addresses)
{
	size_t column = strlen(field) + 1;
	struct tg_buf b;

	tg_buf_init(&b, arena);
	tg_buf_printf(&b, "%s:", field);
	for (size_t i = 0; addresses[i] != NULL; i++) {
		size_t n = strlen(addresses[i]);

		refuse_controls(addresses[i]);
		tg_buf_puts(&b, i > 0 ? "," : "");
		if (i > 0 && column + n + 2 > LINE_MOST) {
			tg_buf_puts(&b, "\r\n");
			column = 0;
		}
		tg_buf_printf(&b, " %s", addresses[i]);
		column += n + 2;
	}
	return b.data;
}

static bool is_attribute_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c != '\0' && strchr("!#$&+-.^_`|~", c) != NULL);
}

/* RFC 2231: in pieces, since a line has an end; a piece may end within a character. */
static void put_extended(struct tg_buf *b, const char *name)
{
	int piece = 0;
	size_t column = 0;

	for (const char *s = name; *s; s++) {
		size_t cost = is_attribute_char(*s) ? 1 : 3;

		if (s == name || column + cost > PIECE_MOST) {
			tg_buf_printf(
				b, ";\r\n filename*%d*=%s", piece, piece == 0 ? "UTF-8''" : "");
			piece++;
			column = 0;
		}
		if (cost == 1)
			tg_buf_put(b, s, 1);
		else
			tg_buf_printf(b, "%%%02X", (unsigned char)*s);
		column += cost;
	}
}

char *tg_mime_disposition(struct tg_arena *arena, const char *filename)
{
	struct tg_buf b;
	bool plain = strlen(filename) <= PIECE_MOST &&
		strstr(filename, "=?") == NULL; /* some readers decode encoded words here too */

	refuse_controls(filename);
	for (const char *s = filename; *s; s++)
		plain &= (unsigned char)*s < 0x80;
	tg_buf_init(&b, arena);
	tg_buf_puts(&b, "Content-Disposition: attachment");
	if (plain) {
		tg_buf_puts(&b, "; filename=");
		put_quoted(&b, filename);
	} else {
		put_extended(&b, filename);
	}
	return b.data;
}

char *tg_mime_lines(struct tg_arena *arena, const char *text)
{
	struct tg_buf b;

	tg_buf_init(&b, arena);
	tg_buf_puts(&b, "");
	while (*text) {
		size_t n = strcspn(text, "\r\n");

		tg_buf_put(&b, text, n);
		text += n;
		if (*text == '\0')
			break;
		tg_buf_puts(&b, "\r\n");
		text += text[0] == '\r' && text[1] == '\n' ? 2 : 1;
	}
	return b.data;
}

const char *const *tg_mime_header(struct tg_arena *arena, const struct tg_mail *m)
{
	size_t n = 0, more = 0;
	const char **lines;

	while (m->headers != NULL && m->headers[more] != NULL)
		more++;
	lines = tg_arena_zalloc(arena, (8 + more / 2) * sizeof *lines);
	lines[n++] = tg_arena_printf(arena, "Date: %s", tg_mime_date(arena, m->date));
	lines[n++] = tg_mime_mailbox(arena, "From", m->from_name, m->from);
	if (m->to != NULL && m->to[0] != NULL)
		lines[n++] = tg_mime_addresses(arena, "To", m->to);
	if (m->cc != NULL && m->cc[0] != NULL)
		lines[n++] = tg_mime_addresses(arena, "Cc", m->cc);
	if (m->reply_to != NULL)
		lines[n++] = tg_mime_mailbox(arena, "Reply-To", NULL, m->reply_to);
	lines[n++] = tg_mime_field(arena, "Subject", m->subject);
	refuse_controls(m->message_id);
	lines[n++] = tg_arena_printf(arena, "Message-ID: <%s>", m->message_id);
	for (size_t i = 0; i + 1 < more; i += 2)
		lines[n++] = tg_mime_field(arena, m->headers[i], m->headers[i + 1]);
	return lines;
}
