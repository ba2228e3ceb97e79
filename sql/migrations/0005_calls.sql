-- Calls: every call task is a campaign, a single one of one number. One row a number to dial, and
-- the limiters.

create domain call_state as text
	constraint call_state
		check (value in (
			'pending', 'dialling', 'accepted', 'unknown', 'completed', 'failed',
			'cancelled'));
create domain campaign_delay as integer constraint campaign_delay check (value between 1 and 300);
create domain campaign_most as integer constraint campaign_most check (value between 1 and 50);
create domain campaign_total as integer constraint campaign_total check (value between 1 and 1000);

-- What all numbers of a call task have in common, and how many have ended.
create table campaign (
	tenant_id uuid not null,
	task_id uuid not null,
	from_number text,                                -- null: the sweeper's default
	webhook_url text,                                -- null: our own
	status_url text,  -- the client's own callback; null: none, or ours
	delay_s campaign_delay,                          -- null: a single call
	most campaign_most,
	total campaign_total not null default 1,
	completed integer not null default 0,
	failed integer not null default 0,
	cancelled integer not null default 0,
	primary key (tenant_id, task_id)
) with (fillfactor = 50);

-- A number to dial. dialling: the grant is committed and a request may be under way. unknown: a
-- request may have reached Twilio and no answer came; it is never dialled again by itself. id is
-- its work's.
create table call (
	tenant_id uuid not null,
	task_id uuid not null,
	number phone_number not null,
	callback_id directory_id,  -- whose it is, where a finished callback made it
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
create index call_number on call (number);  -- of all tenants: Twilio's list has them all
create unique index call_sid on call (sid) where sid is not null;
-- What has not ended, of one tenant: tasks themselves are not indexed by their end, which would
-- cost each of them its cheap last update.
create index call_open on call (tenant_id, task_id) where ended_at is null;

-- A limiter: of the account, of all single calls together, of a campaign. What is granted and has
-- not departed yet counts as departing at any moment, so that in no window of a limit's length more
-- calls depart than it allows, however long each took to leave. Everybody locks the account's row
-- first.
create table pace (
	key text primary key,
	outstanding integer not null default 0 constraint pace_outstanding check (outstanding >= 0),
	in_flight integer not null default 0 constraint pace_in_flight check (in_flight >= 0),
	-- microseconds since 1970, those that may still count
	departures bigint[] not null default '{}',
	granted_at timestamptz,                          -- whose turn it was last
	open_at timestamptz  -- when there is room again, where there was none
) with (fillfactor = 50);

-- Countries that have one time zone alone, by their code (ITU-T E.164 list; tz database). What is
-- not here is not certain.
create table number_zone (
	prefix text primary key constraint number_zone_prefix check (prefix ~ '^\+[1-9][0-9]*$'),
	zone text not null
);
insert into number_zone values
	('+20', 'Africa/Cairo'), ('+27', 'Africa/Johannesburg'), ('+30', 'Europe/Athens'),
	('+31', 'Europe/Amsterdam'), ('+32', 'Europe/Brussels'), ('+33', 'Europe/Paris'),
	('+36', 'Europe/Budapest'), ('+39', 'Europe/Rome'), ('+40', 'Europe/Bucharest'),
	('+41', 'Europe/Zurich'), ('+43', 'Europe/Vienna'), ('+44', 'Europe/London'),
	('+45', 'Europe/Copenhagen'), ('+46', 'Europe/Stockholm'), ('+47', 'Europe/Oslo'),
	('+48', 'Europe/Warsaw'), ('+49', 'Europe/Berlin'), ('+51', 'America/Lima'),
	('+57', 'America/Bogota'), ('+58', 'America/Caracas'), ('+60', 'Asia/Kuala_Lumpur'),
	('+63', 'Asia/Manila'), ('+65', 'Asia/Singapore'), ('+66', 'Asia/Bangkok'),
	('+81', 'Asia/Tokyo'), ('+82', 'Asia/Seoul'), ('+84', 'Asia/Ho_Chi_Minh'),
	('+86', 'Asia/Shanghai'), ('+90', 'Europe/Istanbul'), ('+91', 'Asia/Kolkata'),
	('+92', 'Asia/Karachi'), ('+94', 'Asia/Colombo'), ('+98', 'Asia/Tehran'),
	('+212', 'Africa/Casablanca'), ('+216', 'Africa/Tunis'), ('+234', 'Africa/Lagos'),
	('+254', 'Africa/Nairobi'), ('+352', 'Europe/Luxembourg'), ('+353', 'Europe/Dublin'),
	('+354', 'Atlantic/Reykjavik'), ('+356', 'Europe/Malta'), ('+357', 'Asia/Nicosia'),
	('+358', 'Europe/Helsinki'), ('+359', 'Europe/Sofia'), ('+370', 'Europe/Vilnius'),
	('+371', 'Europe/Riga'), ('+372', 'Europe/Tallinn'), ('+380', 'Europe/Kyiv'),
	('+381', 'Europe/Belgrade'), ('+385', 'Europe/Zagreb'), ('+386', 'Europe/Ljubljana'),
	('+420', 'Europe/Prague'), ('+421', 'Europe/Bratislava'),
	('+852', 'Asia/Hong_Kong'),
	('+853', 'Asia/Macau'), ('+880', 'Asia/Dhaka'), ('+886', 'Asia/Taipei'),
	('+961', 'Asia/Beirut'), ('+962', 'Asia/Amman'), ('+965', 'Asia/Kuwait'),
	('+966', 'Asia/Riyadh'), ('+968', 'Asia/Muscat'), ('+971', 'Asia/Dubai'),
	('+972', 'Asia/Jerusalem'), ('+974', 'Asia/Qatar'), ('+977', 'Asia/Kathmandu');

call guard_by_tenant('campaign', 'call');
