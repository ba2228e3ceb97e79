-- Who asks, and how often: the first statements of every request.

-- Spends one grant of a limited route, or refuses it, in a transaction of its own: the window's row
-- must not stay locked through the request's fsync. Exact: in no window of p_seconds do more than
-- p_limit grants commit, because the row holds the times themselves and the clock is read after its
-- lock. An unknown token has no window; enter() refuses it.
-- p_name: of the limit. p_ticket: of the request; the verdict is left for enter() in the session
-- setting tg.rate.
-- Result: grants that remain, seconds until there is one more, whether this request is refused.
-- Locks: the window's row.
create or replace function rate(
	p_hash bytea, p_name text, p_limit integer, p_seconds integer, p_ticket text,
	out remaining integer, out reset_seconds integer, out refused boolean)
language plpgsql security definer as $$
declare
	kept bigint[];
	moment bigint;
	horizon bigint;
begin
	remaining := p_limit;
	reset_seconds := p_seconds;
	refused := false;
	if exists (select from taskgate.token t where t.hash = p_hash) then
		insert into taskgate.rate_window
		values (p_hash, p_name, '{}')
		on conflict do nothing;
		select grants
		into kept
		from taskgate.rate_window
		where token_hash = p_hash and name = p_name
		for update;
		moment := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
		horizon := moment - p_seconds * 1000000::bigint;
		-- A grant from the future was given before the clock was set back.
		kept := array(
			select g from unnest(kept) g where g > horizon and g <= moment order by g
		);
		refused := cardinality(kept) >= p_limit;
		if not refused then
			kept := kept || moment;
		end if;
		update taskgate.rate_window
		set grants = kept
		where token_hash = p_hash and name = p_name;
		remaining := greatest(p_limit - cardinality(kept), 0);
		reset_seconds := greatest(ceil((kept[1] - horizon) / 1000000.0), 1);
	end if;
	perform set_config(
		'tg.rate', p_ticket || case when refused then ' ' || reset_seconds else ' ok' end,
		false);
end $$;
revoke all on function rate from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function rate to taskgate_api;

-- The first statement of every transaction of the API: who asks, may they, and for which tenant.
-- What it learns is set for this transaction alone. Authority is the route's scope and nothing
-- else.
-- p_hash null: the principal `anonymous` of the first tenant. p_scope null: any scope will do.
-- p_ticket null: the route has no limit; else the verdict must be the one that rate() gave under
-- it, so that a limit which could not be asked lets nobody through.
-- Raises: TG401 token_unknown, token_revoked, token_expired; TG403 scope; TG429 rate_limit (its
-- detail is the seconds to wait); TG500 rate_unknown. Locks: none.
create or replace function enter(
	p_hash bytea, p_scope text, p_request text, p_remote text, p_ticket text)
returns void
language plpgsql security definer as $$
declare
	who record;
	verdict text;
begin
	if p_ticket is not null then
		verdict := current_setting('tg.rate', true);
		if verdict is null or not starts_with(verdict, p_ticket || ' ') then
			raise exception using errcode = 'TG500', constraint = 'rate_unknown',
				message = 'the rate limit could not be asked';
		elsif verdict <> p_ticket || ' ok' then
			raise exception using errcode = 'TG429', constraint = 'rate_limit',
				message = 'too many requests', detail = split_part(verdict, ' ', 2);
		end if;
	end if;
	if p_hash is null then
		select p.tenant_id, p.id as principal_id, null::timestamptz as expires_at,
			null::timestamptz as revoked_at, array[p_scope] as scopes
		into who
		from taskgate.principal p
		where p.tenant_id = (select id from taskgate.tenant order by number limit 1)
			and p.handle = 'anonymous';
	else
		select t.tenant_id, t.principal_id, t.expires_at, t.revoked_at, t.scopes
		into who
		from taskgate.token t
		where t.hash = p_hash;
	end if;
	if not found then
		raise exception using errcode = 'TG401', constraint = 'token_unknown',
			message = 'the token is not known';
	elsif who.revoked_at is not null then
		raise exception using errcode = 'TG401', constraint = 'token_revoked',
			message = 'the token has been revoked';
	elsif who.expires_at <= now() then
		raise exception using errcode = 'TG401', constraint = 'token_expired',
			message = 'the token has expired';
	elsif p_scope is not null and not (who.scopes && array[p_scope, 'all']) then
		raise exception using errcode = 'TG403', constraint = 'scope',
			message = format('the token lacks the scope %s', p_scope);
	end if;
	perform set_config('tg.tenant', who.tenant_id::text, true),
		set_config('tg.principal', who.principal_id::text, true),
		set_config('tg.scopes', array_to_string(who.scopes, ' '), true),
		set_config('tg.request', p_request, true), set_config('tg.remote', p_remote, true);
end $$;
revoke all on function enter from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function enter to taskgate_api;

-- Writes a refusal down, in a transaction of its own, at most p_most a minute for one principal (or
-- one address, where nobody is known).
create or replace function audit_refusal(
	p_hash bytea, p_action text, p_what text, p_remote text, p_request text, p_most integer)
returns void
language plpgsql security definer set search_path = taskgate, pg_temp as $$
declare
	who record;
	since timestamptz := now() - interval '1 minute';
	recent integer;
begin
	select t.tenant_id, t.principal_id into who from token t where t.hash = p_hash;
	-- Two statements, since `is not distinct from` uses no index (90 ms with a million rows).
	if who.principal_id is null then
		select count(*)
		into recent
		from (
			select from audit a
			where a.principal_id is null
				and a.at > since
				and a.action = p_action
				and a.remote = p_remote
			limit p_most
		) r;
	else
		select count(*)
		into recent
		from (
			select from audit a
			where a.principal_id = who.principal_id
				and a.at > since
				and a.action = p_action
			limit p_most
		) r;
	end if;
	if recent < p_most then
		insert into audit (tenant_id, principal_id, action, what, remote, request_id)
		values (who.tenant_id, who.principal_id, p_action, p_what, p_remote, p_request);
	end if;
end $$;
revoke all on function audit_refusal from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function audit_refusal to taskgate_api;
