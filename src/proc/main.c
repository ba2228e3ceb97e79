/* SPDX-License-Identifier: MIT
 * main: the command line of a program that is master and workers. Promises that a worker reads the
 * same words as its master. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc_internal.h"
#include "taskgate/base/conf.h"
#include "taskgate/base/log.h"

static const char usage[] =
	"usage: %s [--config FILE] [-t]\n"
	"  --config FILE   settings (default /etc/taskgate/taskgate.conf); the environment wins\n"
	"  -t              check the settings and what they lead to, then leave\n"
	"  --version       print the version\n"
	"  --help          print this\n"
	"signals: TERM, INT stop (twice: at once), HUP replaces the workers, USR1 logs what they "
	"do\n"
	"exit: 0 done, 64 usage, 70 bug, 75 try again later, 78 configuration\n";

struct words {
	const char *config;
	bool test, done;
	int exit_code;
};

static struct words read_words(const struct tg_app *app, int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct words words = { 0 };
	int option;

	while (!words.done && (option = getopt_long(argc, argv, "t", options, NULL)) != -1) {
		if (option == 'c')
			words.config = optarg;
		else if (option == 't')
			words.test = true;
		else
			words.done = true;
		if (option == 'v')
			dprintf(STDOUT_FILENO, "%s %s\n", app->program, TG_VERSION);
		else if (option == 'h')
			dprintf(STDOUT_FILENO, usage, app->program);
		else if (option == '?')
			words.exit_code = tg_error_row(TG_E_INVALID)->exit_code;
	}
	if (!words.done && optind < argc) {
		dprintf(STDERR_FILENO, usage, app->program);
		words.done = true;
		words.exit_code = tg_error_row(TG_E_INVALID)->exit_code;
	}
	return words;
}

static enum tg_log_level level_of(const char *word)
{
	if (strcmp(word, "debug") == 0)
		return TG_LOG_DEBUG;
	if (strcmp(word, "warning") == 0)
		return TG_LOG_WARNING;
	return strcmp(word, "error") == 0 ? TG_LOG_ERROR : TG_LOG_INFO;
}

static int failed(const char *event, const struct tg_error *err)
{
	tg_log_error(TG_LOG_ERROR, event, err);
	return tg_error_row(err->rc)->exit_code;
}

static int test_only(const struct tg_app *app)
{
	struct tg_error err;

	if (app->check && app->check(&err) != TG_OK)
		return failed("check", &err);
	dprintf(STDOUT_FILENO, "%s: ready to start\n", app->program);
	return 0;
}

int tg_proc_main(const struct tg_app *app, int argc, char **argv)
{
	const char *slot = getenv(TG_WORKER_ENV);
	struct words words;
	struct tg_error err;

	/* Before anything else: what a worker logs while it starts may meet a closed pipe, and TERM
	 * must wait until it is asked for. */
	if (slot)
		tg_signals_block();
	tg_log_open(app->program, TG_LOG_INFO, false);
	words = read_words(app, argc, argv);
	if (words.done)
		return words.exit_code;
	if (tg_conf_load(words.config, &err) != TG_OK)
		return failed("settings", &err);
	tg_log_open(app->program, level_of(tg_conf_text(TG_CONF_LOG_LEVEL)),
		strcmp(tg_conf_text(TG_CONF_LOG_FORMAT), "json") == 0);
	if (slot)
		return tg_worker_main(app, slot);
	return words.test ? test_only(app) : tg_master_main(app, argv);
}
