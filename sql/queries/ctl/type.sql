-- Task types, their handlers, and the demonstration's handlers.

-- name: type_add
-- Makes a type known or changes it; waiting work goes over to whoever runs the type now.
-- handler_url: null where workers pull. schema: JSON or null; its array "required" is kept. Locks
-- work rows of the type that nobody holds.
-- takes: name, handler_url, schema
-- gives: name, handler_url, required, moved
with made as (
	insert into task_type (tenant_id, name, handler_url, required)
	values (
		tg_tenant(), :name, :handler_url,
		array(select json_array_elements_text(:schema::json -> 'required'))
	)
	on conflict (tenant_id, name) do update
	set handler_url = excluded.handler_url, required = excluded.required
	returning name, handler_url, required
), moved as (
	update work w
	set lane = case when m.handler_url is null then 'pull' else 'handler' end,
		host = url_host(m.handler_url)
	from made m
	where w.tenant_id = tg_tenant() and w.type = m.name and w.lane in ('pull', 'handler')
		and w.lease_until is null
		and (w.lane, w.host) is distinct from (
			case when m.handler_url is null then 'pull' else 'handler' end,
			url_host(m.handler_url)
		)
	returning w.id
)
select name, handler_url, array_to_json(required) as required, (select count(*) from moved) as moved
from made

-- name: type_list
-- gives: name, handler_url, required, created_at
select name, handler_url, array_to_json(required) as required, created_at
from task_type
where tenant_id = tg_tenant()
order by name

-- name: type_remove
-- No row where it is not known. Work that waits for its handler is pulled from now on.
-- takes: name
-- gives: name, moved
with gone as (
	delete from task_type where tenant_id = tg_tenant() and name = :name returning name
), moved as (
	update work w
	set lane = 'pull', host = null
	from gone g
	where w.tenant_id = tg_tenant() and w.type = g.name and w.lane = 'handler'
		and w.lease_until is null
	returning w.id
)
select name, (select count(*) from moved) as moved
from gone

-- name: demo_handler
-- Where the handler of a type of the demonstration's directory is.
-- takes: name, handler_url
-- gives: name, handler_url
update task_type
set handler_url = :handler_url
where tenant_id = tg_tenant() and name = :name
returning name, handler_url
