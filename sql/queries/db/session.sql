-- What surrounds a request's own statement: who asks, how often, once or again. Read by src/db and dispatch.

-- name: begin
begin

-- name: commit
commit

-- name: rollback
rollback

-- name: statement_timeout
-- $1 milliseconds, in force for the rest of the transaction from the next statement on.
select set_config('statement_timeout', $1, true)

-- name: enter
-- Purpose: authority. $1 SHA-256 of the token as \x hex, or null for the anonymous principal; $2 scope; $3 request id; $4 remote address; $5 the ticket
-- under which rate() was asked in this flush, or null. Result: one row without meaning, or TG401, TG403, TG429, TG500. Locks: none.
select enter($1::bytea, $2, $3, $4, $5)

-- name: rate
-- Purpose: spends one grant of a limited route, in its own transaction. $1 token hash, $2 name of the limit, $3 grants, $4 seconds, $5 ticket.
-- Result: remaining, reset_seconds, refused. Locks: the window's row, without an fsync.
select remaining, reset_seconds, refused from rate($1::bytea, $2, $3::integer, $4::integer, $5)

-- name: idempotency_begin
-- $1 method, $2 path, $3 key, $4 SHA-256 of the body as \x hex. Raises TG409, TG422, TGRPL. Locks: an advisory lock until the transaction's end.
select idempotency_begin($1, $2, $3, $4::bytea)

-- name: idempotency_store
-- $1 method, $2 path, $3 key, $4 status, $5 header lines, $6 body. Only answers of the 2xx class come here.
update idempotency set status = $4::smallint, headers = $5, body = $6
where tenant_id = tg_tenant() and principal_id = tg_principal()
	and key_hash = sha256(convert_to($1 || E'\n' || $2 || E'\n' || $3, 'UTF8'))

-- name: idempotency_fetch
-- $1 method, $2 path, $3 key. Result: status, headers, body of the stored answer.
select status, headers, body from idempotency
where tenant_id = tg_tenant() and principal_id = tg_principal()
	and key_hash = sha256(convert_to($1 || E'\n' || $2 || E'\n' || $3, 'UTF8')) and status is not null

-- name: audit_refusal
-- Purpose: writes a refusal down, in a transaction of its own after the rollback. $1 token hash or null, $2 action, $3 what was asked for,
-- $4 remote address, $5 request id, $6 most rows a minute for one principal.
select audit_refusal($1::bytea, $2, $3, $4, $5, $6::integer)

-- name: session_setup
-- Once a connection. $1 statement_timeout in milliseconds: a statement outlives its abandoned request by no more than that, and one whose client has
-- gone is ended within a second. Every statement is prepared and its best plan does not depend on the values, so the generic one is taken from
-- the first execution on. The search path is set here and not left to the database's own setting, which a restored dump does not bring along.
select set_config('search_path', 'taskgate, pg_temp', false), set_config('DateStyle', 'ISO, YMD', false), set_config('TimeZone', 'UTC', false), set_config('jit', 'off', false),
	set_config('plan_cache_mode', 'force_generic_plan', false), set_config('statement_timeout', $1, false),
	set_config('client_connection_check_interval', '1000', false)
