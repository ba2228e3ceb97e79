-- What surrounds a request's own statement: who asks, how often, once or again. src/db and dispatch
-- run these.

-- name: begin
begin

-- name: commit
commit

-- name: rollback
rollback

-- name: statement_timeout
-- In force for the rest of the transaction, from the next statement on.
-- takes: timeout_ms
select set_config('statement_timeout', :timeout_ms, true)

-- name: enter
-- Authority. token_hash: SHA-256 of the token as \x and hex; null for the anonymous principal.
-- ticket: the one that rate() had in this flush, or null. Its row means nothing. Raises TG401,
-- TG403, TG429, TG500. Takes no locks.
-- takes: token_hash, scope, request_id, remote, ticket
select enter(:token_hash::bytea, :scope, :request_id, :remote, :ticket)

-- name: rate
-- Spends one grant of a limited route, in a transaction of its own. Locks the window's row and
-- waits for no fsync.
-- takes: token_hash, limit_name, grants, seconds, ticket
-- gives: remaining, reset_seconds, refused
select remaining, reset_seconds, refused
from rate(:token_hash::bytea, :limit_name, :grants::integer, :seconds::integer, :ticket)

-- name: idempotency_begin
-- body_hash: SHA-256 of the body as \x and hex. Raises TG409, TG422, TGRPL. Takes an advisory lock
-- until the transaction ends.
-- takes: method, path, key, body_hash
select idempotency_begin(:method, :path, :key, :body_hash::bytea)

-- name: idempotency_store
-- Stores the answer with its key. Only answers of the class 2xx are stored. headers: one a line.
-- takes: method, path, key, status, headers, body
update idempotency
set status = :status::smallint, headers = :headers, body = :body
where tenant_id = tg_tenant() and principal_id = tg_principal()
	and key_hash = sha256(convert_to(:method || E'\n' || :path || E'\n' || :key, 'UTF8'))

-- name: idempotency_fetch
-- The stored answer, where there is one.
-- takes: method, path, key
-- gives: status, headers, body
select status, headers, body
from idempotency
where tenant_id = tg_tenant() and principal_id = tg_principal()
	and key_hash = sha256(convert_to(:method || E'\n' || :path || E'\n' || :key, 'UTF8'))
	and status is not null

-- name: audit_refusal
-- Writes a refusal down, in a transaction of its own after the rollback. most_per_minute: rows of
-- one principal.
-- takes: token_hash, action, what, remote, request_id, most_per_minute
select audit_refusal(
	:token_hash::bytea, :action, :what, :remote, :request_id, :most_per_minute::integer
)

-- name: session_setup
-- Once a connection. A statement outlives its abandoned request by timeout_ms at most; one whose
-- client has gone is ended within a second. Every statement is prepared and its best plan does not
-- depend on the values: the generic plan is used from the first execution on. The search path is
-- set here, because a restored dump does not bring the database's own setting along.
-- takes: timeout_ms
select set_config('search_path', 'taskgate, pg_temp', false),
	set_config('DateStyle', 'ISO, YMD', false), set_config('TimeZone', 'UTC', false),
	set_config('jit', 'off', false), set_config('plan_cache_mode', 'force_generic_plan', false),
	set_config('statement_timeout', :timeout_ms, false),
	set_config('client_connection_check_interval', '1000', false)
