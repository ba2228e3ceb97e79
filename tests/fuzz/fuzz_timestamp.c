/* SPDX-License-Identifier: MIT
 * Fuzz target: an accepted time is written in one form, which reads as itself and which the C
 * library reads as the same second between 1970 and 9999. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "taskgate/base/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct tg_arena *arena, const char *utc)
{
	static const char form[] = "dddd-dd-dd dd:dd:dd.dddddd+00:00";
	const char *again, *rest;
	struct tm tm = { 0 };
	size_t i;
	int64_t us;

	assert(strlen(utc) == sizeof form - 1);
	for (i = 0; form[i]; i++)
		assert(form[i] == 'd' ? utc[i] >= '0' && utc[i] <= '9' : utc[i] == form[i]);
	again = tg_time_parse(arena, utc, strlen(utc));
	assert(again && strcmp(again, utc) == 0);
	us = tg_time_to_us(utc);
	assert(us >= 0 && us < INT64_C(253402300800000000));
	rest = strptime(utc, "%Y-%m-%d %H:%M:%S", &tm);
	assert(rest && *rest == '.' && timegm(&tm) == us / 1000000 &&
		strtoll(rest + 1, NULL, 10) == us % 1000000);
	again = tg_time_micros(arena, utc);
	assert(again[10] == 'T' && strcmp(again + 11, utc + 11) == 0);
	again = tg_time_seconds(arena, utc);
	assert(strlen(again) == 20 && again[19] == 'Z' && strncmp(again + 11, utc + 11, 8) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tg_arena *arena = tg_arena_new(1024);
	const char *utc = tg_time_parse(arena, (const char *)data, size);

	if (utc)
		check(arena, utc);
	tg_arena_free(arena);
	return 0;
}
