-- SPDX-License-Identifier: MIT
-- wrk.lua: the load of `./dev bench`. Arguments: get, put or call, first entity, entities, seed. GET takes any of the seeded tasks, PUT a name that
-- nobody had before (like the scripts of pgbench, a random one of sixteen digits), call queues a call. The last line of its output is one JSON object.
local threads = 0
local body = '{"task_type":"lead_followup","action":"process","target_id":"lead-12345",'
	.. '"payload":{"contact_method":"phone","script_id":"script-789","agent_group":"sales-team-a"},'
	.. '"priority":7,"timeout":600,"retry_count":2,"callback_url":"https://myapp.example.com/webhooks/task-complete","tags":["sales","high-value","followup"]}'

function setup(thread)
	thread:set("number", threads)
	threads = threads + 1
end

function init(args)
	first, count = tonumber(args[2]), tonumber(args[3])
	math.randomseed(tonumber(args[4]) * 16 + number)
	if args[1] == "put" then
		wrk.method = "PUT"
		wrk.headers["Content-Type"] = "application/json"
		wrk.body = body
		first, count = 1e15, 8e15
	elseif args[1] == "call" then
		call = '{"to_number":"+1202%d","call_metadata":{"customer_id":"12345","message":"This is a test call","voice":"alice","language":"en-US"}}'
		wrk.method = "POST"
		wrk.headers["Content-Type"] = "application/json"
	end
end

function request()
	if call then
		return wrk.format(nil, "/api/v1/celery/twilio/queue-single-call", nil, string.format(call, math.random(2000000, 9999999)))
	end
	return wrk.format(nil, string.format("/generic/%.0f", first + math.random(0, count - 1)))
end

function done(summary, latency)
	local e = summary.errors
	io.write(string.format('\n{"requests":%d,"us":%d,"errors":%d,"p50_us":%d,"p99_us":%d}\n', summary.requests, summary.duration,
		e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
