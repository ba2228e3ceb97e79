-- The directory of email templates; directory.sql says what its three statements have in common.

-- name: template_put
-- Raises TG400 template_error for one that template_render() would find not well formed: better now
-- than when somebody is to be written to.
-- takes: rows
-- gives: added, changed
with put as (
	insert into email_template (tenant_id, name, subject, text, html)
	select tg_tenant(), name,
		case
			when concat_ws(E'\n', subject, text, html) !~
		'^(?:[^{]|\{[^{]|\{\{ *[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)* *\}\})*\{?$'
				then refuse(
					'TG400', 'template_error',
					'after {{ comes the name of a variable and }}'
				)::text
			else subject
		end,
		text, html
	from json_to_recordset(:rows::json) r(name text, subject text, text text, html text)
	on conflict (tenant_id, name) do update
	set subject = excluded.subject, text = excluded.text, html = excluded.html,
		updated_at = now()
	returning xmax = 0 as added
)
select count(*) filter (where added) as added, count(*) filter (where not added) as changed
from put

-- name: template_list
-- takes: key
-- gives: name, subject, text, html, created_at, updated_at
select name, subject, text, html, created_at, updated_at
from email_template
where tenant_id = tg_tenant() and (:key::text is null or name = :key)
order by name collate "C"

-- name: template_remove
-- The mail that tells of a voicemail stays: without it no voicemail could be told.
-- takes: key
-- gives: removed
with gone as (
	delete from email_template
	where tenant_id = tg_tenant() and name = :key and name <> 'voicemail'
	returning name
)
select exists (select from gone) as removed
from email_template
where tenant_id = tg_tenant() and name = :key
