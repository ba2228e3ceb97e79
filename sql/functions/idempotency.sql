-- Requests with an Idempotency-Key.

-- Runs behind enter() where a request has a key. p_body: SHA-256 of the body.
-- Raises: TG409 idempotency_busy where the same key is being worked on; TG422 idempotency_reuse
-- where it was used with another body; TGRPL idempotency_replay where the answer is stored (the
-- caller rolls back and fetches it).
-- Locks: an advisory lock on the key until the transaction ends.
create or replace function idempotency_begin(p_method text, p_path text, p_key text, p_body bytea)
returns void
language plpgsql as $$
declare
	k bytea := sha256(convert_to(p_method || E'\n' || p_path || E'\n' || p_key, 'UTF8'));
	stored record;
begin
	if not pg_try_advisory_xact_lock(
		hashtextextended(tg_principal()::text || encode(k, 'hex'), 0)) then
		perform refuse(
			'TG409', 'idempotency_busy',
			'a request with this Idempotency-Key is being worked on');
	end if;
	select i.body_hash
	into stored
	from idempotency i
	where i.tenant_id = tg_tenant()
		and i.principal_id = tg_principal()
		and i.key_hash = k
		and i.created_at > now() - interval '24 hours';
	if found then
		if stored.body_hash <> p_body then
			perform refuse(
				'TG422', 'idempotency_reuse',
				'this Idempotency-Key was used with another body');
		end if;
		perform refuse('TGRPL', 'idempotency_replay', 'the answer is stored');
	end if;
	insert into idempotency (tenant_id, principal_id, key_hash, body_hash, method, path)
	values (tg_tenant(), tg_principal(), k, p_body, p_method, p_path)
	on conflict (tenant_id, principal_id, key_hash) do update
	set body_hash = excluded.body_hash, status = null, headers = null, body = null,
		created_at = now();
end $$;
revoke all on function idempotency_begin from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function idempotency_begin to taskgate_api;
