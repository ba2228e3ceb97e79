-- What Twilio asks and reports of calls.

-- name: call_report
-- A status callback that Twilio has signed; runs without a tenant. call: the one of the callback's
-- address, or null. params: all of them (JSON); form: as sent. ask_seconds: after which Twilio is
-- asked. Locks the call's work row, then pace, campaign, task.
-- takes: call, sid, status, sequence, duration, error_code, params, form, ask_seconds, request_id
-- takes: remote
-- gives: known, fresh
select known, fresh
from call_reported(
	:call::uuid, :sid, :status, :sequence::integer, :duration::integer, :error_code,
	:params::json, :form, :ask_seconds::integer, :request_id, :remote
)

-- name: call_script
-- What an answered call says. call: the one of the address, or null. known: false for what is not
-- ours.
-- takes: call, sid
-- gives: message, voice, language, gather_input, known, bare
select s ->> 'message' as message, s ->> 'voice' as voice, s ->> 'language' as language,
	s ->> 'gather_input' as gather_input, s is not null as known, s::text ~ '^\{\s*\}$' as bare
from call_script(:call::uuid, :sid) s

-- name: call_gather
-- Keeps what the person said or dialled, also where the call is not ours. params: all of them
-- (JSON).
-- takes: sid, speech, digits, params
-- gives: known
select call_gathered(:sid, :speech, :digits, :params::json) as known
