-- What taskgate-sweep takes: by `for update skip locked`, each claim with a new fence. lane_pick()
-- chooses with a look of its own, which is newer than the statement's: what became free in between
-- is left to the next claim, since here its task is still another's. Hence the join of `seen`. The
-- claims take the same first parameters: most rows; this sweeper's name; hosts, and how many
-- transfers this sweeper has for each (taken); the most for one host; the timeout of a transfer in
-- seconds. failing: the host failed last.

-- name: sweep_handler_claim
-- Leases due handler work, fair between tenants; one row a task with all that its POST needs.
-- Deletes work whose task has ended meanwhile (a cancel raced with a revival). Locks work by skip
-- locked, then task.
-- takes: most, sweeper, hosts, taken, host_most, timeout_s
-- gives: id, tenant_id, fence, host, url, keys, epoch, lease_until, attempt, public_id, entity
-- gives: type, action, target_id, payload, priority, tags, timeout_s, failing
with picked as materialized (
	select p.id, p.tenant_id, p.failing
	from lane_pick(
		'handler', :most::integer, :hosts::text[], :taken::integer[], :host_most::integer
	) p
	join work seen on seen.id = p.id and seen.fence = p.fence and seen.ready
		and seen.lease_until is null
), moved as (
	update task t
	set state = 'processing', event = 'claim', reason = null, started_at = now(),
		attempts = t.attempts + 1
	from picked p
	where t.tenant_id = p.tenant_id and t.id = p.id and t.state in ('pending', 'queued')
	returning t.tenant_id, t.id, t.public_id, t.entity, t.type, t.action, t.target_id,
		t.priority, t.tags, t.attempts, t.timeout_s
), leased as (
	update work w
	set fence = w.fence + 1, attempt = w.attempt + 1, claimed_by = :sweeper,
		deadline = now() + make_interval(secs => m.timeout_s),
		lease_until = now() + make_interval(
			secs => least(m.timeout_s, :timeout_s::integer + 10)
		)
	from moved m
	where w.id = m.id
	returning w.fence, w.host, w.lease_until, m.tenant_id, m.id, m.public_id, m.entity, m.type,
		m.action, m.target_id, m.priority, m.tags, m.attempts, m.timeout_s
), gone as (
	delete from work w
	where w.id = any (array(select id from picked except all select id from moved))
), secret as materialized (
	select k.tenant_id,
		string_agg(encode(k.secret, 'hex'), ' ' order by k.active_from desc) as keys
	from webhook_key k
	where k.tenant_id = any (array(select distinct tenant_id from moved))
		and k.active_from <= now() and (k.retire_at is null or k.retire_at > now())
	group by k.tenant_id
)
select m.id, m.tenant_id, m.fence, m.host, y.handler_url as url, s.keys,
	extract(epoch from now())::bigint as epoch, m.lease_until, m.attempts as attempt,
	m.public_id, m.entity, m.type, m.action, m.target_id, b.input as payload, m.priority,
	coalesce(array_to_json(m.tags), '[]'::json) as tags, m.timeout_s,
	(select p.failing from picked p where p.id = m.id) as failing
from leased m
left join task_body b on b.tenant_id = m.tenant_id and b.task_id = m.id
left join task_type y on y.tenant_id = m.tenant_id and y.name = m.type
left join secret s on s.tenant_id = m.tenant_id

-- name: sweep_webhook_claim
-- The same for deliveries. The body tells of the event as it was: its reason and its time come from
-- the history. A form that is there already tells of no event. Locks work by skip locked.
-- takes: most, sweeper, hosts, taken, host_most, timeout_s
-- gives: id, tenant_id, fence, attempt, host, url, form, keys, epoch, event, seq, created_at
-- gives: public_id, entity, kind, status, result, reason, failing
with picked as materialized (
	select p.id, p.failing
	from lane_pick(
		'webhook', :most::integer, :hosts::text[], :taken::integer[], :host_most::integer
	) p
	join work seen on seen.id = p.id and seen.fence = p.fence and seen.ready
		and seen.lease_until is null
), leased as (
	update work w
	set fence = w.fence + 1, attempt = w.attempt + 1, claimed_by = :sweeper,
		deadline = now() + make_interval(secs => :timeout_s::integer + 10),
		lease_until = now() + make_interval(secs => :timeout_s::integer + 10)
	where w.id = any (array(select id from picked))
	returning w.id, w.tenant_id, w.task_id, w.fence, w.attempt, w.host
), secret as materialized (
	select k.tenant_id,
		string_agg(encode(k.secret, 'hex'), ' ' order by k.active_from desc) as keys
	from webhook_key k
	where k.tenant_id = any (array(select distinct tenant_id from leased))
		and k.active_from <= now() and (k.retire_at is null or k.retire_at > now())
	group by k.tenant_id
)
select l.id, l.tenant_id, l.fence, l.attempt, l.host, d.url, d.form, s.keys,
	extract(epoch from now())::bigint as epoch, d.event, d.seq, d.created_at, t.public_id,
	t.entity, t.kind, e.to_state as status,
	case when e.to_state = 'completed' then b.output end as result,
	coalesce(e.reason, g.why) as reason,
	(select p.failing from picked p where p.id = l.id) as failing
from leased l
join delivery d on d.tenant_id = l.tenant_id and d.id = l.id
join task t on t.tenant_id = l.tenant_id and t.id = l.task_id
left join task_event e on d.form is null and e.tenant_id = d.tenant_id and e.task_id = d.task_id
	and e.seq = d.seq and e.at = d.created_at
left join state_edge g on g.machine = e.machine and g.from_state = e.from_state
	and g.event = e.event and g.to_state = e.to_state
left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id
left join secret s on s.tenant_id = l.tenant_id
where d.form is not null or e.seq is not null

-- name: sweep_sms_claim
-- The same for SMS: what is to be sent, and what Twilio is to be asked of (the type of its work is
-- ask; the task goes on processing and no attempt is spent). provider_id is set where Twilio is to
-- be asked. Locks work by skip locked, then task.
-- takes: most, sweeper, hosts, taken, host_most, timeout_s
-- gives: id, tenant_id, fence, host, recipient, sender, text, provider_id, failing
with picked as materialized (
	select p.id, p.tenant_id, p.type, p.failing
	from lane_pick(
		'sms', :most::integer, :hosts::text[], :taken::integer[], :host_most::integer
	) p
	join work seen on seen.id = p.id and seen.fence = p.fence and seen.ready
		and seen.lease_until is null
), moved as (
	update task t
	set state = 'processing', event = 'claim', reason = null, started_at = now(),
		attempts = t.attempts + 1
	from picked p
	where t.tenant_id = p.tenant_id and t.id = p.id and t.state = 'pending'
	returning t.id
), asked as materialized (
	select p.id
	from picked p
	cross join lateral (
		select
		from task t
		where t.tenant_id = p.tenant_id and t.id = p.id and t.state = 'processing'
	) t
	where p.type = 'ask'
), leased as (
	update work w
	set fence = w.fence + 1, attempt = w.attempt + 1, claimed_by = :sweeper,
		deadline = now() + make_interval(secs => :timeout_s::integer + 10),
		lease_until = now() + make_interval(secs => :timeout_s::integer + 10)
	where w.id = any (array(select id from moved union select id from asked))
	returning w.id, w.tenant_id, w.fence, w.host
), gone as (
	delete from work w
	where w.id = any (
		array(
			select id
			from picked
			except all (select id from moved union select id from asked)
		)
	)
)
select l.id, l.tenant_id, l.fence, l.host, m.recipients[1] as recipient, m.sender, m.text,
	m.provider_id, p.failing
from leased l
join message m on m.tenant_id = l.tenant_id and m.task_id = l.id
join picked p on p.id = l.id

-- name: sweep_mail_claim
-- The same for email. Gives at most 32 MiB of attachments at once, or one message. Lists are texts
-- of one item a line, contents are hexadecimal. Locks work by skip locked, then task.
-- takes: most, sweeper, hosts, taken, host_most, timeout_s
-- gives: id, tenant_id, fence, host, written, sender, sender_name, reply_to, recipients, cc, bcc
-- gives: subject, text, html, headers, names, types, contents, failing
with picked as materialized (
	select p.id, p.tenant_id, p.failing,
		sum(m.file_bytes) over (order by p.n) - m.file_bytes as before, m.file_bytes
	from lane_pick(
		'mail', :most::integer, :hosts::text[], :taken::integer[], :host_most::integer
	) with ordinality p(id, tenant_id, task_id, fence, type, failing, n)
	join work seen on seen.id = p.id and seen.fence = p.fence and seen.ready
		and seen.lease_until is null
	join message m on m.tenant_id = p.tenant_id and m.task_id = p.id
), taken as materialized (
	select id, tenant_id, failing
	from picked
	where before = 0 or before + file_bytes <= 33554432
), moved as (
	update task t
	set state = 'processing', event = 'claim', reason = null, started_at = now(),
		attempts = t.attempts + 1
	from taken p
	where t.tenant_id = p.tenant_id and t.id = p.id and t.state = 'pending'
	returning t.id,
		extract(epoch from greatest(t.created_at, t.scheduled_at))::bigint as written
), leased as (
	update work w
	set fence = w.fence + 1, attempt = w.attempt + 1, claimed_by = :sweeper,
		deadline = now() + make_interval(secs => :timeout_s::integer + 10),
		lease_until = now() + make_interval(secs => :timeout_s::integer + 10)
	from moved m
	where w.id = m.id
	returning w.id, w.tenant_id, w.fence, w.host, m.written
), gone as (
	delete from work w
	where w.id = any (array(select id from taken except all select id from moved))
)
select l.id, l.tenant_id, l.fence, l.host, l.written, m.sender, m.sender_name, m.reply_to,
	array_to_string(m.recipients, E'\n') as recipients, array_to_string(m.cc, E'\n') as cc,
	array_to_string(m.bcc, E'\n') as bcc, m.subject, m.text, m.html,
	(
		select string_agg(h.key || E'\n' || h.value, E'\n') from json_each_text(m.headers) h
	) as headers,
	f.names, f.types, f.contents, t.failing
from leased l
join message m on m.tenant_id = l.tenant_id and m.task_id = l.id
join taken t on t.id = l.id
left join lateral (
	select string_agg(f.name, E'\n' order by f.n) as names,
		string_agg(f.type, E'\n' order by f.n) as types,
		string_agg(encode(f.content, 'hex'), E'\n' order by f.n) as contents
	from message_file f
	where f.tenant_id = l.tenant_id and f.task_id = l.id
) f on true

-- name: sweep_call_claim
-- Grants calls within all limits; what is granted is durable before anything leaves. per_second:
-- calls, per_minute: single calls, both may be null. One row a call with all that its dial needs.
-- Locks pace rows, the account's first; work by skip locked; call, campaign, task.
-- takes: most, sweeper, hosts, taken, host_most, timeout_s, per_second, per_minute, paced
-- gives: id, tenant_id, fence, host, number, from_number, webhook_url, status_url, voice, language
-- gives: gather_input, message, custom_data, failing
select g.id, g.tenant_id, g.fence, 'twilio' as host, g.number, g.from_number, g.webhook_url,
	g.status_url, g.input ->> 'voice' as voice, g.input ->> 'language' as language,
	g.input ->> 'gather_input' as gather_input, g.input ->> 'message' as message,
	g.input ->> 'custom_data' as custom_data,
	exists (select from host_state h where h.host = 'twilio' and h.failures > 0) as failing
from call_claim(
	least(
		:most::integer,
		greatest(
			:host_most::integer - coalesce(
				(
					select b.taken
					from unnest(
						:hosts::text[], :taken::integer[]
					) b(host, taken)
					where b.host = 'twilio'
				),
				0
			),
			0
		)
	),
	:sweeper, :timeout_s::integer, :per_second::integer, :per_minute::integer, :paced::boolean
) g

-- name: sweep_follow_claim
-- Calls to ask for, to find or to hang up; the type says which. Locks work by skip locked.
-- takes: most, sweeper, hosts, taken, host_most, timeout_s
-- gives: id, tenant_id, fence, host, type, number, sid, failing
with picked as materialized (
	select p.id, p.tenant_id, p.type, p.failing
	from lane_pick(
		'follow', :most::integer, :hosts::text[], :taken::integer[], :host_most::integer
	) p
	join work seen on seen.id = p.id and seen.fence = p.fence and seen.ready
		and seen.lease_until is null
), leased as (
	update work w
	set fence = w.fence + 1, claimed_by = :sweeper,
		deadline = now() + make_interval(secs => :timeout_s::integer + 10),
		lease_until = now() + make_interval(secs => :timeout_s::integer + 10)
	where w.id = any (array(select id from picked))
	returning w.id, w.tenant_id, w.fence, w.host, w.type
)
select l.id, l.tenant_id, l.fence, l.host, l.type, c.number, c.sid, p.failing
from leased l
join call c on c.tenant_id = l.tenant_id and c.id = l.id
join picked p on p.id = l.id
