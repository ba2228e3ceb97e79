-- What surrounds a command of taskgatectl. A command is one transaction: begin, ctl_enter where it
-- belongs to a tenant, the command's statement, ctl_audit where something was changed, commit. Task
-- commands use the API's own statements.

-- name: ctl_enter
-- Enters a tenant for this transaction; the history says by the request id who it was. tenant: its
-- name, or null for the first one. No row where there is no such tenant.
-- takes: tenant
-- gives: id, name, first, tenant, request
select t.id, t.name, t.first, set_config('tg.tenant', t.id::text, true) as tenant,
	set_config('tg.request', 'taskgatectl', true) as request
from (select id, name, number = min(number) over () as first from tenant order by number) t
where case when :tenant::text is null then t.first else t.name = :tenant end

-- name: ctl_patience
-- For the statements that read everything or fill a table: no limit of time, and rows in the order
-- of the keys.
select set_config('statement_timeout', '0', true), set_config('enable_seqscan', 'off', true),
	set_config('enable_hashjoin', 'off', true)

-- name: ctl_audit
-- detail: JSON, no secrets. Outside of a tenant the row has none.
-- takes: action, what, detail
insert into audit (tenant_id, action, what, request_id, detail)
values (tg_tenant(), :action, :what, 'taskgatectl', :detail::json)
