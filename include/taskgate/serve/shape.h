/* SPDX-License-Identifier: MIT
 * shape: the envelopes of the disposition API, which ops and work share (spec README decision 19).
 */
#ifndef TASKGATE_SHAPE_H
#define TASKGATE_SHAPE_H

#include "taskgate/serve/route.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FIELDS(f) .fields = (f), .n_fields = COUNT(f)
#define ENTITY \
	{ \
		.name = "entity", .type = TG_STRING, .place = TG_PATH, .required = true, .min = 1, \
		.max = 128, .test = tg_is_entity, \
		.shape = "must be 1 to 128 letters, digits, '.', '_', '-' or ':'" \
	}
#define FLAG(n, d) \
	{ \
		.name = (n), .type = TG_BOOLEAN, .place = TG_QUERY, .def = (d) \
	}
#define MIB (1024 * 1024)

extern const struct tg_code tg_shape_codes[];
extern const struct tg_code
	tg_shape_message_codes[]; /* the messaging pages' own words (spec/facts.md 1.2) */
extern const char *const tg_shape_prefixes[]; /* of the disposition API and its pages */

/* {"success":false,"status":"error","error":{code,message,details?},"timestamp","request_id"}
 * (facts 1.1.1) */
void tg_shape_error(
	struct tg_exchange *, const struct tg_error *, const char *code, const char *message);
/* {"success":true,"data":…,"message"?}; takes data. Always TG_OK, so that a handler can end with
 * it. */
enum tg_rc tg_shape_success(
	struct tg_exchange *, int status, struct json_object *data, const char *message);
/* The messaging pages' envelope: {"success":true,"status":"success","data":…,"timestamp"}; takes
 * data. */
enum tg_rc tg_shape_message(struct tg_exchange *, int status, struct json_object *data);
/* Location: the mount, the API's prefix and path, with the value behind it. */
void tg_shape_location(struct tg_exchange *, const char *path, const char *value);
/* Bare object; takes it. */
enum tg_rc tg_shape_bare(struct tg_exchange *, int status, struct json_object *);

#endif
