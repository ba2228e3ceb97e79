/* SPDX-License-Identifier: MIT
 * Fuzz target: a settings file is either refused with a message, or leaves every setting within its
 * bounds. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "taskgate/base/conf.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fd;
static char name[64];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	enum tg_conf conf;

	(void)argc, (void)argv;
	for (conf = 0; conf < TG_CONF__MAX; conf++)
		unsetenv(tg_conf_row(conf)->name);
	fd = memfd_create("conf", MFD_CLOEXEC);
	assert(fd >= 0);
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	return 0;
}

static void check_bounds(enum tg_conf conf)
{
	const struct tg_conf_row *row = tg_conf_row(conf);
	const char *text = tg_conf_text(conf);
	long long n;

	assert(tg_conf_origin(conf) != TG_CONF_ENVIRONMENT);
	assert(tg_conf_origin(conf) == TG_CONF_FILE || strcmp(text, row->def) == 0);
	tg_conf_has_word(conf, "calls");
	if (strcmp(row->type, "WORD") == 0) {
		assert(*text);
		return;
	}
	n = strcmp(row->type, "INT") == 0 ? tg_conf_int(conf) : (long long)strlen(text);
	assert(n >= row->min && n <= row->max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tg_error err = { .rc = TG_OK };
	enum tg_conf conf;

	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	if (tg_conf_load(name, &err) != TG_OK) {
		assert(err.rc == TG_E_CONFIG && err.message[0] &&
			memchr(err.message, '\0', sizeof err.message));
		return 0;
	}
	for (conf = 0; conf < TG_CONF__MAX; conf++)
		check_bounds(conf);
	return 0;
}
