-- What a tenant has from its first moment.

-- Gives a new tenant the document's disposition codes and the email that tells of a voicemail.
create or replace function tenant_furnish(p_tenant uuid) returns void language sql as $$
	insert into disposition_code (tenant_id, code, description) values
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
	insert into email_template (tenant_id, name, subject, text)
	values (
		p_tenant, 'voicemail', 'New voicemail from {{caller_id}}',
		E'{{caller_id}} left a voicemail.\n\n'
		'Received: {{timestamp}}\nDuration: {{duration}}\nRecording: {{audio_url}}\n');
$$;
revoke all on function tenant_furnish from public, taskgate_api, taskgate_sweep, taskgate_ctl;

-- Trigger: every new tenant is furnished.
create or replace function tenant_made()
returns trigger
language plpgsql security definer set search_path = taskgate, pg_temp as $$
begin
	perform tenant_furnish(new.id);
	return null;
end $$;
revoke all on function tenant_made from public, taskgate_api, taskgate_sweep, taskgate_ctl;
create or replace trigger tenant_made after insert on tenant
	for each row execute function tenant_made();
