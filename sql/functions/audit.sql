-- Rows that break an invariant: what no trigger and no check of one column keeps. `taskgatectl audit
-- verify` looks here, and each stack of the tests when it ends. Checks over several columns are not
-- with their tables: PostgreSQL reads and prepares those anew in every statement.

-- Each row: the rule that is broken, and by which task's rows. Its grant is in sql/grants.sql.
create or replace view ledger_fault as
	select 'task_finished' as rule, tenant_id, id as task_id
	from task
	where (finished_at is not null)
		<> (state in ('completed', 'failed', 'cancelled', 'expired'))
union all
	select 'task_started', tenant_id, id
	from task
	where state = 'processing' and started_at is null
union all
	select 'work_lease', tenant_id, task_id
	from work
	where (lease_until is null) <> (deadline is null) or lease_until > deadline
union all
	select 'work_ready', tenant_id, task_id
	from work
	where lease_until is not null and not ready
union all
	select 'delivery_finished', tenant_id, task_id
	from delivery
	where (finished_at is not null) <> (state <> 'pending')
union all
	select 'call_ended', tenant_id, task_id
	from call
	where (ended_at is not null) <> (state in ('completed', 'failed', 'cancelled'))
union all
	select 'campaign_count', tenant_id, task_id
	from campaign
	where completed + failed + cancelled > total;
