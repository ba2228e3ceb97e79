/* SPDX-License-Identifier: MIT
 * dispatch: a request's way from its first byte to its answer. Owns the order of the checks;
 * promises that authority is asked before anything else is told (a refusal found before SQL runs
 * enter() alone first, so that 401, 403 and 429 win), that nothing is written before the outcome is
 * known, and that a transaction which the database asked to repeat is repeated. Handlers never see
 * a refused caller. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "taskgate/base/clock.h"
#include "taskgate/base/digest.h"
#include "taskgate/serve/dispatch.h"
#include "taskgate/base/log.h"
#include "taskgate/base/nudge.h"
#include "taskgate/serve/route.h"

#define BYTES_A_SECOND (1024 * 1024) /* of a body, on its way into the database */
#define TRIES 4 /* of a transaction that met a deadlock or a serialization failure */
#define REFUSALS_A_MINUTE 30 /* written to the audit for one principal */

static void pick_code(const struct tg_exchange *c, const struct tg_error *err, const char **code,
	const char **message)
{
	const struct tg_code *lists[] = { c->route != NULL ? c->route->codes : NULL,
		c->api->codes };

	*code = tg_error_row(err->rc)->word;
	/* What went wrong inside is for the log; a setting that a request needs and that is not
	 * made is for whoever asked. */
	*message = (tg_error_row(err->rc)->http >= 500 && err->rc != TG_E_CONFIG) ||
			err->message[0] == '\0'
		? tg_error_row(err->rc)->text
		: err->message;
	for (size_t l = 0; l < 2; l++) {
		for (const struct tg_code *r = lists[l]; r != NULL && r->code != NULL; r++) {
			if (r->rc != err->rc ||
				(r->reason != NULL && strcmp(r->reason, err->reason) != 0))
				continue;
			*code = r->code;
			if (r->message != NULL)
				*message = strstr(r->message, "%s") == NULL
					? r->message
					: tg_arena_printf(c->arena, "%.*s%s%s",
						  (int)(strstr(r->message, "%s") - r->message),
						  r->message,
						  c->n_path > 0 ? c->path_values[0] : "",
						  strstr(r->message, "%s") + 2);
			return;
		}
	}
}

static void answer_error(struct tg_exchange *c)
{
	const struct tg_error *err = c->err;
	const char *code, *message;

	c->rs->status = tg_error_row(err->rc)->http;
	tg_buf_init(&c->rs->body, c->arena);
	if (c->rs->status == 401)
		tg_response_header(c->rs, "WWW-Authenticate", "Bearer");
	if (err->retry_after > 0 || c->rs->status == 503)
		tg_response_header(
			c->rs, "Retry-After", "%d", err->retry_after > 0 ? err->retry_after : 1);
	pick_code(c, err, &code, &message);
	c->api->error(c, err, code, message);
	if (tg_error_row(err->rc)->http >= 500)
		tg_log_error(TG_LOG_ERROR, "request.failed", err);
}

static const char *hex_digest(struct tg_arena *arena, const void *data, size_t n)
{
	uint8_t digest[TG_SHA256_SIZE];
	char hex[2 * TG_SHA256_SIZE + 1];

	tg_sha256(digest, data, n);
	tg_hex(hex, digest, sizeof digest);
	return tg_arena_printf(arena, "\\x%s", hex);
}

/* A token that is there is always checked; without one the API must be open, or the route. */
static enum tg_rc caller_of(struct tg_exchange *c, struct tg_caller *caller)
{
	*caller = (struct tg_caller){ NULL, c->route->scope, c->rq->request_id, c->rq->remote };
	if (c->rq->token_malformed)
		return tg_fail(c->err, TG_E_UNAUTHORIZED, NULL,
			"the Authorization header holds no well-formed Bearer token");
	if (c->rq->token != NULL)
		caller->token_hash = hex_digest(c->arena, c->rq->token, strlen(c->rq->token));
	else if (c->route->scope != NULL &&
		!tg_conf_has_word(TG_CONF_TASKGATE_ANONYMOUS, c->api->name))
		return tg_fail(c->err, TG_E_UNAUTHORIZED, NULL,
			"a token is required: Authorization: Bearer <token>");
	return TG_OK;
}

static bool wants_body(const struct tg_route *r)
{
	for (size_t i = 0; i < r->n_fields; i++)
		if (r->fields[i].place == TG_BODY)
			return true;
	return false;
}

static bool is_json(const char *type)
{
	size_t n = strcspn(type, "; \t");

	return n == strlen("application/json") && strncasecmp(type, "application/json", n) == 0;
}

static enum tg_rc check_request(struct tg_exchange *c)
{
	const struct tg_route *r = c->route;
	enum tg_rc rc = TG_OK;

	if (r->admit != NULL) {
		rc = r->admit(c);
	} else if (wants_body(r)) {
		rc = tg_request_body(c->rq, r->max_body, c->err);
		if (rc == TG_OK && !is_json(c->rq->content_type))
			rc = tg_fail(c->err, TG_E_MEDIATYPE, NULL,
				"the Content-Type must be application/json");
	}
	if (rc == TG_OK && r->n_fields > 0)
		rc = tg_fields_check(r->fields, r->n_fields, c->rq, c->path_names, c->path_values,
			c->n_path, c->api->json_flags, c->value, c->err);
	return rc;
}

static struct tg_limit limit_of(const struct tg_exchange *c)
{
	if (c->api->limit == TG_CONF__MAX || c->route->scope == NULL)
		return (struct tg_limit){ 0 };
	return (struct tg_limit){ c->api->name, (int)tg_conf_int(c->api->limit), 60 };
}

static void limit_headers(struct tg_exchange *c, const struct tg_limit *limit)
{
	/* A window that was asked always has something to wait for: it holds this request. What
	 * runs after it (another try, a replay) does not ask again. */
	if (limit->grants == 0 || c->tx->reset_seconds == 0)
		return;
	tg_response_header(c->rs, "RateLimit-Policy", "\"%s\";q=%d;w=%d", limit->name,
		limit->grants, limit->seconds);
	tg_response_header(c->rs, "RateLimit", "\"%s\";r=%d;t=%d", limit->name, c->tx->remaining,
		c->tx->reset_seconds);
	tg_response_header(c->rs, "X-RateLimit-Limit", "%d", limit->grants);
	tg_response_header(c->rs, "X-RateLimit-Remaining", "%d", c->tx->remaining);
	tg_response_header(
		c->rs, "X-RateLimit-Reset", "%lld", (long long)time(NULL) + c->tx->reset_seconds);
}

/* The answer of the first time, as it was. */
static enum tg_rc replay(struct tg_exchange *c, const struct tg_caller *caller)
{
	const char *params[] = { c->tx->key.method, c->tx->key.path, c->tx->key.key };
	struct tg_rows rows;
	enum tg_rc rc;

	tg_tx_rollback(c->tx);
	c->tx->key.key = NULL;
	c->tx->several = c->tx->writes = false;
	if ((rc = tg_db_open(c->tx->db, c->tx->deadline, c->err)) != TG_OK)
		return rc;
	tg_tx_begin(c->tx, caller, NULL);
	rc = tg_tx_run(c->tx, (struct tg_bind){ TG_SQL_IDEMPOTENCY_FETCH, params }, &rows);
	if (rc != TG_OK)
		return rc;
	if (tg_rows_count(rows) == 0)
		return tg_fail_reason(c->err, TG_E_CONFLICT, "idempotency_busy", NULL,
			"a request with this Idempotency-Key is being worked on");
	c->rs->status = (int)tg_rows_int(rows, 0, "status");
	tg_buf_puts(&c->rs->headers, tg_rows_get(rows, 0, "headers"));
	tg_buf_puts(&c->rs->body, tg_rows_get(rows, 0, "body"));
	tg_response_header(c->rs, "Idempotency-Replayed", "true");
	return TG_OK;
}

/* Authority is asked even where the request was refused without its statement, and goes first; then
 * err is what it was. */
static enum tg_rc authorise_refusal(struct tg_exchange *c, enum tg_rc refused)
{
	struct tg_error before = *c->err;
	enum tg_rc rc = tg_tx_enter_alone(c->tx);

	if (rc != TG_OK)
		return rc;
	*c->err = before;
	return refused;
}

static enum tg_rc run_once(struct tg_exchange *c, const struct tg_caller *caller,
	const struct tg_limit *limit, enum tg_rc refused)
{
	struct tg_error before = *c->err;
	enum tg_rc rc = tg_db_open(c->tx->db, c->tx->deadline, c->err);

	if (rc != TG_OK)
		return rc;
	*c->err = before;
	/* Where nobody need say who he is and nobody did, there is nobody to enter. */
	tg_tx_begin(
		c->tx, caller->scope == NULL && caller->token_hash == NULL ? NULL : caller, limit);
	rc = refused != TG_OK ? refused : c->route->handler(c);
	if (c->tx->runs == 0)
		rc = authorise_refusal(c, rc);
	if (rc == TG_OK)
		rc = tg_tx_commit(c->tx, c->rs->status,
			c->rs->headers.data != NULL ? c->rs->headers.data : "",
			c->rs->body.data != NULL ? c->rs->body.data : "");
	return rc;
}

static void write_audit(struct tg_exchange *c, const struct tg_caller *caller)
{
	char most[16];
	const char *params[] = { caller->token_hash,
		c->err->rc == TG_E_FORBIDDEN ? "refused.scope" : "refused.token", c->route->name,
		caller->remote, caller->request_id, most };
	struct tg_error ignored;

	if (caller->token_hash == NULL ||
		(c->err->rc != TG_E_UNAUTHORIZED && c->err->rc != TG_E_FORBIDDEN))
		return;
	snprintf(most, sizeof most, "%d", REFUSALS_A_MINUTE);
	if (tg_db_call(c->tx->db, (struct tg_bind){ TG_SQL_AUDIT_REFUSAL, params }, c->tx->deadline,
		    false, NULL, &ignored) != TG_OK)
		tg_log_error(TG_LOG_WARNING, "audit.lost", &ignored);
}

/* The wait for the database begins when the request is here and was read. What is large has a
 * second more for each MiB, which has to go through the server's parser, its log and its disk. */
static void begin_wait(struct tg_exchange *c)
{
	int64_t ms = tg_conf_int(TG_CONF_TASKGATE_REQUEST_TIMEOUT) * 1000,
		more = (int64_t)(c->rq->body_len / BYTES_A_SECOND) * 1000;

	c->tx->deadline = tg_clock_ms() + ms + more;
	c->tx->statement_ms = more > 0 ? ms + more + 1000 : 0;
}

/* refused: what was found before SQL, told only to a caller who may ask. */
static enum tg_rc transact(
	struct tg_exchange *c, const struct tg_caller *caller, enum tg_rc refused)
{
	struct tg_limit limit = limit_of(c);
	struct tg_key key = { tg_method_word(c->rq->method), c->rq->uri, NULL, NULL };
	struct tg_error before = *c->err;
	enum tg_rc rc = TG_E_RETRY;

	begin_wait(c);
	if (refused == TG_OK && c->rq->idempotency_key != NULL && c->rq->method != TG_GET &&
		c->rq->method != TG_HEAD) {
		key.key = c->rq->idempotency_key;
		key.body_hash = hex_digest(
			c->arena, c->rq->body != NULL ? c->rq->body : "", c->rq->body_len);
	}
	for (int i = 0; i < TRIES && rc == TG_E_RETRY; i++) {
		tg_response_init(c->rs, c->arena);
		*c->err = before;
		c->tx->key = key;
		c->tx->several = (c->route->flags & TG_ROUTE_SEVERAL) != 0 ||
			(c->route->flags & TG_ROUTE_PROBES && c->server->probe != NULL);
		c->tx->writes = false;
		rc = run_once(c, caller, c->tx->granted ? NULL : &limit, refused);
		if (rc != TG_OK && rc != TG_E_INDOUBT &&
			strcmp(c->err->reason, "idempotency_replay") == 0)
			rc = replay(c, caller);
		if (rc != TG_OK)
			tg_tx_rollback(c->tx);
	}
	limit_headers(c, &limit);
	write_audit(c, caller);
	return rc;
}

/* header_fault: what was wrong with a header, told only to a caller who may ask; err holds it. */
static enum tg_rc serve(struct tg_exchange *c, enum tg_rc header_fault)
{
	struct tg_error fault = *c->err;
	struct tg_caller caller;
	enum tg_rc rc = caller_of(c, &caller);

	if (rc != TG_OK)
		return rc;
	*c->err = fault;
	rc = header_fault != TG_OK ? header_fault : check_request(c);
	c->authorised = caller.token_hash != NULL;
	if (c->route->flags & TG_ROUTE_NO_DB)
		return rc != TG_OK ? rc : c->route->handler(c);
	return transact(c, &caller, rc);
}

static int64_t finish(struct tg_exchange *c, int index, int64_t began)
{
	int64_t us;

	tg_response_header(c->rs, "X-Request-Id", "%s", c->rq->request_id);
	if (!tg_response_send(c->rs, c->rq->io, c->rq->method == TG_HEAD))
		tg_log(TG_LOG_INFO, "client.gone", "status=%d", c->rs->status);
	us = tg_clock_us() - began;
	tg_log(TG_LOG_INFO, "request", "method=%s path=%.*s status=%d us=%lld bytes=%zu remote=%s",
		c->rq->method_word, (int)strcspn(c->rq->uri, "?"), c->rq->uri, c->rs->status,
		(long long)us, c->rs->body.len, c->rq->remote);
	if (c->server->ended != NULL)
		c->server->ended(index, c->rs->status, us);
	return us;
}

void tg_dispatch(struct tg_server *server, struct tg_io *io)
{
	int64_t began = tg_clock_us();
	struct tg_error err = { 0 };
	struct tg_request rq;
	struct tg_response rs;
	struct tg_tx tx = { .db = server->db, .arena = server->arena, .err = &err, .rate_at = -1 };
	struct tg_exchange c = { .rq = &rq,
		.rs = &rs,
		.arena = server->arena,
		.server = server,
		.api = tg_apis[0],
		.tx = &tx,
		.err = &err };
	enum tg_rc rc = tg_request_init(&rq, io, server->arena, server->mount, &err);
	int index = -1;

	tg_response_init(&rs, server->arena);
	if (rq.has_path && (index = tg_route_match(&c)) < 0) {
		rc = err.rc;
		rs.status = 204; /* OPTIONS, where nothing was refused */
	}
	if (index >= 0) {
		tg_log_context(rq.request_id, c.route->name);
		if (server->entered != NULL)
			server->entered(index);
		rc = serve(&c, rc);
	}
	if (rc != TG_OK)
		answer_error(&c);
	else if (tx.nudge)
		tg_nudge(tg_conf_text(TG_CONF_TASKGATE_RUN_DIR));
	finish(&c, index, began);
	tg_log_context(NULL, NULL);
	tg_db_start(server->db);
	tg_arena_reset(server->arena);
}
