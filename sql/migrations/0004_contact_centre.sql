-- The contact centre's directories: who may finish a callback, who hears of a voicemail, what an email looks like, whom nobody may call.
-- All are open by default: what is not known is accepted and remembered (spec README decision 3; TASKGATE_REGISTRY closes them).

create domain directory_id as text constraint directory_id check (length(value) between 1 and 128 and value !~ '[[:cntrl:]]');
-- E.164: a plus sign, no leading zero, 7 to 15 digits.
create domain phone_number as text constraint phone_number check (value ~ '^\+[1-9][0-9]{6,14}$');
-- What HTML's <input type=email> takes (WHATWG), which is what can be mailed to without quoting; src/api/field.c has the same.
create domain email_address as text constraint email_address check (length(value) <= 254
	and value ~ '^[A-Za-z0-9.!#$%&''*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$');

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
	data jsonb not null default '{}' constraint contact_data check (jsonb_typeof(data) = 'object'),   -- what callbacks brought (customer_data)
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
	attempt_number integer not null default 1 constraint callback_attempt check (attempt_number between 1 and 1000),
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
	name text not null constraint email_template_name check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$'),
	subject text not null constraint email_template_subject check (length(subject) between 1 and 998 and subject !~ '[[:cntrl:]]'),
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

call guard_by_tenant('agent', 'contact', 'callback', 'entity', 'recipient', 'disposition_code', 'email_template', 'do_not_call');

-- What every tenant has from its first moment: the document's disposition codes and the mail that tells of a voicemail.
create function tenant_furnish(p_tenant uuid) returns void language sql as $$
	insert into public.disposition_code (tenant_id, code, description) values
		(p_tenant, 'SALE_COMPLETE', 'Sale successfully completed'),
		(p_tenant, 'APPOINTMENT_SET', 'Appointment scheduled with customer'),
		(p_tenant, 'CALLBACK_REQUESTED', 'Customer requested a callback at a later time'),
		(p_tenant, 'NO_ANSWER', 'Customer did not answer'),
		(p_tenant, 'BUSY', 'Line was busy'),
		(p_tenant, 'VOICEMAIL', 'Left voicemail message'),
		(p_tenant, 'WRONG_NUMBER', 'Incorrect phone number'),
		(p_tenant, 'DO_NOT_CALL', 'Customer requested to be added to DNC list'),
		(p_tenant, 'NOT_INTERESTED', 'Customer not interested'),
		(p_tenant, 'FOLLOW_UP_REQUIRED', 'Additional follow-up needed'),
		(p_tenant, 'TRANSFERRED', 'Call transferred to another department');
	insert into public.email_template (tenant_id, name, subject, text) values (p_tenant, 'voicemail', 'New voicemail from {{caller_id}}',
		E'{{caller_id}} left a voicemail.\n\nReceived: {{timestamp}}\nDuration: {{duration}}\nRecording: {{audio_url}}\n');
$$;
create function tenant_made() returns trigger language plpgsql security definer as $$
begin
	perform public.tenant_furnish(new.id);
	return null;
end $$;
create trigger tenant_made after insert on tenant for each row execute function tenant_made();
select tenant_furnish(id) from tenant;

-- A template's {{name}} and {{name.member}} with the data's values; in HTML their special characters are escaped. A template that is not well formed
-- or needs what the data has not is refused, so that nobody is written "Dear {{name}}".
create function template_render(p_text text, p_data jsonb, p_html boolean) returns text language plpgsql immutable as $$
declare rest text := p_text; made text := ''; at integer; ends integer; name text; value text;
begin
	loop
		at := position('{{' in rest);
		exit when at = 0 or at is null;
		made := made || left(rest, at - 1);
		rest := substr(rest, at + 2);
		ends := position('}}' in rest);
		name := btrim(left(rest, greatest(ends - 1, 0)));
		if ends = 0 or name !~ '^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*$' then
			perform public.refuse('TG400', 'template_error', format('the template is not well formed at {{%s', left(rest, 40)));
		end if;
		value := p_data #>> string_to_array(name, '.');
		if value is null then
			perform public.refuse('TG400', 'template_error', format('the template needs the variable %s', name));
		end if;
		if p_html then
			value := replace(replace(replace(replace(replace(value, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
		end if;
		made := made || value;
		rest := substr(rest, ends + 2);
	end loop;
	return made || rest;
end $$;
