/* SPDX-License-Identifier: MIT
 * conf: the settings of all programs, one table row each (conf_table.h). Loaded once at start,
 * never changed after: a new value comes with a new process. The programs themselves never set
 * environment variables for each other. */
#ifndef TASKGATE_CONF_H
#define TASKGATE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include "taskgate/base/error.h"

enum tg_conf {
#define ROW(name, ...) TG_CONF_##name,
#include "taskgate/base/conf_table.h"
#undef ROW
	TG_CONF__MAX
};

enum tg_conf_origin { TG_CONF_DEFAULT, TG_CONF_FILE, TG_CONF_ENVIRONMENT };

struct tg_conf_row {
	const char *name, *type; /* type: "TEXT", "INT" or "WORD" */
	long long min, max;
	const char *def;
	bool secret;
	const char *help;
};

/* Reads the file (NULL: /etc/taskgate/taskgate.conf, which may be absent; a named file must exist),
 * then the environment. KEY=VALUE lines, '#' comments, blanks around key and value dropped, one
 * pair of double quotes taken off. Unknown keys in the file are refused by name and line, except
 * CELERY_*, TWILIO_*, SMTP_*, OLLAMA_*, OPENAI_*, PEXELS_*, CMS_* (rows of later APIs). TG_E_CONFIG
 * with a message that names setting, origin and reason. */
enum tg_rc tg_conf_load(const char *file, struct tg_error *err) TG_MUSTCHECK;

const char *tg_conf_text(enum tg_conf); /* borrowed for ever; "" where unset */
long long tg_conf_int(enum tg_conf);
enum tg_conf_origin tg_conf_origin(enum tg_conf);
/* CELERY_* of the file and the environment, comma separated: taken and ignored, so that a worker's
 * old settings need not be cleared out. "" where there are none. */
const char *tg_conf_celery(void);
const struct tg_conf_row *tg_conf_row(enum tg_conf);
bool tg_conf_has_word(
	enum tg_conf, const char *word); /* is word one of the comma separated ones? */

#endif
