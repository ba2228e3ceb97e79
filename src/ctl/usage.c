/* SPDX-License-Identifier: MIT
 * usage: owns the list of commands, their help and the reading of a command line. Promises that
 * what a help text says is what is taken, since both come from the same row. Never connects to
 * anything. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "taskgate/ctl/ctl.h"

static const struct tg_ctl_command *const groups[] = { tg_ctl_migrate, tg_ctl_directory,
	tg_ctl_token, tg_ctl_type, tg_ctl_registry, tg_ctl_lane, tg_ctl_webhook_key,
	tg_ctl_delivery, tg_ctl_task, tg_ctl_status, tg_ctl_states, tg_ctl_conf, tg_ctl_audit,
	tg_ctl_routes, tg_ctl_demo, tg_ctl_calls, NULL };

/* Taken by every command; they may stand before its words too. */
static const struct tg_ctl_option common[] = {
	{ "--json", NULL, "print JSON for programs" },
	{ "--config", "FILE", "read the settings from FILE, not from /etc/taskgate/taskgate.conf" },
	{ "--help", NULL, "print this help" },
	{ "--version", NULL, "print the version" },
	{ "--tenant", "NAME", "the tenant; without it the first one" },
};
enum { AT_JSON, AT_CONFIG, AT_HELP, AT_VERSION, AT_TENANT, COMMON };

const struct tg_ctl_command *const *tg_ctl_groups(void)
{
	return groups;
}

static void describe(struct tg_buf *out, const struct tg_ctl_option *o)
{
	char left[64];

	snprintf(left, sizeof left, "%s%s%s", o->name, o->value ? " " : "",
		o->value ? o->value : "");
	tg_buf_printf(out, "  %-22s  %s\n", left, o->help);
}

void tg_ctl_usage(struct tg_buf *out, const struct tg_ctl_command *c)
{
	int i;

	tg_buf_printf(out, "usage: taskgatectl %s%s%s [options]\n\n%s\n\n", c->words,
		*c->args ? " " : "", c->args, c->help);
	for (i = 0; i < TG_CTL_OPTIONS && c->options[i].name; i++)
		describe(out, &c->options[i]);
	for (i = 0; i < COMMON; i++)
		if (i != AT_VERSION && (i != AT_TENANT || (c->flags & TG_CTL_TENANT)))
			describe(out, &common[i]);
}

static bool begins(const struct tg_ctl_command *c, const char *word)
{
	size_t n = word ? strlen(word) : 0;

	return !word ||
		(strncmp(c->words, word, n) == 0 && (c->words[n] == ' ' || c->words[n] == '\0'));
}

void tg_ctl_overview(struct tg_buf *out, const char *word)
{
	const struct tg_ctl_command *c;
	char left[64];
	size_t g;

	tg_buf_puts(out, "usage: taskgatectl COMMAND [arguments] [options]\n\n");
	for (g = 0; groups[g]; g++)
		for (c = groups[g]; c->words; c++) {
			if (!begins(c, word))
				continue;
			snprintf(left, sizeof left, "%s%s%s", c->words, *c->args ? " " : "",
				c->args);
			tg_buf_printf(out, "  %-32s  %s\n", left, c->help);
		}
	tg_buf_puts(out,
		"\n`taskgatectl COMMAND --help` tells its options. Exit codes: 0 done, 64 usage, "
		"70 bug, 75 try again later, 78 configuration.\n");
}

/* The longest row whose words are all there; *words says how many they are. */
static const struct tg_ctl_command *find(
	const struct tg_ctl *ctl, const char *const *word, int n, int *words)
{
	const struct tg_ctl_command *c, *best = NULL;
	const char *text;
	size_t g;
	int want;

	*words = 0;
	for (g = 0; groups[g]; g++)
		for (c = groups[g]; c->words; c++) {
			want = strchr(c->words, ' ') ? 2 : 1;
			if (n < want || want <= *words)
				continue;
			text = want == 1 ? word[0]
					 : tg_arena_printf(ctl->arena, "%s %s", word[0], word[1]);
			if (strcmp(text, c->words) != 0)
				continue;
			best = c;
			*words = want;
		}
	return best;
}

static bool known_word(const char *word)
{
	size_t g;

	for (g = 0; groups[g]; g++)
		for (const struct tg_ctl_command *c = groups[g]; c->words; c++)
			if (begins(c, word))
				return true;
	return false;
}

/* What the command line holds, before anything of it is understood. */
struct line {
	int argc, at;
	char **argv;
	const char *word[2 + TG_CTL_ARGS];
	int words;
	bool help;
};

/* argv[at] is `--name=value`, or `--name` with the value behind it. NULL where there is none. */
static const char *value_of(struct line *line, const char *name)
{
	const char *text = line->argv[line->at];
	size_t n = strlen(name);

	if (text[n] == '=')
		return text + n + 1;
	return line->at + 1 < line->argc ? line->argv[++line->at] : NULL;
}

static bool is_option(const char *text, const struct tg_ctl_option *o)
{
	size_t n = strlen(o->name);

	return strncmp(text, o->name, n) == 0 && (text[n] == '\0' || text[n] == '=');
}

static enum tg_rc take(
	struct tg_ctl *ctl, struct line *line, const struct tg_ctl_option *o, const char **value)
{
	const char *text = line->argv[line->at];

	if (!o->value && text[strlen(o->name)] == '=')
		return tg_fail(ctl->err, TG_E_INVALID, NULL, "%s takes no value", o->name);
	*value = o->value ? value_of(line, o->name) : "";
	return *value
		? TG_OK
		: tg_fail(ctl->err, TG_E_INVALID, NULL, "%s needs a value: %s", o->name, o->value);
}

static enum tg_rc take_common(struct tg_ctl *ctl, struct line *line, bool *taken)
{
	const char *value[COMMON] = { NULL };
	int i;

	for (i = 0; i < COMMON && !is_option(line->argv[line->at], &common[i]); i++)
		continue;
	*taken = i < COMMON;
	if (!*taken)
		return TG_OK;
	if (take(ctl, line, &common[i], &value[i]) != TG_OK)
		return ctl->err->rc;
	ctl->json = ctl->json || value[AT_JSON];
	line->help = line->help || value[AT_HELP];
	if (value[AT_CONFIG])
		ctl->config = value[AT_CONFIG];
	if (value[AT_TENANT])
		ctl->tenant = value[AT_TENANT];
	return TG_OK;
}

static enum tg_rc take_option(struct tg_ctl *ctl, struct line *line)
{
	const struct tg_ctl_command *c = ctl->command;
	bool taken;
	int i;

	for (i = 0; c && i < TG_CTL_OPTIONS && c->options[i].name; i++)
		if (is_option(line->argv[line->at], &c->options[i]))
			return take(ctl, line, &c->options[i], &ctl->value[i]);
	if (take_common(ctl, line, &taken) != TG_OK || taken)
		return ctl->err->rc;
	return tg_fail(ctl->err, TG_E_INVALID, NULL,
		c ? "unknown option %s" : "the option %s comes before its command",
		line->argv[line->at]);
}

/* Words and options in any order; the command is known as soon as its words are there, and its
 * options only from then on. */
static enum tg_rc read_line(struct tg_ctl *ctl, struct line *line)
{
	bool only_words = false;
	int words;

	for (line->at = 1; line->at < line->argc; line->at++) {
		const char *text = line->argv[line->at];

		if (!only_words && strcmp(text, "--") == 0) {
			only_words = true;
			continue;
		}
		if (!only_words && text[0] == '-' && text[1] != '\0') {
			if (take_option(ctl, line) != TG_OK)
				return ctl->err->rc;
			continue;
		}
		if (ctl->command) {
			if (ctl->args == TG_CTL_ARGS)
				return tg_fail(ctl->err, TG_E_INVALID, NULL, "too many arguments");
			ctl->arg[ctl->args++] = text;
			continue;
		}
		if (line->words == 2)
			break;
		line->word[line->words++] = text;
		ctl->command = find(ctl, line->word, line->words, &words);
	}
	return TG_OK;
}

enum tg_rc tg_ctl_parse(struct tg_ctl *ctl, int argc, char **argv, bool *help)
{
	struct line line = { .argc = argc, .argv = argv };
	enum tg_rc rc = read_line(ctl, &line);
	const struct tg_ctl_command *c = ctl->command;

	*help = line.help;
	if (rc != TG_OK)
		return rc;
	if (line.words && strcmp(line.word[0], "help") == 0)
		*help = true;
	if (*help) {
		if (c)
			tg_ctl_usage(&ctl->out, c);
		else
			tg_ctl_overview(&ctl->out,
				line.words && known_word(line.word[0]) ? line.word[0] : NULL);
		return TG_OK;
	}
	if (!c && !line.words)
		return tg_fail(ctl->err, TG_E_INVALID, NULL,
			"which command? `taskgatectl --help` lists them");
	if (!c)
		return tg_fail(ctl->err, TG_E_INVALID, NULL,
			"there is no command `%s%s%s`; `taskgatectl%s%s --help` lists them",
			line.word[0], line.words > 1 ? " " : "", line.words > 1 ? line.word[1] : "",
			known_word(line.word[0]) ? " " : "",
			known_word(line.word[0]) ? line.word[0] : "");
	if (ctl->tenant && !(c->flags & TG_CTL_TENANT))
		return tg_fail(ctl->err, TG_E_INVALID, NULL, "%s belongs to no tenant", c->words);
	if (ctl->args < c->min_args || ctl->args > c->max_args)
		return tg_fail(ctl->err, TG_E_INVALID, NULL, "usage: taskgatectl %s%s%s [options]",
			c->words, *c->args ? " " : "", c->args);
	return TG_OK;
}
