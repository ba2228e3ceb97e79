/* SPDX-License-Identifier: MIT
 * field_internal: one value under check, shared by field.c (what it must be) and fields.c (where it
 * comes from). */
#ifndef TASKGATE_FIELD_INTERNAL_H
#define TASKGATE_FIELD_INTERNAL_H

#include "taskgate/serve/field.h"

struct json_object;

struct field_check {
	const struct tg_field *f;
	const char *within; /* "next_action", "attachments[0]"; NULL at the top */
	struct tg_arena *arena;
	struct tg_value *v;
	struct tg_error *err;
};

const char *field_name(const struct field_check *); /* as a person knows it: "next_action.type" */
/* m: the member's bytes in text, value: the same as json-c read it. */
enum tg_rc field_check_json(const struct field_check *, const struct tg_json_member *m,
	const char *text, struct json_object *value) TG_MUSTCHECK;
enum tg_rc field_check_text(const struct field_check *, const char *s) TG_MUSTCHECK;

#endif
