-- How an SMS or an email comes to be: a task, its message and its work, in one commit.

-- In how many parts an SMS goes, as src/base/sms.c counts them where Twilio has not yet: GSM 7-bit
-- (TS 23.038) 160, or 153 each; else UTF-16 70, or 67 each.
create or replace function sms_segments(p_text text) returns integer language sql immutable as $$
	with sized as (
		select translate(
			p_text,
			E'\n\r !"#$%&\u0027()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_'
			'abcdefghijklmnopqrstuvwxyz¡£¤¥§¿ÄÅÆÇÉÑÖØÜßàäåæèéìñòöøùüΓΔΘΛΞΠΣΦΨΩ',
			'') as rest
	), counted as (
		select translate(rest, E'\f^{}\\[~]|€', '') = '' as gsm,
			length(p_text) + length(rest) as septets,
			length(p_text) + length(
				regexp_replace(p_text, '[\u0001-\uffff]', '', 'g')) as units
		from sized
	)
	select case
		when gsm and septets <= 160 or not gsm and units <= 70 then 1
		when gsm then ceil(septets / 153.0)
		else ceil(units / 67.0)
	end::integer
	from counted
$$;
revoke all on function sms_segments from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function sms_segments to taskgate_sweep;

-- An SMS, durable and due.
create or replace function sms_make(
	p_parent uuid, p_entity text, p_to text, p_from text, p_text text, p_characters integer,
	p_segments integer, p_priority integer, p_callback_url text, p_metadata json)
returns task
language plpgsql volatile as $$
declare
	made task;
begin
	insert into task (
		tenant_id, parent_id, created_by, api, kind, machine, state, event, public_id,
		entity, priority, retry_count, callback_url)
	values (
		tg_tenant(), p_parent, tg_principal(), 'disposition', 'sms', 'sms', 'pending',
		'create', 'sms_task_' || random_suffix(), p_entity, p_priority, 3, p_callback_url)
	returning * into made;
	insert into task_body (tenant_id, task_id, input, detail)
	values (
		tg_tenant(), made.id, p_metadata,
		json_build_object(
			'recipient', p_to, 'message_length', p_characters, 'segments', p_segments,
			'provider', 'twilio'));
	insert into message (
		tenant_id, task_id, channel, provider, sender, recipients, text, characters,
		segments)
	values (
		tg_tenant(), made.id, 'sms', 'twilio', p_from, array[p_to], p_text, p_characters,
		p_segments);
	perform work_make(tg_tenant(), made.id, 'sms', 'twilio', now(), p_priority, 0);
	return made;
end $$;
revoke all on function sms_make from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function sms_make to taskgate_api, taskgate_sweep;

-- An email, rendered, durable and due at p_run_at (null: now). What is sent is rendered here, so a
-- template that changes later changes nothing. p_subject null: the template's own. p_files: base64.
-- Raises: TG400 template_unknown, template_error.
create or replace function email_make(
	p_parent uuid, p_to text[], p_cc text[], p_bcc text[], p_from text, p_from_name text,
	p_reply_to text, p_subject text, p_template text, p_data jsonb, p_headers json,
	p_metadata json, p_priority integer, p_run_at timestamptz, p_callback_url text,
	p_file_names text[], p_file_types text[], p_files text[], out made task, out rendered text)
language plpgsql volatile as $$
declare
	t record;
begin
	select e.subject, e.text, e.html
	into t
	from email_template e
	where e.tenant_id = tg_tenant() and e.name = p_template;
	if not found then
		perform refuse(
			'TG400', 'template_unknown',
			format('there is no email template %s', p_template));
	end if;
	rendered := template_render(coalesce(p_subject, t.subject), coalesce(p_data, '{}'), false);
	if rendered ~ '[[:cntrl:]]' or length(rendered) > 998 then
		perform refuse(
			'TG400', 'template_error',
			'the subject must be one line of at most 998 characters');
	end if;
	insert into task (
		tenant_id, parent_id, created_by, api, kind, machine, state, event, public_id,
		priority, retry_count, scheduled_at, callback_url)
	values (
		tg_tenant(), p_parent, tg_principal(), 'disposition', 'email', 'email', 'pending',
		'create', 'email_task_' || random_suffix(), p_priority, 3, p_run_at, p_callback_url)
	returning * into made;
	insert into task_body (tenant_id, task_id, input, detail)
	values (
		tg_tenant(), made.id, p_metadata,
		json_build_object(
			'recipient', p_to[1], 'to', to_json(p_to), 'subject', rendered,
			'template', p_template,
			'attachments_count', coalesce(cardinality(p_files), 0),
			'provider', 'smtp'));
	insert into message_file (tenant_id, task_id, n, name, type, content)
	select tg_tenant(), made.id, f.n, f.name, f.type, decode(f.content, 'base64')
	from unnest(p_file_names, p_file_types, p_files) with ordinality f(name, type, content, n);
	insert into message (
		tenant_id, task_id, channel, provider, sender, sender_name, reply_to, template,
		recipients, cc, bcc, headers, subject, text, html, file_bytes)
	select tg_tenant(), made.id, 'email', 'smtp', p_from, p_from_name, p_reply_to, p_template,
		p_to, p_cc, p_bcc, p_headers, rendered,
		template_render(t.text, coalesce(p_data, '{}'), false),
		template_render(t.html, coalesce(p_data, '{}'), true),
		(
			select coalesce(sum(octet_length(content)), 0)
			from message_file f
			where f.tenant_id = tg_tenant() and f.task_id = made.id
		);
	perform work_make(
		tg_tenant(), made.id, 'mail', 'smtp', coalesce(p_run_at, now()), p_priority, 0);
end $$;
revoke all on function email_make from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function email_make to taskgate_api, taskgate_sweep;
