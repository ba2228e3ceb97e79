-- Callbacks: who may finish one, and what is then known of the contact.

-- The value, where it is an email address.
create or replace function email_or_null(p_value text) returns text language plpgsql immutable as $$
begin
	return p_value::email_address;
exception when check_violation then
	return null;
end $$;
revoke all on function email_or_null from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function email_or_null to taskgate_api;

-- The value, where it is an E.164 number.
create or replace function phone_or_null(p_value text) returns text language plpgsql immutable as $$
begin
	return p_value::phone_number;
exception when check_violation then
	return null;
end $$;
revoke all on function phone_or_null from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function phone_or_null to taskgate_api;

-- May this callback be finished by this agent? Unknown ones are remembered, unless their directory
-- is closed.
-- Result: the callback, locked: of two that finish it at once the second waits here and then finds
-- it finished.
-- Raises: TG404 callback_unknown; TG409 callback_finished; TG422 agent_invalid.
create or replace function callback_admit(
	p_callback text, p_agent text, p_callbacks_closed boolean, p_agents_closed boolean)
returns callback
language plpgsql volatile as $$
declare
	c callback;
	able boolean;
begin
	if not p_callbacks_closed then
		insert into callback (tenant_id, id)
		values (tg_tenant(), p_callback)
		on conflict do nothing;
	end if;
	select *
	into c
	from callback k
	where k.tenant_id = tg_tenant() and k.id = p_callback
	for update;
	if not found then
		perform refuse(
			'TG404', 'callback_unknown', format('there is no callback %s', p_callback));
	elsif c.finished_at is not null then
		perform refuse(
			'TG409', 'callback_finished',
			format('callback %s has already been finished', p_callback));
	end if;
	select a.enabled into able from agent a where a.tenant_id = tg_tenant() and a.id = p_agent;
	if able is null and not p_agents_closed then
		insert into agent (tenant_id, id)
		values (tg_tenant(), p_agent)
		on conflict do nothing;
	elsif able is not true then
		perform refuse(
			'TG422', 'agent_invalid',
			format(
				'agent %s is not %s', p_agent,
				case when able is null then 'known' else 'enabled' end));
	end if;
	return c;
end $$;
revoke all on function callback_admit from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function callback_admit to taskgate_api;

-- The contact as the callback leaves it: what is told is how the customer is called and reached
-- from now on. An email address that is known stays the one that is written to (spec/README.md,
-- decision 8). A callback without a contact gets one of its own name. p_customer null: nothing was
-- told.
create or replace function callback_crm_update(c callback, p_customer jsonb)
returns contact
language plpgsql volatile as $$
declare
	k contact;
begin
	if p_customer is not null then
		insert into contact (tenant_id, id)
		values (tg_tenant(), coalesce(c.contact_id, c.id))
		on conflict do nothing;
		update contact t
		set data = t.data || p_customer, updated_at = now(),
			name = coalesce(
				case
					when jsonb_typeof(p_customer -> 'name') = 'string'
						then nullif(p_customer ->> 'name', '')
				end,
				t.name),
			phone = coalesce(phone_or_null(p_customer ->> 'phone'), t.phone),
			email = coalesce(
				t.email, email_or_null(p_customer ->> 'email_confirmed'),
				email_or_null(p_customer ->> 'email'))
		where t.tenant_id = tg_tenant() and t.id = coalesce(c.contact_id, c.id)
		returning * into k;
	else
		select *
		into k
		from contact t
		where t.tenant_id = tg_tenant() and t.id = c.contact_id;
	end if;
	return k;
end $$;
revoke all on function callback_crm_update from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function callback_crm_update to taskgate_api;
