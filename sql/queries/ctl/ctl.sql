-- What taskgatectl asks and changes. A command is one transaction: begin, ctl_enter where it belongs to a tenant, the command's statement,
-- ctl_audit where something was changed, commit. Task commands use the API's own statements (task.sql).

-- name: ctl_enter
-- Purpose: the tenant of this transaction; the history says who it was by the request id. $1 tenant's name, or null for the first one.
-- Result: one row, none where there is no such tenant.
select t.id, t.name, t.first, set_config('tg.tenant', t.id::text, true) as tenant, set_config('tg.request', 'taskgatectl', true) as request
from (select id, name, number = min(number) over () as first from tenant order by number) t
where case when $1::text is null then t.first else t.name = $1 end

-- name: ctl_patience
-- For the statements that read all there is, or fill a table: no limit of time, and in the order of the keys.
select set_config('statement_timeout', '0', true), set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true)

-- name: ctl_audit
-- $1 action, $2 what it was done to, $3 detail (JSON, no secrets). Outside of a tenant the row has none.
insert into audit (tenant_id, action, what, request_id, detail) values (tg_tenant(), $1, $2, 'taskgatectl', $3::json)

-- name: tenant_add
-- $1 name, $2 days that finished tasks are kept (0 = for ever), $3 its first signing key as \x hex.
with made as (
	insert into tenant (name, keep_days) values ($1, $2::integer) returning id, name
), key as (
	insert into webhook_key (tenant_id, secret) select id, $3::bytea from made
)
select id, name from made

-- name: tenant_list
select t.id, t.name, t.keep_days, t.created_at, (select count(*) from principal p where p.tenant_id = t.id) as users from tenant t order by t.number

-- name: user_add
-- $1 handle, $2 name, $3 email, $4 phone, $5 avatar URL, $6 role, $7 id or null.
insert into principal (tenant_id, handle, name, email, phone, avatar_url, role, id)
values (tg_tenant(), $1, coalesce($2, ''), $3, $4, $5, coalesce($6, 'user'), coalesce($7::uuid, uuid7()))
returning id, handle

-- name: user_list
select id, handle, name, email, phone, role, created_at from principal where tenant_id = tg_tenant() order by handle

-- name: token_create
-- $1 SHA-256 of the token as \x hex, $2 handle, $3 scopes (text[]), $4 seconds that it lives, or null. Result: none where there is no such user.
insert into token (hash, tenant_id, principal_id, scopes, expires_at)
select $1::bytea, p.tenant_id, p.id, $3::text[], now() + make_interval(secs => $4::double precision)
from principal p where p.tenant_id = tg_tenant() and p.handle = $2
returning id, expires_at

-- name: token_list
select t.id, p.handle, array_to_json(t.scopes) as scopes, t.created_at, t.expires_at, t.revoked_at,
	case when t.revoked_at is not null then 'revoked' when t.expires_at <= now() then 'expired' else 'live' end as state
from token t join principal p on p.tenant_id = t.tenant_id and p.id = t.principal_id
where t.tenant_id = tg_tenant() order by t.created_at, t.id

-- name: token_revoke
-- $1 id. Result: none where the tenant has no such token; the first revocation's time stays.
update token set revoked_at = coalesce(revoked_at, now()) where tenant_id = tg_tenant() and id = $1::uuid returning id, revoked_at

-- name: customer_add
-- $1 name, $2 id or null.
insert into customer (tenant_id, name, id) values (tg_tenant(), $1, coalesce($2::uuid, gen_random_uuid())) returning id, name

-- name: customer_list
select id, name, created_at, (select count(*) from persona p where p.tenant_id = c.tenant_id and p.customer_id = c.id) as personas
from customer c where tenant_id = tg_tenant() order by name, id

-- name: persona_add
-- $1 customer, $2 handle. Result: none where one of the two does not exist; added false where he was known already.
with found as (
	select c.id as customer_id, p.id as principal_id from customer c, principal p
	where c.tenant_id = tg_tenant() and c.id = $1::uuid and p.tenant_id = tg_tenant() and p.handle = $2
), made as (
	insert into persona (tenant_id, customer_id, principal_id) select tg_tenant(), customer_id, principal_id from found on conflict do nothing
	returning principal_id
)
select customer_id, principal_id, exists (select from made) as added from found

-- name: type_add
-- Purpose: makes a type known or changes it; work that waits goes over to whoever runs the type now. $1 name, $2 handler URL or null,
-- $3 schema (JSON) or null, of which the array "required" is kept. Locks: work rows of the type that nobody holds.
with made as (
	insert into task_type (tenant_id, name, handler_url, required)
	values (tg_tenant(), $1, $2, array(select json_array_elements_text($3::json -> 'required')))
	on conflict (tenant_id, name) do update set handler_url = excluded.handler_url, required = excluded.required
	returning name, handler_url, required
), moved as (
	update work w set lane = case when m.handler_url is null then 'pull' else 'handler' end, host = url_host(m.handler_url)
	from made m
	where w.tenant_id = tg_tenant() and w.type = m.name and w.lane in ('pull', 'handler') and w.lease_until is null
		and (w.lane, w.host) is distinct from (case when m.handler_url is null then 'pull' else 'handler' end, url_host(m.handler_url))
	returning w.id
)
select name, handler_url, array_to_json(required) as required, (select count(*) from moved) as moved from made

-- name: type_list
select name, handler_url, array_to_json(required) as required, created_at from task_type where tenant_id = tg_tenant() order by name

-- name: type_remove
-- $1 name. Result: none where it is not known. Work that waits for its handler is for whoever pulls from now on.
with gone as (
	delete from task_type where tenant_id = tg_tenant() and name = $1 returning name
), moved as (
	update work w set lane = 'pull', host = null from gone g
	where w.tenant_id = tg_tenant() and w.type = g.name and w.lane = 'handler' and w.lease_until is null
	returning w.id
)
select name, (select count(*) from moved) as moved from gone

-- name: lane_pause
-- $1 lane, $2 who, $3 reason or null. Result: none where there is no such lane; the first pause's time stays.
update lane set paused_at = coalesce(paused_at, now()), paused_by = $2, reason = $3 where name = $1 returning name, paused_at

-- name: lane_resume
-- $1 lane, $2 true: also where the sweeper paused it, which it does for a restored database alone. Result: none where there is no such lane; resumed false where it was refused; unknown: how many calls Twilio is asked of.
with found as materialized (
	select name, paused_at, paused_by from lane where name = $1 for update
), resumed as (
	update lane l set paused_at = null, paused_by = null, reason = null from found f
	where l.name = f.name and (f.paused_at is null or f.paused_by is distinct from 'taskgate-sweep' or $2::boolean)
	returning l.name
), asked as (
	select calls_after_restore() as n from found f join resumed r on r.name = f.name where f.name = 'call' and f.paused_by = 'taskgate-sweep'
)
select name, paused_at, paused_by, exists (select from resumed) as resumed, coalesce((select n from asked), 0) as unknown from found

-- name: lane_list
-- Result: a row a lane with its backlog in figures, of all tenants.
select l.name, coalesce(g.waiting, 0) as waiting, coalesce(g.scheduled, 0) as scheduled, coalesce(g.leased, 0) as leased,
	coalesce(g.oldest, 0) as oldest_seconds, l.paused_at, l.paused_by, l.reason
from lane l left join backlog_by_lane() g on g.lane = l.name order by l.name

-- name: webhook_key_list
select id, active_from, retire_at, case when retire_at <= now() then 'retired' when active_from > now() then 'not yet' else 'signing' end as state
from webhook_key where tenant_id = tg_tenant() order by active_from, id

-- name: webhook_key_rotate
-- $1 the new key as \x hex, $2 seconds that the old ones go on signing. Result: the new key's id, the old ones' end.
with retired as (
	update webhook_key set retire_at = now() + make_interval(secs => $2::double precision)
	where tenant_id = tg_tenant() and (retire_at is null or retire_at > now() + make_interval(secs => $2::double precision))
	returning id
), made as (
	insert into webhook_key (tenant_id, secret) values (tg_tenant(), $1::bytea) returning id
)
select id, (select count(*) from retired) as retired, now() + make_interval(secs => $2::double precision) as retire_at from made

-- name: delivery_list
-- $1 true: only dead letters. $2 most. The newest first.
select d.id, t.public_id as task_id, d.event, d.state, d.attempts, d.last_status, d.last_error, d.url, d.created_at, d.finished_at
from delivery d join task t on t.tenant_id = d.tenant_id and t.id = d.task_id
where d.tenant_id = tg_tenant() and (not $1::boolean or d.state = 'dead')
order by d.created_at desc, d.id desc limit $2::integer

-- name: delivery_resend
-- Purpose: puts dead letters back into the outbox with all their attempts. $1 id, or null for all of the tenant's dead ones. Result: a row a
-- delivery found, with what it was; resent says whether it was dead. Its fences begin where no former one can be, so that an answer to an
-- earlier sending settles nothing. Locks: the delivery.
with found as materialized (
	select id, task_id, state, url from delivery
	where tenant_id = tg_tenant() and case when $1::uuid is null then state = 'dead' else id = $1::uuid end
	for update
), revived as (
	update delivery d set state = 'pending', attempts = 0, finished_at = null from found f
	where d.tenant_id = tg_tenant() and d.id = f.id and f.state = 'dead'
	returning d.id, d.task_id, d.url
), queued as (
	insert into work (id, tenant_id, task_id, run_at, fence, priority, ready, lane, host)
	select r.id, tg_tenant(), r.task_id, now(), extract(epoch from now())::bigint, t.priority, true, 'webhook', url_host(r.url)
	from revived r join task t on t.tenant_id = tg_tenant() and t.id = r.task_id
	on conflict (id) do update set run_at = excluded.run_at, ready = true, attempt = 0
)
select f.id, f.state as was, exists (select from revived r where r.id = f.id) as resent from found f order by f.id

-- name: quiet_show
-- Result: the tenant's quiet hours, null where there are none.
select to_char(quiet_from, 'HH24:MI') as quiet_from, to_char(quiet_until, 'HH24:MI') as quiet_until, time_zone from tenant where id = tg_tenant()

-- name: quiet_set
-- $1 from, $2 until (HH:MI), $3 zone or null; three nulls: none. Result: none where the zone is not known.
update tenant set quiet_from = $1::time, quiet_until = $2::time, time_zone = $3 where id = tg_tenant() and ($3::text is null or is_zone($3))
returning to_char(quiet_from, 'HH24:MI') as quiet_from, to_char(quiet_until, 'HH24:MI') as quiet_until, time_zone

-- name: call_list
-- Purpose: numbers that have not ended, those under way first. $1 true: only those of which nobody knows whether they were dialled, $2 most rows.
select c.id, t.public_id as task_id, c.number, c.state, c.status, c.sid, c.attempts, c.granted_at, w.lane, w.run_at, coalesce(c.reason, w.last_error) as reason
from call c join task t on t.tenant_id = c.tenant_id and t.id = c.task_id left join work w on w.tenant_id = c.tenant_id and w.id = c.id
where c.tenant_id = tg_tenant() and c.ended_at is null and c.id = any (case when $1::boolean then array(select u.id from call u where u.tenant_id = tg_tenant() and u.ended_at is null and u.state = 'unknown')
	else array(select k.id from work k where k.tenant_id = tg_tenant() and k.lane in ('call', 'follow')) end)
order by c.granted_at, w.run_at, c.id limit $2::integer

-- name: call_settle_by_hand
-- $1 call, $2 true: it was dialled. Result: the state it was in, null where there is no such call; only an unknown one is settled. Locks: its work, pace, campaign, task.
with settled as materialized (
	select call_settle_by_hand($1::uuid, $2::boolean) as was
)
select $1::uuid as id, was, case when $2::boolean then 'completed' else 'failed' end as state from settled

-- name: call_stop_all
-- $1 reason. Result: how many call tasks were cancelled. Locks: the work of all calls that have not ended, then pace, campaign, task.
select calls_stop_all($1) as stopped

-- name: status_campaigns
-- Result: the campaigns that have not ended, of all tenants, the newest first.
select t.public_id as task_id, n.name as tenant, p.total, p.completed, p.failed, p.cancelled, coalesce(g.in_flight, 0) as in_flight, t.state
from (select distinct c.tenant_id, c.task_id from call c where c.ended_at is null) c
	join campaign p on p.tenant_id = c.tenant_id and p.task_id = c.task_id and p.delay_s is not null
	join task t on t.tenant_id = c.tenant_id and t.id = c.task_id join tenant n on n.id = c.tenant_id left join pace g on g.key = 'campaign:' || c.task_id
order by t.seq desc limit 20

-- name: status_sweepers
-- Result: the sweepers whose heart beats.
select host, pid, extract(epoch from now() - started_at)::integer as age_seconds, round(extract(epoch from now() - beat_at)::numeric, 1) as beat_seconds, done
from sweeper where left_at is null and beat_at > now() - interval '150 seconds' order by host, pid

-- name: status_hosts
-- Result: the hosts that rest after failures.
select host, failures, greatest(extract(epoch from parked_until - now()), 0)::integer as parked_seconds, last_error
from host_state where parked_until > now() order by host

-- name: status_states
-- Result: how the tasks that were created in the last hour stand, by API; of each tenant the newest 10,000, so that it stays cheap.
select n.api, n.state, count(*) as tasks
from tenant t cross join lateral (select api, state, created_at from task where tenant_id = t.id order by seq desc limit 10000) n
where n.created_at > now() - interval '1 hour'
group by n.api, n.state order by n.api, array_position(array['pending', 'queued', 'processing', 'completed', 'failed', 'cancelled', 'expired'], n.state)

-- name: task_show
-- $1 entity or id of a task, or its internal id. Result: at most one row, whatever became of the task.
select t.public_id, t.id, t.entity, t.api, t.kind, t.type, t.action, t.target_id, t.state, t.reason, t.priority, t.attempts, t.retry_count, t.timeout_s,
	t.progress, t.progress_message, t.created_at, t.scheduled_at, t.started_at, t.finished_at, t.updated_at, p.handle as created_by,
	array_to_json(t.tags) as tags, t.callback_url, b.input, b.output, w.lane, w.run_at, w.lease_until, w.fence, w.claimed_by, w.last_error
from (
	(select id from task where tenant_id = tg_tenant() and entity = $1 order by seq desc limit 1)
	union all
	(select id from task where tenant_id = tg_tenant() and public_id = $1)
	union all
	(select id from task where tenant_id = tg_tenant() and id = case when $1 ~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$' then $1::uuid end)
	limit 1
) f join task t on t.tenant_id = tg_tenant() and t.id = f.id
	left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id
	left join work w on w.tenant_id = t.tenant_id and w.id = t.id
	left join principal p on p.tenant_id = t.tenant_id and p.id = t.created_by

-- name: task_show_history
-- $1 internal id.
select e.seq, e.at, e.event, e.from_state, e.to_state, coalesce(e.reason, g.why) as reason, p.handle as principal, e.remote, e.request_id
from task_event e
	left join state_edge g on g.machine = e.machine and g.from_state = e.from_state and g.event = e.event and g.to_state = e.to_state
	left join principal p on p.tenant_id = e.tenant_id and p.id = e.principal_id
where e.tenant_id = tg_tenant() and e.task_id = $1::uuid order by e.seq

-- name: task_show_deliveries
-- $1 internal id.
select id, event, state, attempts, last_status, last_error, url, created_at, finished_at
from delivery where tenant_id = tg_tenant() and task_id = $1::uuid order by created_at, id

-- name: demo_handler
-- $1 type of the demonstration directory, $2 its handler's URL.
update task_type set handler_url = $2 where tenant_id = tg_tenant() and name = $1 returning name, handler_url
