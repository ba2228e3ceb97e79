/* SPDX-License-Identifier: MIT
 * registry_rows: one row of a directory on its way into the database: judging a value by its kind,
 * writing the object that the put statement reads, and finding out which field a refusal is about.
 * Promises that what the database has a constraint for is judged there alone. */
#include <string.h>
#include <strings.h>

#include "registry.h"
#include "taskgate/base/clock.h"

bool registry_is_put(const struct registry_field *f)
{
	return !(f->flags & (FIELD_SHOWN | FIELD_IGNORED));
}

static enum tg_rc judge_bool(const char **value, struct tg_error *err)
{
	static const char *const words[] = { "false", "true", "f", "t", "no", "yes", "0", "1" };
	size_t i;

	for (i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasecmp(*value, words[i]) == 0) {
			*value = words[i % 2];
			return TG_OK;
		}
	return tg_fail(err, TG_E_INVALID, NULL, "`%s` is neither true nor false", *value);
}

static enum tg_rc judge_time(struct tg_arena *arena, const char **value, struct tg_error *err)
{
	const char *time = tg_time_parse(arena, *value, strlen(*value));

	if (!time)
		return tg_fail(err, TG_E_INVALID, NULL,
			"`%s` is not a time like 2026-01-31T10:30:00Z", *value);
	*value = time;
	return TG_OK;
}

enum tg_rc registry_judge(struct tg_arena *arena, const struct registry_field *f,
	const char **value, struct tg_error *err)
{
	if (*value && !**value)
		*value = NULL;
	if (!*value)
		return f->flags & FIELD_NEEDED
			? tg_fail(err, TG_E_INVALID, NULL, "must not be empty")
			: TG_OK;
	if (f->kind == TG_CTL_BOOL)
		return judge_bool(value, err);
	if (f->kind == TG_CTL_TIME)
		return judge_time(arena, value, err);
	if (f->kind == TG_CTL_INT &&
		(strlen(*value) > 9 || strspn(*value, "0123456789") != strlen(*value)))
		return tg_fail(err, TG_E_INVALID, NULL,
			"`%s` is not a whole number of at most nine digits", *value);
	return TG_OK;
}

void registry_put_json(struct tg_buf *out, const struct registry *r, const char *const *row)
{
	const char *before = "{";
	int i;

	for (i = 0; r->fields[i].name; i++) {
		if (!registry_is_put(&r->fields[i]))
			continue;
		tg_buf_puts(out, before);
		before = ",";
		tg_ctl_json_string(out, r->fields[i].name);
		tg_buf_puts(out, ":");
		tg_ctl_json_string(out, row[i]);
	}
	tg_buf_puts(out, "}");
}

/* Where several fields have the rule of an id, which of them breaks it. */
static bool is_no_id(const char *value)
{
	const char *p = value;

	while ((unsigned char)*p >= 0x20 && *p != 0x7F)
		p++;
	return *p || tg_utf8_length(value, strlen(value)) > 128;
}

const struct registry_field *registry_blame(
	const struct registry *r, const char *const *row, const struct tg_error *err)
{
	const struct registry_field *f, *found = NULL, *odd = NULL;
	bool by_rule = err->reason[0] != '\0', malformed = strncmp(err->sqlstate, "22", 2) == 0;
	int n = 0, n_odd = 0;

	for (f = r->fields; f->name; f++) {
		const char *value = row[f - r->fields];

		if (!value ||
			!(by_rule ? f->rule && strcmp(f->rule, err->reason) == 0
				  : malformed && f->kind == TG_CTL_JSON))
			continue;
		found = f;
		n++;
		if (is_no_id(value)) {
			odd = f;
			n_odd++;
		}
	}
	return n == 1 ? found : n_odd == 1 ? odd : NULL;
}
