-- The contact centre's directories: who may finish a callback, who hears of a voicemail, what an
-- email looks like, whom nobody may call. All are open by default: what is not known is accepted
-- and remembered (spec README decision 3; TASKGATE_REGISTRY closes them).

create domain directory_id as text
	constraint directory_id check (length(value) between 1 and 128 and value !~ '[[:cntrl:]]');
-- E.164: a plus sign, no leading zero, 7 to 15 digits.
create domain phone_number as text constraint phone_number check (value ~ '^\+[1-9][0-9]{6,14}$');
-- What HTML's <input type=email> takes (WHATWG), which is what can be mailed to without quoting;
-- src/serve/field.c has the same.
create domain email_address as text
	constraint email_address check (length(value) <= 254
		and value ~ ('^[A-Za-z0-9.!#$%&''*+/=?^_`{|}~-]{1,64}'
			'@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
			'(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$'));

create table agent (
	tenant_id uuid not null references tenant,
	id directory_id not null,
	name text,
	enabled boolean not null default true,           -- one that is not enabled finishes nothing
	created_at timestamptz not null default now(),
	primary key (tenant_id, id)
);

create table contact (
	tenant_id uuid not null references tenant,
	id directory_id not null,
	name text,
	phone phone_number,
	email email_address,
	-- what callbacks brought (customer_data)
	data jsonb not null default '{}'
		constraint contact_data check (jsonb_typeof(data) = 'object'),
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (tenant_id, id)
);

create table callback (
	tenant_id uuid not null references tenant,
	id directory_id not null,
	contact_id directory_id,
	agent_id directory_id,                           -- who is meant to call
	previous_id directory_id,                        -- the one that was rescheduled as this one
	attempt_number integer not null default 1
		constraint callback_attempt check (attempt_number between 1 and 1000),
	scheduled_at timestamptz,
	created_at timestamptz not null default now(),
	finished_at timestamptz,
	finished_by uuid,                                -- task
	primary key (tenant_id, id),
	foreign key (tenant_id, contact_id) references contact
);

create table entity (
	tenant_id uuid not null references tenant,
	name task_entity not null,
	created_at timestamptz not null default now(),
	primary key (tenant_id, name)
);

create table recipient (
	tenant_id uuid not null references tenant,
	id directory_id not null,
	email email_address,                             -- told by mail where there is one,
	phone phone_number,                              -- and by SMS where there is one
	transcript boolean not null default true,        -- attached to the mail
	created_at timestamptz not null default now(),
	primary key (tenant_id, id),
	constraint recipient_channel check (email is not null or phone is not null)
);

create table disposition_code (
	tenant_id uuid not null references tenant,
	code text not null constraint disposition_code_word check (code ~ '^[A-Z][A-Z0-9_]{0,63}$'),
	description text not null default '',
	created_at timestamptz not null default now(),
	primary key (tenant_id, code)
);

create table email_template (
	tenant_id uuid not null references tenant,
	name text not null
		constraint email_template_name check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$'),
	subject text not null
		constraint email_template_subject
			check (length(subject) between 1 and 998 and subject !~ '[[:cntrl:]]'),
	text text,
	html text,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (tenant_id, name),
	constraint email_template_body check (text is not null or html is not null)
);

create table do_not_call (
	tenant_id uuid not null references tenant,
	number phone_number not null,
	reason text,
	created_at timestamptz not null default now(),
	primary key (tenant_id, number)
);

create domain delivery_status as text
	constraint delivery_status
		check (value in ('queued', 'rendering', 'sending', 'sent', 'delivered', 'failed',
	'undelivered', 'bounced', 'complained'));

-- An SMS or an email: one row a task. What is sent was rendered when the task was made, so a
-- template that changes later changes nothing.
create table message (
	tenant_id uuid not null,
	task_id uuid not null,
	channel text not null constraint message_channel check (channel in ('sms', 'email')),
	status delivery_status not null default 'queued',
	error_code text,                                 -- the provider's own
	sent_at timestamptz,
	delivered_at timestamptz,
	asked integer not null default 0,  -- how often the provider was asked what became of it
	characters integer,
	segments integer,
	file_bytes bigint not null default 0,
	provider text not null,
	-- Twilio's Sid: set where the provider has it, and from then on it is never sent again
	provider_id text,
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
	-- Twilio's reports name the task and no tenant
	constraint message_task_taken unique (task_id)
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

-- Append-only: what became of a message, as its sender is told by `include=delivery_log` and
-- `include=events`.
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

-- Each status that Twilio reported, once, also of what we do not know (spec facts 3; issue
-- "Twilio's webhooks").
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

call guard_by_tenant(
	'agent', 'contact', 'callback', 'entity', 'recipient', 'disposition_code', 'email_template',
	'do_not_call', 'message', 'message_file', 'message_event');
