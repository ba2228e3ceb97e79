-- Cancelling a task together with what is still to be sent for it.

-- Cancels a task that has not ended, and with it what is still to be sent for it. Its own work is
-- held before the others are looked for: they may be being made at this very moment.
-- Result: the task as it then is; no row where it had ended.
-- Locks: work by id (a voicemail is older than what is sent for it), then tasks.
create or replace function task_cancel_family(p_task uuid)
returns table (state text, updated_at timestamptz, finished_at timestamptz)
language plpgsql volatile as $$
declare
	family uuid[];
begin
	perform from work w where w.tenant_id = tg_tenant() and w.id = p_task for update;
	family := p_task
		|| array(
			select c.id
			from task c
			where c.tenant_id = tg_tenant()
				and c.parent_id = p_task
				and c.finished_at is null
		);
	perform from work w
	where w.tenant_id = tg_tenant() and w.id = any (family)
	order by w.id
	for update;
	if not exists (
		select from task t
		where t.tenant_id = tg_tenant()
			and t.id = p_task
			and t.state in ('pending', 'queued', 'processing')
	) then
		return;
	end if;
	return query
	with moved as (
		update task t
		set state = 'cancelled', event = 'cancel', reason = null
		where t.tenant_id = tg_tenant()
			and t.id = any (family)
			and t.state in ('pending', 'queued', 'processing')
		returning t.id, t.state::text as state, t.updated_at, t.finished_at
	), gone as (
		delete from work w using moved m where w.tenant_id = tg_tenant() and w.id = m.id
	)
	select m.state, m.updated_at, m.finished_at from moved m where m.id = p_task;
end $$;
revoke all on function task_cancel_family from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function task_cancel_family to taskgate_api, taskgate_ctl;
