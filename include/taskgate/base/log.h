/* SPDX-License-Identifier: MIT
 * log: one line per happening on standard error, `time level program key=value ...` or one JSON
 * object (LOG_FORMAT=json), each line by one write. Never bound values, tokens, secrets or bodies.
 */
#ifndef TASKGATE_LOG_H
#define TASKGATE_LOG_H

#include "taskgate/base/error.h"

enum tg_log_level { TG_LOG_DEBUG, TG_LOG_INFO, TG_LOG_WARNING, TG_LOG_ERROR };

/* program is borrowed for ever ("taskgate-fcgi"). level: the least one that is written. */
void tg_log_open(const char *program, enum tg_log_level level, bool json);
/* Prefix of all lines until called again; both borrowed; NULL takes it away. Set by dispatch while
 * a request runs. */
void tg_log_context(const char *request_id, const char *route);
bool tg_log_on(enum tg_log_level level);
/* fmt gives `key=value` pairs after a short event word, e.g. tg_log(TG_LOG_INFO, "worker.start",
 * "pid=%d", pid). Control characters in the result are replaced by '?' so that a line stays a line.
 */
void tg_log(enum tg_log_level level, const char *event, const char *fmt, ...) TG_PRINTF(3, 4);
void tg_log_error(enum tg_log_level level, const char *event, const struct tg_error *err);

#endif
