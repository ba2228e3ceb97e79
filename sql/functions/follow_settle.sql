-- The outcome of asking Twilio for a call, finding it or hanging it up.

-- The outcome of asking (p_detail is the call), finding (p_detail holds the list) or hanging up. A
-- list without the call is believed where it was asked for when the third of p_pauses (seconds) had
-- passed since the request can have left, at the end of its lease at the latest: an older list may
-- lag.
-- Result: false where p_fence is not the row's own: then nothing was changed. Locks: the work row.
create or replace function follow_settle(
	p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer,
	p_pauses integer[])
returns boolean
language plpgsql volatile as $$
declare
	w record;
	c call;
	p campaign;
	one json;
	sure timestamptz;
begin
	select k.tenant_id, k.task_id, k.type, k.run_at
	into w
	from work k
	where k.id = p_id and k.fence = p_fence and k.deadline is not null and k.lane = 'follow'
	for update;
	if not found then
		return false;
	end if;
	update call k
	set asked = k.asked + 1
	where k.tenant_id = w.tenant_id and k.id = p_id and k.ended_at is null
	returning * into c;
	if not found then
		delete from work where id = p_id;
		return true;
	end if;
	select * into p from campaign g where g.tenant_id = w.tenant_id and g.task_id = w.task_id;
	sure := coalesce(c.departed_at, c.granted_at) + make_interval(secs => p_pauses[3]);
	if p_outcome = 'listed' then
		select e
		into one
		from json_array_elements(p_detail -> 'calls') e
		where e ->> 'to' = c.number
			and coalesce(e ->> 'from' = p.from_number, true)
			and (e ->> 'date_created')::timestamptz
				>= c.granted_at - interval '5 seconds'
			and not exists (select from call o where o.sid = e ->> 'sid')
		order by (e ->> 'date_created')::timestamptz
		limit 1;
		if found
				and exists (
					select from call o
					where o.number = c.number and o.state = 'dialling'
				) then
			-- It may be that one's, whose answer is under way.
			perform call_follow(p_id, 'find', least(p_pauses[2], 5));
		elsif one is not null then
			perform call_becomes(
				w.tenant_id, p_id, one ->> 'status', one ->> 'sid',
				(one ->> 'duration')::integer, null, p_pauses[2]);
		elsif w.run_at >= sure then
			perform call_ends(
				w.tenant_id, p_id,
				case when c.hangup then 'cancelled' else 'failed' end, null, null,
				null,
				format('not dialled: Twilio knows of no such call (%s)', c.reason));
		else
			perform call_follow(
				p_id, 'find',
				least(
					120, p_pauses[2] * 2 ^ least(c.asked, 6),
					greatest(0.1, extract(epoch from sure - now()))));
		end if;
	elsif p_outcome = 'asked' then
		if not call_becomes(
			w.tenant_id, p_id, p_detail ->> 'status', c.sid,
			(p_detail ->> 'duration')::integer, null, p_pauses[2])
				or exists (select from work where id = p_id) then
			perform call_follow(
				p_id,
				case
					when c.hangup and w.type <> 'hangup' then 'hangup'
					else 'ask'
				end,
				case
					when c.hangup and w.type <> 'hangup' then 0
					else p_pauses[2]
				end);
		end if;
	elsif p_outcome = 'gone' then
		perform call_ends(
			w.tenant_id, p_id, case when c.hangup then 'cancelled' else 'failed' end,
			null, null, '20404', 'Twilio does not know the call any more');
	else
		-- What cannot be hung up may have ended by itself, and nobody said so.
		perform call_follow(
			p_id,
			case
				when w.type = 'hangup' and p_outcome = 'fail' then 'ask'
				else w.type
			end,
			greatest(p_wait_s, least(p_pauses[2], 5)));
	end if;
	return true;
end $$;
revoke all on function follow_settle from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function follow_settle to taskgate_sweep;
