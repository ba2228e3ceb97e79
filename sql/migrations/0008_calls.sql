-- Calls: every call task is a campaign, a single one of one number. One row a number to dial, and the limiters.

insert into state_edge values
	('call',      '-',          'create',   'pending',    'Task created'),
	('call',      'pending',    'claim',    'processing', 'Creating call'),
	('call',      'pending',    'fail',     'failed',     'Call refused'),
	('call',      'processing', 'complete', 'completed',  'Call completed'),
	('call',      'processing', 'fail',     'failed',     'Call failed'),
	('call',      'processing', 'retry',    'pending',    'Attempt failed, will be retried'),
	('call',      'processing', 'release',  'pending',    'Attempt given back'),
	('call',      'processing', 'cancel',   'cancelled',  'Call cancelled'),
	('call',      'pending',    'cancel',   'cancelled',  'Call cancelled'),
	('call',      'pending',    'expire',   'expired',    'Call expired before it was dialled'),
	('bulk_call', '-',          'create',   'pending',    'Campaign created'),
	('bulk_call', 'pending',    'claim',    'processing', 'Campaign started'),
	('bulk_call', 'processing', 'complete', 'completed',  'Campaign finished'),
	('bulk_call', 'pending',    'cancel',   'cancelled',  'Campaign cancelled'),
	('bulk_call', 'processing', 'cancel',   'cancelled',  'Campaign cancelled'),
	('bulk_call', 'pending',    'expire',   'expired',    'Campaign expired before it started');

-- Dialling is paced and may be paused; asking Twilio and hanging up go on.
insert into lane (name) values ('follow');

create domain call_state as text constraint call_state check (value in ('pending', 'dialling', 'accepted', 'unknown', 'completed', 'failed', 'cancelled'));
create domain campaign_delay as integer constraint campaign_delay check (value between 1 and 300);
create domain campaign_most as integer constraint campaign_most check (value between 1 and 50);
create domain campaign_total as integer constraint campaign_total check (value between 1 and 1000);

-- What all numbers of a call task have in common, and how many have ended.
create table campaign (
	tenant_id uuid not null,
	task_id uuid not null,
	from_number text,                                -- null: the sweeper's default
	webhook_url text,                                -- null: our own
	status_url text,                                 -- the client's own callback; null: none, or ours
	delay_s campaign_delay,                          -- null: a single call
	most campaign_most,
	total campaign_total not null default 1,
	completed integer not null default 0,
	failed integer not null default 0,
	cancelled integer not null default 0,
	primary key (tenant_id, task_id)
) with (fillfactor = 50);

-- A number to dial. dialling: the grant is committed and a request may be under way. unknown: a request may have reached Twilio and no answer came; it is never
-- dialled again by itself. id is its work's.
create table call (
	tenant_id uuid not null,
	task_id uuid not null,
	number phone_number not null,
	callback_id directory_id,                        -- whose it is, where a finished callback made it
	id uuid primary key,
	n integer not null default 1,
	state call_state not null default 'pending',
	sid text,
	status text,
	sequence integer not null default -1,
	attempts integer not null default 0,
	outstanding boolean not null default false,      -- granted, and not known to have departed
	slot boolean not null default false,             -- counted in its campaign's in_flight
	hangup boolean not null default false,
	granted_at timestamptz,
	departed_at timestamptz,
	answered_at timestamptz,
	ended_at timestamptz,
	duration integer,
	asked integer not null default 0,
	error_code text,
	reason text,
	gathered json,
	constraint call_place_taken unique (tenant_id, task_id, n)
);
create index call_number on call (number);               -- of all tenants: Twilio's list has them all
create unique index call_sid on call (sid) where sid is not null;
-- What has not ended, of one tenant: tasks themselves are not indexed by their end, which would cost each of them its cheap last update.
create index call_open on call (tenant_id, task_id) where ended_at is null;

-- A limiter: of the account, of all single calls together, of a campaign. What is granted and has not departed yet counts as departing at any moment, so that in no
-- window of a limit's length more calls depart than it allows, however long each took to leave. Everybody locks the account's row first.
create table pace (
	key text primary key,
	outstanding integer not null default 0 constraint pace_outstanding check (outstanding >= 0),
	in_flight integer not null default 0 constraint pace_in_flight check (in_flight >= 0),
	departures bigint[] not null default '{}',       -- microseconds since 1970, those that may still count
	granted_at timestamptz,                          -- whose turn it was last
	open_at timestamptz                              -- when there is room again, where there was none
) with (fillfactor = 50);

-- Quiet hours of a tenant (null: none), in the zone of the called number where that is certain, else in the tenant's.
alter table tenant add column quiet_from time, add column quiet_until time, add column time_zone text,
	add constraint tenant_quiet check ((quiet_from is null) = (quiet_until is null));

-- Countries that have one time zone alone, by their code (ITU-T E.164 list; tz database). What is not here is not certain.
create table number_zone (
	prefix text primary key constraint number_zone_prefix check (prefix ~ '^\+[1-9][0-9]*$'),
	zone text not null
);
insert into number_zone values
	('+20', 'Africa/Cairo'), ('+27', 'Africa/Johannesburg'), ('+30', 'Europe/Athens'), ('+31', 'Europe/Amsterdam'), ('+32', 'Europe/Brussels'), ('+33', 'Europe/Paris'),
	('+36', 'Europe/Budapest'), ('+39', 'Europe/Rome'), ('+40', 'Europe/Bucharest'), ('+41', 'Europe/Zurich'), ('+43', 'Europe/Vienna'), ('+44', 'Europe/London'),
	('+45', 'Europe/Copenhagen'), ('+46', 'Europe/Stockholm'), ('+47', 'Europe/Oslo'), ('+48', 'Europe/Warsaw'), ('+49', 'Europe/Berlin'), ('+51', 'America/Lima'),
	('+57', 'America/Bogota'), ('+58', 'America/Caracas'), ('+60', 'Asia/Kuala_Lumpur'), ('+63', 'Asia/Manila'), ('+65', 'Asia/Singapore'), ('+66', 'Asia/Bangkok'),
	('+81', 'Asia/Tokyo'), ('+82', 'Asia/Seoul'), ('+84', 'Asia/Ho_Chi_Minh'), ('+86', 'Asia/Shanghai'), ('+90', 'Europe/Istanbul'), ('+91', 'Asia/Kolkata'),
	('+92', 'Asia/Karachi'), ('+94', 'Asia/Colombo'), ('+98', 'Asia/Tehran'), ('+212', 'Africa/Casablanca'), ('+216', 'Africa/Tunis'), ('+234', 'Africa/Lagos'),
	('+254', 'Africa/Nairobi'), ('+352', 'Europe/Luxembourg'), ('+353', 'Europe/Dublin'), ('+354', 'Atlantic/Reykjavik'), ('+356', 'Europe/Malta'), ('+357', 'Asia/Nicosia'),
	('+358', 'Europe/Helsinki'), ('+359', 'Europe/Sofia'), ('+370', 'Europe/Vilnius'), ('+371', 'Europe/Riga'), ('+372', 'Europe/Tallinn'), ('+380', 'Europe/Kyiv'),
	('+381', 'Europe/Belgrade'), ('+385', 'Europe/Zagreb'), ('+386', 'Europe/Ljubljana'), ('+420', 'Europe/Prague'), ('+421', 'Europe/Bratislava'), ('+852', 'Asia/Hong_Kong'),
	('+853', 'Asia/Macau'), ('+880', 'Asia/Dhaka'), ('+886', 'Asia/Taipei'), ('+961', 'Asia/Beirut'), ('+962', 'Asia/Amman'), ('+965', 'Asia/Kuwait'),
	('+966', 'Asia/Riyadh'), ('+968', 'Asia/Muscat'), ('+971', 'Asia/Dubai'), ('+972', 'Asia/Jerusalem'), ('+974', 'Asia/Qatar'), ('+977', 'Asia/Kathmandu');

-- A delivery may carry a form that is there already (a client's own status callback) instead of the event's JSON.
alter table delivery add column form text;

call guard_by_tenant('campaign', 'call');

-- A wall time in a zone as an instant: one that a clock change skips is the first instant after it, one that comes twice the first of them (spec README decision 7).
-- PostgreSQL alone would take half past two of a skipped hour for half past three, and the second of two.
create function wall_time(p_wall timestamp, p_zone text) returns timestamptz language plpgsql stable as $$
declare c timestamptz := p_wall at time zone p_zone; one interval; two interval; early timestamptz; late timestamptz; mid timestamptz;
begin
	one := ((c - interval '1 day') at time zone p_zone) - ((c - interval '1 day') at time zone 'UTC');
	two := ((c + interval '1 day') at time zone p_zone) - ((c + interval '1 day') at time zone 'UTC');
	early := (p_wall - greatest(one, two)) at time zone 'UTC';
	late := (p_wall - least(one, two)) at time zone 'UTC';
	if early at time zone p_zone = p_wall then
		return early;
	elsif late at time zone p_zone = p_wall then
		return late;
	elsif c at time zone p_zone = p_wall then
		return c;
	end if;
	-- Between the two the clock jumped; the wall behind the jump is later than the one that was asked for.
	while late - early > interval '1 second' loop
		mid := date_trunc('second', early + (late - early) / 2);
		exit when mid <= early;
		if mid at time zone p_zone > p_wall then
			late := mid;
		else
			early := mid;
		end if;
	end loop;
	return late;
end $$;

-- Is it a name of the tz database? Abbreviations and POSIX forms, which PostgreSQL takes as well, are none.
create function is_zone(p_zone text) returns boolean language plpgsql stable as $$
begin
	perform now() at time zone p_zone;
	return p_zone ~ '^[A-Za-z_]+(/[A-Za-z0-9_+-]+)+$' or p_zone in ('UTC', 'GMT');
exception when invalid_parameter_value then
	return false;
end $$;
