/* SPDX-License-Identifier: MIT
 * taskgate-sweep: options, settings, log, then one sweep. A sweep that went well prints nothing,
 * since cron mails what is printed. */
#include <stdio.h>
#include <string.h>

#include "taskgate/base/conf.h"
#include "taskgate/base/log.h"
#include "taskgate/sweep/sweep.h"

static const char usage[] =
	"usage: taskgate-sweep [--config FILE] [--once | -n]\n"
	"\n"
	"Starts what is due, expires what timed out, sends webhooks, puts old rows away. cron "
	"starts it each minute;\n"
	"it stays up to TASKGATE_LINGER seconds and leaves earlier when the next one has come.\n"
	"\n"
	"  --once         leave when nothing is due and no transfer is under way\n"
	"  -n, --dry-run  show what each lane would do, and do nothing\n"
	"  --config FILE  read FILE instead of /etc/taskgate/taskgate.conf\n"
	"  --version      print the version\n"
	"  --help         print this\n"
	"\n"
	"exit codes: 0 done, 64 usage, 70 bug, 75 try again later (database away, migrations "
	"missing), 78 configuration\n";

struct command {
	struct tg_sweep_options opt;
	const char *config;
	bool help, version;
};

static bool parse(struct command *c, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--once") == 0)
			c->opt.once = true;
		else if (strcmp(argv[i], "-n") == 0 || strcmp(argv[i], "--dry-run") == 0)
			c->opt.preview = true;
		else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
			c->config = argv[++i];
		else if (strncmp(argv[i], "--config=", 9) == 0)
			c->config = argv[i] + 9;
		else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			c->help = true;
		else if (strcmp(argv[i], "--version") == 0)
			c->version = true;
		else
			return false;
	}
	return true;
}

static enum tg_log_level level(const char *word)
{
	static const char *const words[] = { "debug", "info", "warning", "error" };

	for (int i = 0; i < 4; i++)
		if (strcmp(word, words[i]) == 0)
			return (enum tg_log_level)i;
	return TG_LOG_INFO;
}

int main(int argc, char **argv)
{
	struct command c = { .config = NULL };
	struct tg_error err = { .rc = TG_OK };
	enum tg_rc rc;

	if (!parse(&c, argc, argv)) {
		fputs(usage, stderr);
		return 64;
	}
	if (c.help || c.version) {
		fputs(c.help ? usage : "taskgate-sweep " TG_VERSION "\n", stdout);
		return 0;
	}
	rc = tg_conf_load(c.config, &err);
	tg_log_open("taskgate-sweep",
		rc == TG_OK ? level(tg_conf_text(TG_CONF_LOG_LEVEL)) : TG_LOG_INFO,
		rc == TG_OK && strcmp(tg_conf_text(TG_CONF_LOG_FORMAT), "json") == 0);
	if (rc == TG_OK)
		rc = tg_sweep_run(&c.opt, &err);
	if (rc != TG_OK)
		tg_log_error(TG_LOG_ERROR, "sweep.failed", &err);
	return tg_error_row(rc)->exit_code;
}
