/* SPDX-License-Identifier: MIT
 * shape: the envelopes of the disposition API, which ops and work share (spec README decision 19). */
#ifndef TASKGATE_SHAPE_H
#define TASKGATE_SHAPE_H

#include "taskgate/route.h"

extern const struct tg_code tg_shape_codes[];

/* {"success":false,"status":"error","error":{code,message,details?},"timestamp","request_id"} (facts 1.1.1) */
void tg_shape_error(struct tg_call *, const struct tg_error *, const char *code, const char *message);
/* {"success":true,"data":…,"message"?}; takes data. Always TG_OK, so that a handler can end with it. */
enum tg_rc tg_shape_success(struct tg_call *, int status, struct json_object *data, const char *message);
/* Bare object; takes it. */
enum tg_rc tg_shape_bare(struct tg_call *, int status, struct json_object *);

#endif
