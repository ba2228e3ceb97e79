-- What the contact centre sends: SMS and email, the voicemails that are told by them, the callbacks that end and what they set going.

insert into state_edge values
	('sms',             '-',          'create',   'pending',    'Task created'),
	('sms',             'pending',    'claim',    'processing', 'SMS queued for delivery'),
	('sms',             'processing', 'complete', 'completed',  'SMS delivered successfully'),
	('sms',             'processing', 'fail',     'failed',     'SMS could not be delivered'),
	('sms',             'processing', 'retry',    'pending',    'Attempt failed, will be retried'),
	('sms',             'processing', 'release',  'pending',    'Attempt given back'),
	('sms',             'pending',    'cancel',   'cancelled',  'Task cancelled'),
	('sms',             'processing', 'cancel',   'cancelled',  'Task cancelled'),
	('sms',             'pending',    'expire',   'expired',    'Task expired before it started'),
	('sms',             'failed',     'revive',   'pending',    'Task queued again by hand'),
	('email',           '-',          'create',   'pending',    'Task created'),
	('email',           'pending',    'claim',    'processing', 'Email queued for delivery'),
	('email',           'processing', 'complete', 'completed',  'Email sent successfully'),
	('email',           'processing', 'fail',     'failed',     'Email could not be sent'),
	('email',           'processing', 'retry',    'pending',    'Attempt failed, will be retried'),
	('email',           'processing', 'release',  'pending',    'Attempt given back'),
	('email',           'pending',    'cancel',   'cancelled',  'Task cancelled'),
	('email',           'processing', 'cancel',   'cancelled',  'Task cancelled'),
	('email',           'pending',    'expire',   'expired',    'Task expired before it started'),
	('email',           'failed',     'revive',   'pending',    'Task queued again by hand'),
	('voicemail',       '-',          'create',   'pending',    'Task created'),
	('voicemail',       'pending',    'claim',    'processing', 'Notification started'),
	('voicemail',       'processing', 'complete', 'completed',  'Notification sent'),
	('voicemail',       'processing', 'fail',     'failed',     'Notification failed'),
	('voicemail',       'pending',    'cancel',   'cancelled',  'Task cancelled'),
	('voicemail',       'processing', 'cancel',   'cancelled',  'Task cancelled'),
	('voicemail',       'pending',    'expire',   'expired',    'Task expired before it started'),
	('voicemail',       'failed',     'revive',   'pending',    'Task queued again by hand'),
	('callback_finish', '-',          'create',   'pending',    'Task created'),
	('callback_finish', 'pending',    'complete', 'completed',  'Callback finish processed');

-- Voicemails are told by a lane that only writes.
insert into lane (name) values ('notify');

-- A voicemail of that id has one task, under whatever entity (DUPLICATE_TASK).
create unique index voicemail_taken on task (tenant_id, target_id) where kind = 'voicemail';
create index task_children on task (tenant_id, parent_id) where parent_id is not null;

create domain delivery_status as text constraint delivery_status check (value in ('queued', 'rendering', 'sending', 'sent', 'delivered', 'failed',
	'undelivered', 'bounced', 'complained'));

-- An SMS or an email: one row a task. What is sent was rendered when the task was made, so a template that changes later changes nothing.
create table message (
	tenant_id uuid not null,
	task_id uuid not null,
	channel text not null constraint message_channel check (channel in ('sms', 'email')),
	status delivery_status not null default 'queued',
	error_code text,                                 -- the provider's own
	sent_at timestamptz,
	delivered_at timestamptz,
	asked integer not null default 0,                -- how often the provider was asked what became of it
	characters integer,
	segments integer,
	file_bytes bigint not null default 0,
	provider text not null,
	provider_id text,                                -- Twilio's Sid: set where the provider has it, and from then on it is never sent again
	sender text,                                     -- null: the sweeper's default
	sender_name text,
	reply_to text,
	template text,
	recipients text[] not null,
	cc text[],
	bcc text[],
	headers json,
	subject text,
	text text,
	html text,
	primary key (tenant_id, task_id),
	constraint message_task_taken unique (task_id)   -- Twilio's reports name the task and no tenant
);
create unique index message_provider_id on message (provider_id) where provider_id is not null;

create table message_file (
	tenant_id uuid not null,
	task_id uuid not null,
	n integer not null,
	name text not null,
	type text not null,
	content bytea not null,
	primary key (tenant_id, task_id, n)
);
alter table message_file alter column content set storage external;    -- mostly compressed already

-- Append-only: what became of a message, as its sender is told by `include=delivery_log` and `include=events`.
create table message_event (
	tenant_id uuid not null,
	task_id uuid not null,
	seq integer not null,
	at timestamptz not null default clock_timestamp(),
	event text not null,
	recipient text,
	message text not null,
	primary key (tenant_id, task_id, seq)
);

-- Each status that Twilio reported, once, also of what we do not know (spec facts 3; issue "Twilio's webhooks").
create table twilio_event (
	sid text not null,
	status text not null,
	sequence integer not null default -1,
	task_id uuid,                                    -- null: nobody's
	params json not null,
	received_at timestamptz not null default now(),
	primary key (sid, status, sequence)
);
create index twilio_event_age on twilio_event (received_at);

call guard_by_tenant('message', 'message_file', 'message_event');

-- Every status of a message passes here, whoever makes the change, and leaves its line in the log.
create function message_note() returns trigger language plpgsql security definer as $$
begin
	insert into public.message_event (tenant_id, task_id, seq, event, message)
	select new.tenant_id, new.task_id, coalesce(max(e.seq), 0) + 1, new.status, case new.status
			when 'queued' then 'Message queued' when 'rendering' then 'Message is being rendered' when 'sending' then 'Handed to Twilio'
			when 'sent' then case new.channel when 'sms' then 'Sent to the carrier' else 'Taken by the mail server' end
			when 'delivered' then 'Delivered' else 'Not delivered' end || coalesce(' (' || new.error_code || ')', '')
	from public.message_event e where e.tenant_id = new.tenant_id and e.task_id = new.task_id;
	return null;
end $$;
create trigger message_made after insert on message for each row execute function message_note();
create trigger message_note after update of status on message for each row when (old.status <> new.status) execute function message_note();

-- The work row of a task that a sweeper's lane runs: the host is the provider's name, since its address is the sweeper's setting.
create function work_make(p_tenant uuid, p_task uuid, p_lane text, p_host text, p_run_at timestamptz, p_priority integer, p_fence bigint) returns void
language sql volatile as $$
	insert into public.work (id, tenant_id, task_id, run_at, fence, priority, ready, lane, host)
	values (p_task, p_tenant, p_task, p_run_at, p_fence, p_priority::smallint, p_run_at <= now(), p_lane, p_host)
$$;

-- An SMS, durable and due. p_detail is what GET /task shows.
create function sms_make(p_parent uuid, p_entity text, p_to text, p_from text, p_text text, p_characters integer, p_segments integer, p_priority integer,
	p_callback_url text, p_metadata json) returns task
language plpgsql volatile as $$
declare made public.task;
begin
	insert into public.task (tenant_id, parent_id, created_by, api, kind, machine, state, event, public_id, entity, priority, retry_count, callback_url)
	values (public.tg_tenant(), p_parent, public.tg_principal(), 'disposition', 'sms', 'sms', 'pending', 'create', 'sms_task_' || public.random_suffix(), p_entity,
		p_priority, 3, p_callback_url)
	returning * into made;
	insert into public.task_body (tenant_id, task_id, input, detail) values (public.tg_tenant(), made.id, p_metadata,
		json_build_object('recipient', p_to, 'message_length', p_characters, 'segments', p_segments, 'provider', 'twilio'));
	insert into public.message (tenant_id, task_id, channel, provider, sender, recipients, text, characters, segments)
	values (public.tg_tenant(), made.id, 'sms', 'twilio', p_from, array[p_to], p_text, p_characters, p_segments);
	perform public.work_make(public.tg_tenant(), made.id, 'sms', 'twilio', now(), p_priority, 0);
	return made;
end $$;

-- An email, rendered, durable and due at p_run_at (null: now). p_subject null: the template's own. Refused: template_unknown, template_error.
create function email_make(p_parent uuid, p_to text[], p_cc text[], p_bcc text[], p_from text, p_from_name text, p_reply_to text, p_subject text,
	p_template text, p_data jsonb, p_headers json, p_metadata json, p_priority integer, p_run_at timestamptz, p_callback_url text,
	p_file_names text[], p_file_types text[], p_files text[], out made task, out rendered text)
language plpgsql volatile as $$
declare t record;
begin
	select e.subject, e.text, e.html into t from public.email_template e where e.tenant_id = public.tg_tenant() and e.name = p_template;
	if not found then
		perform public.refuse('TG400', 'template_unknown', format('there is no email template %s', p_template));
	end if;
	rendered := public.template_render(coalesce(p_subject, t.subject), coalesce(p_data, '{}'), false);
	if rendered ~ '[[:cntrl:]]' or length(rendered) > 998 then
		perform public.refuse('TG400', 'template_error', 'the subject must be one line of at most 998 characters');
	end if;
	insert into public.task (tenant_id, parent_id, created_by, api, kind, machine, state, event, public_id, priority, retry_count, scheduled_at, callback_url)
	values (public.tg_tenant(), p_parent, public.tg_principal(), 'disposition', 'email', 'email', 'pending', 'create', 'email_task_' || public.random_suffix(),
		p_priority, 3, p_run_at, p_callback_url)
	returning * into made;
	insert into public.task_body (tenant_id, task_id, input, detail) values (public.tg_tenant(), made.id, p_metadata,
		json_build_object('recipient', p_to[1], 'to', to_json(p_to), 'subject', rendered, 'template', p_template,
			'attachments_count', coalesce(cardinality(p_files), 0), 'provider', 'smtp'));
	insert into public.message_file (tenant_id, task_id, n, name, type, content)
	select public.tg_tenant(), made.id, f.n, f.name, f.type, decode(f.content, 'base64')
	from unnest(p_file_names, p_file_types, p_files) with ordinality f(name, type, content, n);
	insert into public.message (tenant_id, task_id, channel, provider, sender, sender_name, reply_to, template, recipients, cc, bcc, headers, subject, text, html, file_bytes)
	select public.tg_tenant(), made.id, 'email', 'smtp', p_from, p_from_name, p_reply_to, p_template, p_to, p_cc, p_bcc, p_headers, rendered,
		public.template_render(t.text, coalesce(p_data, '{}'), false), public.template_render(t.html, coalesce(p_data, '{}'), true),
		(select coalesce(sum(octet_length(content)), 0) from public.message_file f where f.tenant_id = public.tg_tenant() and f.task_id = made.id);
	perform public.work_make(public.tg_tenant(), made.id, 'mail', 'smtp', coalesce(p_run_at, now()), p_priority, 0);
end $$;
