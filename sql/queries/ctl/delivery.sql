-- Deliveries of webhooks.

-- name: delivery_list
-- The newest first. dead_only: dead letters alone.
-- takes: dead_only, page_rows
-- gives: id, task_id, event, state, attempts, last_status, last_error, url, created_at, finished_at
select d.id, t.public_id as task_id, d.event, d.state, d.attempts, d.last_status, d.last_error,
	d.url, d.created_at, d.finished_at
from delivery d
join task t on t.tenant_id = d.tenant_id and t.id = d.task_id
where d.tenant_id = tg_tenant() and (not :dead_only::boolean or d.state = 'dead')
order by d.created_at desc, d.id desc
limit :page_rows::integer

-- name: delivery_resend
-- Puts dead letters back into the outbox with all their attempts. id: null for all of the tenant's.
-- One row for each delivery found; resent: it was dead. Its fences start where no former one can
-- be, so that an answer to an earlier sending settles nothing. Locks the delivery.
-- takes: id
-- gives: id, was, resent
with found as materialized (
	select id, task_id, state, url
	from delivery
	where tenant_id = tg_tenant()
		and case when :id::uuid is null then state = 'dead' else id = :id::uuid end
	for update
), revived as (
	update delivery d
	set state = 'pending', attempts = 0, finished_at = null
	from found f
	where d.tenant_id = tg_tenant() and d.id = f.id and f.state = 'dead'
	returning d.id, d.task_id, d.url
), queued as (
	insert into work (id, tenant_id, task_id, run_at, fence, priority, ready, lane, host)
	select r.id, tg_tenant(), r.task_id, now(), extract(epoch from now())::bigint, t.priority,
		true, 'webhook', url_host(r.url)
	from revived r
	join task t on t.tenant_id = tg_tenant() and t.id = r.task_id
	on conflict (id) do update set run_at = excluded.run_at, ready = true, attempt = 0
)
select f.id, f.state as was, exists (select from revived r where r.id = f.id) as resent
from found f
order by f.id
