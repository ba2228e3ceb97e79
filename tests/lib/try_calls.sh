#!/bin/bash
# SPDX-License-Identifier: MIT
# try_calls.sh: shows the calls API on a running dev stack whose Twilio is a stand-in: the document's requests as they are printed, except that the numbers are
# such as the stand-in answers, and a campaign moving. Nobody's telephone rings. Called by `./dev try calls`.
#
#   try_calls.sh URL TOKEN
set -eu -o pipefail

base=$1/api/v1/celery/twilio token=$2
say() { if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi; }

# ask METHOD PATH [BODY]: shows the request and its answer, and leaves the answer in $answer.
ask() {
	local method=$1 path=$2 body=()
	if [ $# -gt 2 ]; then body=(-H 'Content-Type: application/json' -d "$3"); fi
	say "$method $path"
	[ $# -lt 3 ] || printf '%s\n' "$3"
	answer=$(curl -sS -X "$method" "$base$path" -H "Authorization: Bearer $token" "${body[@]}")
	jq . <<<"$answer"
}
field() { jq -r ".$1" <<<"$answer"; }
quietly() { curl -sS "$base$1" -H "Authorization: Bearer $token"; }

# watch_task ID: one line a change, until it has ended.
watch_task() {
	local line last=''
	while :; do
		answer=$(quietly "/task-status/$1")
		line=$(jq -r '"\(.status)\t\(.progress)\t\(.message)"' <<<"$answer")
		[ "$line" = "$last" ] || printf '%s\t%s\n' "$(date +%T)" "$line"
		last=$line
		case $(field status) in SUCCESS | FAILURE | REVOKED) return ;; esac
		sleep 0.2
	done
}

# A bar of 30: what has ended, what is under way, what waits.
watch_campaign() {
	local line last=''
	while :; do
		answer=$(quietly "/campaigns/$1/calls")
		line=$(jq -r '(.total_calls) as $n | (.successful_calls + .failed_calls + .cancelled_calls) as $e | ([.calls[] | select(.status == "PROGRESS")] | length) as $w
			| ($e * 30 / $n | floor) as $a | (($e + $w) * 30 / $n | floor) as $b
			| "[" + ("#" * $a // "") + (">" * ($b - $a) // "") + ("." * (30 - $b) // "") + "]  \($e)/\($n) ended, \(.failed_calls) failed, \($w) under way"' <<<"$answer")
		[ "$line" = "$last" ] || printf '%s  %s\n' "$(date +%T)" "$line"
		last=$line
		case $(field status) in SUCCESS | FAILURE | REVOKED) return ;; esac
		sleep 0.2
	done
}

ask GET /health

# As it is printed in the document, its trailing comma too.
ask POST /queue-single-call '{
    "to_number": "+12025550101",
    "call_metadata": {
      "customer_id": "12345",
      "call_type": "test_call",
      "message": "This is a test call from Celery Twilio API",
      "voice": "alice",
      "language": "en-US",
    },
    "delay_seconds": 2
  }'
watch_task "$(field task_id)"
jq . <<<"$answer"

ask POST /schedule-call "{\"to_number\": \"+12025550102\", \"schedule_time\": \"$(date -u -d '+1 hour' +%FT%TZ)\", \"call_metadata\": {\"customer_id\": \"67890\", \"call_type\": \"reminder\"}}"
ask DELETE "/cancel-task/$(field task_id)"

# The stand-in's own: 0199 does not answer, 0198 is busy, 0197 fails; all others are answered.
ask POST /queue-bulk-calls '{
    "phone_numbers": ["+12025550111", "+12025550112", "+12025550198", "+12025550113", "+12025550199", "+12025550114"],
    "call_metadata": { "campaign_id": "test_campaign", "call_type": "survey" },
    "delay_between_calls": 1,
    "max_concurrent_calls": 3
  }'
campaign=$(field task_id)
watch_campaign "$campaign"
say "GET /task-status/$campaign"
quietly "/task-status/$campaign" | jq .
