/* SPDX-License-Identifier: MIT
 * conf: owns the values of all settings (conf_table.h). Promises that after a load every value is
 * within its bounds, whoever set it, and that a refusal names setting, origin and reason but never
 * the value of a secret. Never changes a value after the load, never writes to the environment. */
#include "taskgate/base/conf.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define DEFAULT_FILE "/etc/taskgate/taskgate.conf"
#define BLANKS " \t\r\n"
#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { OPEN, SECRET };

static const struct tg_conf_row rows[] = {
#define ROW(name, type, min, max, def, secrecy, help) \
	[TG_CONF_##name] = { #name, #type, min, max, def, secrecy == SECRET, help },
#include "taskgate/base/conf_table.h"
#undef ROW
};

/* The words of each WORD setting, in the order in which they are told to a person. */
static const struct {
	enum tg_conf conf;
	const char *words[5];
} word_lists[] = {
	{ TG_CONF_LOG_LEVEL, { "debug", "info", "warning", "error" } },
	{ TG_CONF_LOG_FORMAT, { "text", "json" } },
	{ TG_CONF_TASKGATE_CALLS_PACING, { "on", "off" } },
	{ TG_CONF_TASKGATE_CALL_MACHINE_DETECTION, { "off", "Enable", "DetectMessageEnd" } },
	{ TG_CONF_SMTP_STARTTLS, { "auto", "always", "never" } },
};

/* Settings of programs and APIs that may share the file without being read here. */
static const char *const foreign[] = { "CELERY_", "TWILIO_", "SMTP_", "OLLAMA_", "OPENAI_",
	"PEXELS_", "CMS_" };

static struct {
	char *value; /* NULL: the default */
	enum tg_conf_origin origin;
} settings[TG_CONF__MAX];

/* Names of settings that others know and that have no meaning here, as they were met; one that does
 * not fit is left out. */
static char celery[200];

/* Where a value stands: the file and its line, or the environment. */
struct place {
	const char *file;
	unsigned line;
};

static enum tg_rc refuse(
	struct tg_error *err, const char *name, const struct place *place, const char *reason)
{
	if (!place->file)
		return tg_fail(
			err, TG_E_CONFIG, name, "%s: %s (from the environment)", name, reason);
	return tg_fail(err, TG_E_CONFIG, name, "%s: %s (from %s, line %u)", name, reason,
		place->file, place->line);
}

/* Decimal digits with at most a minus: strtoll alone would take blanks, a plus and trailing
 * letters. */
static bool read_int(const char *s, long long *out)
{
	size_t sign = s[0] == '-', digits = strspn(s + sign, "0123456789");

	if (!digits || s[sign + digits])
		return false;
	errno = 0;
	*out = strtoll(s, NULL, 10);
	return errno == 0;
}

static bool check_int(const struct tg_conf_row *row, const char *value, char *why, size_t size)
{
	long long n;

	if (!read_int(value, &n)) {
		snprintf(why, size, "'%.40s' is not a whole number", row->secret ? "***" : value);
		return false;
	}
	if (n >= row->min && n <= row->max)
		return true;
	snprintf(why, size, "%lld is %s %lld", n, n < row->min ? "below" : "above",
		n < row->min ? row->min : row->max);
	return false;
}

static bool check_text(const struct tg_conf_row *row, const char *value, char *why, size_t size)
{
	size_t n = strlen(value), i;

	/* None of them could go into a header line, a URL or a path. */
	for (i = 0; i < n; i++)
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7f) {
			snprintf(why, size, "must not contain control characters");
			return false;
		}
	if ((long long)n >= row->min && (long long)n <= row->max)
		return true;
	if (!n)
		snprintf(why, size, "must not be empty");
	else
		snprintf(why, size, "%zu bytes long, allowed are %lld to %lld", n, row->min,
			row->max);
	return false;
}

/* Gives the word as it is written here: elsewhere levels are DEBUG and INFO. NULL: why is filled.
 */
static const char *find_word(enum tg_conf conf, const char *value, char *why, size_t size)
{
	size_t i, w, n;

	for (i = 0; i < COUNT(word_lists) && word_lists[i].conf != conf; i++)
		continue;
	assert(i < COUNT(word_lists));
	n = (size_t)snprintf(why, size, "'%.40s' is none of", value);
	for (w = 0; word_lists[i].words[w]; w++) {
		if (strcasecmp(word_lists[i].words[w], value) == 0)
			return word_lists[i].words[w];
		n += (size_t)snprintf(
			why + n, size - n, "%s %s", w ? "," : "", word_lists[i].words[w]);
	}
	return NULL;
}

static enum tg_rc set(
	enum tg_conf conf, const char *value, const struct place *place, struct tg_error *err)
{
	const struct tg_conf_row *row = &rows[conf];
	char why[160], *copy;
	bool ok;

	if (strcmp(row->type, "INT") == 0)
		ok = check_int(row, value, why, sizeof why);
	else if (strcmp(row->type, "WORD") == 0)
		ok = (value = find_word(conf, value, why, sizeof why)) != NULL;
	else
		ok = check_text(row, value, why, sizeof why);
	if (!ok)
		return refuse(err, row->name, place, why);
	copy = strdup(value);
	if (!copy)
		abort();
	free(settings[conf].value);
	settings[conf].value = copy;
	settings[conf].origin = place->file ? TG_CONF_FILE : TG_CONF_ENVIRONMENT;
	return TG_OK;
}

static char *trim(char *s, char *end)
{
	while (s < end && strchr(BLANKS, *s))
		s++;
	while (end > s && strchr(BLANKS, end[-1]))
		end--;
	*end = '\0';
	return s;
}

static bool is_foreign(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(foreign); i++)
		if (strncmp(name, foreign[i], strlen(foreign[i])) == 0)
			return true;
	return false;
}

/* name ends at its `=` or at its end. */
static void note_celery(const char *name)
{
	size_t n = strcspn(name, "="), len = strlen(celery);
	const char *known;

	if (strncmp(name, "CELERY_", strlen("CELERY_")) != 0 ||
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") < n ||
		len + n + 2 > sizeof celery)
		return;
	for (known = celery; (known = strstr(known, "CELERY_")) != NULL;
		known += strcspn(known, ","))
		if (strcspn(known, ",") == n && strncmp(known, name, n) == 0)
			return;
	snprintf(celery + len, sizeof celery - len, "%s%.*s", len ? "," : "", (int)n, name);
}

static enum tg_rc set_named(
	const char *name, const char *value, const struct place *place, struct tg_error *err)
{
	enum tg_conf conf;

	for (conf = 0; conf < TG_CONF__MAX; conf++)
		if (strcmp(rows[conf].name, name) == 0)
			return set(conf, value, place, err);
	if (!is_foreign(name))
		return refuse(err, name, place, "there is no such setting");
	note_celery(name);
	return TG_OK;
}

static enum tg_rc read_line(char *line, size_t n, const struct place *place, struct tg_error *err)
{
	char *text, *end = line + n, *equals, *value;

	if (memchr(line, '\0', n))
		return tg_fail(err, TG_E_CONFIG, NULL, "%s, line %u: holds a NUL byte", place->file,
			place->line);
	text = trim(line, end);
	if (!*text || *text == '#')
		return TG_OK;
	end = text + strlen(text);
	equals = strchr(text, '=');
	if (!equals || equals == text)
		return tg_fail(err, TG_E_CONFIG, NULL, "%s, line %u: expected KEY=VALUE",
			place->file, place->line);
	value = trim(equals + 1, end);
	end = value + strlen(value);
	if (end - value >= 2 && *value == '"' && end[-1] == '"') {
		*--end = '\0';
		value++;
	}
	return set_named(trim(text, equals), value, place, err);
}

static enum tg_rc read_lines(FILE *f, const char *name, struct tg_error *err)
{
	struct place place = { name, 0 };
	enum tg_rc rc = TG_OK;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while (rc == TG_OK && (n = getline(&line, &cap, f)) >= 0) {
		place.line++;
		rc = read_line(line, (size_t)n, &place, err);
	}
	if (rc == TG_OK && !feof(f))
		rc = tg_fail(err, TG_E_CONFIG, NULL, "%s: %s", name, strerror(errno));
	free(line);
	return rc;
}

static enum tg_rc read_file(const char *file, struct tg_error *err)
{
	const char *name = file ? file : DEFAULT_FILE;
	FILE *f = fopen(name, "re");
	enum tg_rc rc;

	if (!f && !file && errno == ENOENT)
		return TG_OK;
	if (!f)
		return tg_fail(err, TG_E_CONFIG, NULL, "%s: %s", name, strerror(errno));
	rc = read_lines(f, name, err);
	fclose(f);
	return rc;
}

enum tg_rc tg_conf_load(const char *file, struct tg_error *err)
{
	static const struct place environment = { NULL, 0 };
	enum tg_conf conf;
	enum tg_rc rc;
	const char *value;

	for (conf = 0; conf < TG_CONF__MAX; conf++) {
		free(settings[conf].value);
		settings[conf].value = NULL;
		settings[conf].origin = TG_CONF_DEFAULT;
	}
	celery[0] = '\0';
	rc = read_file(file, err);
	for (char **e = environ; e && *e; e++)
		note_celery(*e);
	for (conf = 0; rc == TG_OK && conf < TG_CONF__MAX; conf++) {
		value = getenv(rows[conf].name);
		if (value)
			rc = set(conf, value, &environment, err);
	}
	return rc;
}

const char *tg_conf_celery(void)
{
	return celery;
}

const char *tg_conf_text(enum tg_conf conf)
{
	assert((unsigned)conf < TG_CONF__MAX);
	return settings[conf].value ? settings[conf].value : rows[conf].def;
}

long long tg_conf_int(enum tg_conf conf)
{
	long long n = 0;
	bool ok = read_int(tg_conf_text(conf), &n);

	assert(ok && strcmp(rows[conf].type, "INT") == 0);
	return n;
}

enum tg_conf_origin tg_conf_origin(enum tg_conf conf)
{
	assert((unsigned)conf < TG_CONF__MAX);
	return settings[conf].origin;
}

const struct tg_conf_row *tg_conf_row(enum tg_conf conf)
{
	assert((unsigned)conf < TG_CONF__MAX);
	return &rows[conf];
}

bool tg_conf_has_word(enum tg_conf conf, const char *word)
{
	const char *p = tg_conf_text(conf);
	size_t n = strlen(word), len;

	for (;;) {
		p += strspn(p, BLANKS ",");
		if (!*p)
			return false;
		len = strcspn(p, BLANKS ",");
		if (len == n && memcmp(p, word, n) == 0)
			return true;
		p += len;
	}
}
