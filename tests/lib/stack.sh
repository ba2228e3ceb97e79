#!/bin/bash
# SPDX-License-Identifier: MIT
# stack.sh: lays out and runs one whole private stack in one folder: PostgreSQL, taskgate-fcgi, nginx, taskgate-sweep and, where they are
# asked for, stand-ins for Twilio and a mail server. Both ./dev and the tests use it. Everything listens on unix sockets in the folder and on
# loopback ports. A process is signalled only after its start time was found to be the one that was noted when it was started; nothing is
# found by its name.
#
#   stack.sh init DIR [KEY=VALUE...]                lay out the folder and the database cluster (again: keeps what is there)
#   stack.sh start DIR [--port N|0] [--workers N] [--no-sweep] [--standins] [--build BUILDDIR] [--nginx-extra FILE] [--set KEY=VALUE]...
#   stack.sh stop DIR                               stop all of it
#   stack.sh destroy DIR                            stop all of it and delete the folder
#   stack.sh env DIR                                print shell assignments for it
#   stack.sh status DIR                             one line per part; 0 where all that was started is running
#   stack.sh set DIR KEY=VALUE...                   settings for taskgate.conf, in force at the next start of a program
#   stack.sh pg-start|pg-stop|db-setup|fcgi-start|fcgi-stop|fcgi-reload|nginx-start|nginx-stop|sweep-start|sweep-stop DIR [options as above]
#   stack.sh twilio-start|twilio-stop|smtp-start|smtp-stop DIR
#
# pg-stop takes `-m smart|fast|immediate`. Options are remembered in DIR/stack.env; what is not given is as it was. --standins starts a
# stand-in for each of Twilio and the mail server whose real setting (TWILIO_ACCOUNT_SID, SMTP_URL) is neither in the environment nor among
# the stack's own; --no-standins, at first so, starts none. The stand-in keeps mails in DIR/mail, one .eml file each. The first word of
# DIR/run/{fcgi,nginx,sweep,sweep-loop,twilio,smtp}.pid is the process id. DIR may be a link to a short folder elsewhere: socket paths have a limit.
# Exit codes: 0 done, 64 usage, 75 try again (a port is taken), 78 something is missing, 70 a part did not start.
set -eu -o pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
python=/usr/bin/python3

say() { printf '%s\n' "$*" >&2; }
die() { local code=$1; shift; say "stack: $*"; exit "$code"; }

# -- the folder -------------------------------------------------------------------------------------------------------------------------

# Many stacks come and go in a check, so what is asked often here forks as little as it can, and is kept.
pg_user='' pg_group='' bin=''

# Sets pg_user and pg_group: whom PostgreSQL runs as where root calls.
find_pg_user() {
	[ -z "$pg_user" ] || return 0
	pg_user=postgres
	pg_group=$(id -g postgres 2>/dev/null) || { pg_user=nobody; pg_group=$(id -g nobody); }
}

# Runs a command as the user that PostgreSQL runs as: the caller, or, as root, an ordinary user.
as_pg() {
	if [ "$EUID" -eq 0 ]; then
		find_pg_user
		(cd / && HOME=/ exec setpriv --reuid="$pg_user" --regid="$pg_group" --init-groups -- "$@")
	else
		"$@"
	fi
}

# Sets bin to the folder of PostgreSQL's server programs, the newest that there are.
find_pg_bin() {
	[ -z "$bin" ] || return 0
	bin=$(printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sort -V | tail -n 1)
	[ -x "$bin" ] || bin=$(command -v postgres) || die 78 "no PostgreSQL server found; on Debian: apt-get install postgresql"
	bin=${bin%/*}
}

reachable() { [ "$EUID" -ne 0 ] || as_pg test -x "$1" 2>/dev/null; }

# Sets S to the real folder behind DIR. Sockets need a short path and, as root, one that PostgreSQL's user can walk.
lay_folder() {
	local dir=$1 base
	if [ -d "$dir" ] && [ -e "$dir/run" ]; then
		S=$(cd "$dir" && pwd -P)
		return
	fi
	[ -L "$dir" ] && rm -f "$dir"
	mkdir -p "$dir"
	S=$(cd "$dir" && pwd -P)
	if [ ${#S} -gt 60 ] || ! reachable "$S"; then
		rmdir "$S" || die 78 "$dir cannot be used: its path is too long or PostgreSQL's user cannot reach it, and it is not empty"
		base=${TMPDIR:-/var/tmp}
		if [ ${#base} -gt 40 ] || ! reachable "$base"; then base=/var/tmp; fi
		S=$(mktemp -d "$base/taskgate.XXXXXX")
		ln -s "$S" "$dir"
	fi
	mkdir -p "$S/run" "$S/run/sweep.d" "$S/log" "$S/nginx" "$S/tmp" "$S/pg"
	# Connections need no password, so nobody else may come near the sockets.
	chmod 0700 "$S" "$S/pg"
	if [ "$EUID" -eq 0 ]; then
		find_pg_user
		chown "root:$pg_group" "$S"
		chmod 0710 "$S"
		chown "$pg_user:$pg_group" "$S/pg"
	fi
}

find_folder() {
	[ -e "$1/run" ] || die 64 "$1 is not laid out: stack.sh init $1"
	S=$(cd "$1" && pwd -P)
	build=${TASKGATE_BUILD:-$top/build/up} port='' workers=4 sweep=yes extra='' standins=''
	# shellcheck source=/dev/null
	[ ! -e "$S/stack.env" ] || . "$S/stack.env"
}

remember() {
	printf '%s=%q\n' build "$build" port "$port" workers "$workers" sweep "$sweep" extra "$extra" standins "$standins" >"$S/stack.env.new"
	mv "$S/stack.env.new" "$S/stack.env"
}

# -- processes --------------------------------------------------------------------------------------------------------------------------

# Sets tick to the clock tick that a process was started at; empty where there is none. The name may hold blanks and brackets, so it is cut off first.
find_start() {
	local stat=''
	tick=''
	{ read -r -d '' stat <"/proc/$1/stat"; } 2>/dev/null || [ -n "$stat" ] || return 0
	# shellcheck disable=SC2086
	set -- ${stat##*) }
	[ "$1" = Z ] || tick=${20}
}

# note_pid NAME PID PROGRAM: the start time stays the same through exec, so a child may be noted before it has become the program.
note_pid() { find_start "$2"; echo "$2 $tick $(realpath "$3")" >"$S/run/$1.pid"; }

# Sets pid where the part runs.
running() {
	local started
	pid=''
	[ -s "$S/run/$1.pid" ] || return 1
	read -r pid started _ <"$S/run/$1.pid" || true
	find_start "$pid"
	[ -n "$started" ] && [ "$tick" = "$started" ]
}

# A killed master may leave workers: those of its session that run the same program.
leftovers() {
	local master exe proc runs stat
	[ -s "$S/run/$1.pid" ] || return 0
	read -r master _ exe <"$S/run/$1.pid" || true
	for proc in /proc/[0-9]*; do
		stat=''
		{ read -r -d '' stat <"$proc/stat"; } 2>/dev/null || [ -n "$stat" ] || continue
		# shellcheck disable=SC2086
		set -- ${stat##*) }
		if [ "$1" = Z ] || [ "$4" != "$master" ]; then continue; fi
		runs=$(readlink "$proc/exe" 2>/dev/null) || continue
		if [ "${runs% (deleted)}" = "$exe" ]; then echo "${proc#/proc/}"; fi
	done
}

# end_part NAME SIGNAL SECONDS: signals it, waits, and after that many seconds ends it and what is left of it.
end_part() {
	local name=$1 sig=$2 tries=$(($3 * 20)) left
	if running "$name"; then
		kill -s "$sig" "$pid" 2>/dev/null || true
		while running "$name" && [ $((tries -= 1)) -gt 0 ]; do sleep 0.05; done
		if running "$name"; then
			say "stack: $name did not end in $3 s and was killed"
			kill -s KILL "$pid" 2>/dev/null || true
		fi
	fi
	for left in $(leftovers "$name"); do kill -s KILL "$left" 2>/dev/null || true; done
	rm -f "$S/run/$name.pid"
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	local tries=$(($1 * 50)); shift
	until "$@"; do
		[ $((tries -= 1)) -gt 0 ] || return 1
		sleep 0.02
	done
}

tail_of() { [ ! -s "$1" ] || { say "--- the end of $1"; tail -n 15 "$1" >&2; }; }

need_program() { [ -x "$build/$1" ] || die 78 "$build/$1 is not there; build first, or name the build folder with --build"; }

# -- settings ---------------------------------------------------------------------------------------------------------------------------

write_conf() {
	local db="host=$S/pg port=5432 dbname=taskgate"
	if [ ! -s "$S/webhook.secret" ]; then
		(umask 077 && echo "whsec_$(head -c 32 /dev/urandom | base64 | tr -d '\n')" >"$S/webhook.secret")
	fi
	(
		umask 077
		{
			cat <<-CONF
				TASKGATE_DATABASE=$db user=taskgate_api
				TASKGATE_SWEEP_DATABASE=$db user=taskgate_sweep
				TASKGATE_ADMIN_DATABASE=$db user=taskgate_ctl
				TASKGATE_SOCKET=$S/run/fcgi.sock
				TASKGATE_RUN_DIR=$S/run
				TASKGATE_WORKERS=$workers
				TASKGATE_WEBHOOK_SECRET=$(cat "$S/webhook.secret")
				TASKGATE_OUTBOUND_ALLOW=127.0.0.0/8,::1/128
			CONF
			[ -z "$port" ] || echo "TASKGATE_PUBLIC_URL=http://127.0.0.1:$port"
			standin_settings
			[ ! -e "$S/overrides" ] || cat "$S/overrides"
		} | awk '{ key = $0; sub(/=.*/, "", key); if (!(key in line)) order[++n] = key; line[key] = $0 }
			END { print "# Written by tests/lib/stack.sh at each start."; for (i = 1; i <= n; i++) print line[order[i]] }' \
			>"$S/taskgate.conf.new"
	)
	mv "$S/taskgate.conf.new" "$S/taskgate.conf"
}

set_override() {
	case $1 in
	[A-Z]*=*)
		{
			grep -v "^${1%%=*}=" "$S/overrides" 2>/dev/null || true
			echo "$1"
		} >"$S/overrides.new"
		mv "$S/overrides.new" "$S/overrides"
		;;
	*) die 64 "not KEY=VALUE: $1" ;;
	esac
}

# -- stand-ins --------------------------------------------------------------------------------------------------------------------------

plays() { case " $standins " in *" $1 "*) ;; *) return 1 ;; esac; }

# Is it a setting of the environment or of this stack's own?
is_set() { [ -n "${!1:-}" ] || grep -q "^$1=." "$S/overrides" 2>/dev/null; }

# Sets standins to the parts that are to be played: those that nobody has settings of the real thing for.
choose_standins() {
	standins=''
	is_set TWILIO_ACCOUNT_SID || standins=twilio
	is_set SMTP_URL || standins="$standins${standins:+ }smtp"
}

# The environment wins over taskgate.conf, and half a set of real settings beside a stand-in's would only be a riddle.
shield_standins() { ! plays twilio || unset TWILIO_AUTH_TOKEN TWILIO_PHONE_NUMBER TWILIO_API_BASE; }

# Sets account and token, which are made once and kept.
twilio_account() {
	if [ ! -s "$S/twilio.account" ]; then
		(umask 077 && echo "AC$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n') $(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" >"$S/twilio.account")
	fi
	read -r account token <"$S/twilio.account"
}

standin_settings() {
	local account token
	if plays twilio && [ -s "$S/run/twilio.port" ]; then
		twilio_account
		printf '%s\n' "TWILIO_ACCOUNT_SID=$account" "TWILIO_AUTH_TOKEN=$token" TWILIO_PHONE_NUMBER=+15005550006 \
			"TWILIO_API_BASE=http://127.0.0.1:$(cat "$S/run/twilio.port")"
	fi
	if plays smtp && [ -s "$S/run/smtp.port" ]; then
		printf '%s\n' "SMTP_URL=smtp://127.0.0.1:$(cat "$S/run/smtp.port")" SMTP_FROM=taskgate@example.com
	fi
}

port_known() { [ -s "$S/run/$1.port" ]; }
known_or_dead() { ! running "$1" || port_known "$1"; }

# standin_start NAME OPTION...: on the port that it had before, where that is free, since programs that run have it in their settings.
standin_start() {
	local name=$1 port_file=$S/run/$1.port last; shift
	running "$name" && return 0
	[ -x "$python" ] || die 78 "$python is not there; on Debian: apt-get install python3"
	last=$(cat "$port_file" 2>/dev/null || echo 0)
	rm -f "$port_file"
	setsid "$python" "$here/standin_$name.py" --port-file "$port_file" --port "$last" "$@" </dev/null >>"$S/log/$name.log" 2>&1 &
	note_pid "$name" $! "$python"
	disown
	wait_for 30 known_or_dead "$name" || true
	if ! running "$name" || ! port_known "$name"; then
		tail_of "$S/log/$name.log"
		end_part "$name" TERM 5
		die 70 "the stand-in $name did not start"
	fi
}

twilio_start() {
	local account token
	twilio_account
	standin_start twilio --account "$account" --token "$token" --log
}

smtp_start() {
	"$python" -c 'import aiosmtpd' 2>/dev/null || die 78 "the stand-in for a mail server needs aiosmtpd; on Debian: apt-get install python3-aiosmtpd"
	standin_start smtp --folder "$S/mail"
}

# -- PostgreSQL -------------------------------------------------------------------------------------------------------------------------

# TASKGATE_CLUSTER is a folder for a cluster that is set up and at rest: a run of tests keeps its first stack's, and its others begin with a copy.
pg_init() {
	[ ! -s "$S/pg/data/PG_VERSION" ] || return 0
	as_pg rm -rf "$S/pg/data"
	if [ -e "${TASKGATE_CLUSTER:-}/complete" ]; then
		cp -a "$TASKGATE_CLUSTER/data" "$S/pg/data"
		: >"$S/run/copied"
	else
		find_pg_bin
		as_pg "$bin/initdb" -D "$S/pg/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$S/log/initdb.log" 2>&1 ||
			{ tail_of "$S/log/initdb.log"; die 70 "initdb failed"; }
	fi
	as_pg tee -a "$S/pg/data/postgresql.conf" >/dev/null <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$S/pg'
		port = 5432
		max_connections = 100
		fsync = on
		synchronous_commit = on
		full_page_writes = on
		shared_buffers = 192MB
		effective_cache_size = 2GB
		max_wal_size = 2GB
		checkpoint_timeout = 15min
		timezone = 'UTC'
		log_timezone = 'UTC'
		log_line_prefix = '%m %u '
	CONF
	as_pg tee "$S/pg/data/pg_hba.conf" >/dev/null <<<'local all all trust'
}

# The postmaster and its backends work in the data folder, which no other process does.
pg_no_process() {
	local proc
	for proc in /proc/[0-9]*; do
		if [ "$proc/cwd" -ef "$S/pg/data" ]; then return 1; fi
	done
}

pg_running() {
	pid=''
	[ -s "$S/pg/data/postmaster.pid" ] || return 1
	pid=$(head -n 1 "$S/pg/data/postmaster.pid")
	[ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$S/pg/data" ]
}

pg_start() {
	pg_running && return 0
	find_pg_bin
	# A stale file may name a process that lives and is somebody else's, and then PostgreSQL would not start. The file also guards the
	# data against backends that outlived a killed postmaster, so those must be gone first.
	wait_for 20 pg_no_process || die 75 "processes of a former PostgreSQL are still ending in $S/pg/data"
	as_pg rm -f "$S/pg/data/postmaster.pid" "$S/pg/.s.PGSQL.5432" "$S/pg/.s.PGSQL.5432.lock"
	as_pg "$bin/pg_ctl" -D "$S/pg/data" -l "$S/pg/postgres.log" -w -t 60 start </dev/null >"$S/log/pg_ctl.log" 2>&1 ||
		{ tail_of "$S/pg/postgres.log"; die 70 "PostgreSQL did not start"; }
	ln -sf ../pg/postgres.log "$S/log/postgres.log"
}

pg_stop() {
	pg_running || return 0
	find_pg_bin
	as_pg "$bin/pg_ctl" -D "$S/pg/data" -m "${1:-fast}" -w -t 60 stop >"$S/log/pg_ctl.log" 2>&1 ||
		{ tail_of "$S/log/pg_ctl.log"; die 70 "PostgreSQL did not stop"; }
}

admin_psql() { find_pg_bin; env -i PATH="$PATH" "$bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$S/pg" -p 5432 -U postgres "$@"; }

keep_cluster() {
	if [ -z "${TASKGATE_CLUSTER:-}" ] || [ -e "$TASKGATE_CLUSTER/complete" ]; then return 0; fi
	pg_stop
	cp -a "$S/pg/data" "$TASKGATE_CLUSTER/data"
	: >"$TASKGATE_CLUSTER/complete"
	pg_start
}

db_setup() {
	need_program taskgatectl
	write_conf
	[ ! -e "$S/run/copied" ] || return 0
	admin_psql -d postgres -f "$top/sql/roles.sql" >"$S/log/setup.log" 2>&1 || { tail_of "$S/log/setup.log"; die 70 "the roles could not be made"; }
	if [ -z "$(admin_psql -d postgres -Atc "select 1 from pg_database where datname = 'taskgate'")" ]; then
		admin_psql -d postgres -c 'create database taskgate owner taskgate_owner'
	fi
	"$build/taskgatectl" --config "$S/taskgate.conf" migrate >"$S/log/setup.log" 2>&1 ||
		{ tail_of "$S/log/setup.log"; die 70 "the migrations did not run"; }
	keep_cluster
}

# -- taskgate-fcgi ----------------------------------------------------------------------------------------------------------------------

# The name comes by rename, when the socket is complete.
fcgi_listening() { [ -S "$S/run/fcgi.sock" ]; }
fcgi_up_or_dead() { ! running fcgi || fcgi_listening; }

fcgi_start() {
	running fcgi && return 0
	need_program taskgate-fcgi
	write_conf
	rm -f "$S/run/fcgi.sock"
	setsid "$build/taskgate-fcgi" --config "$S/taskgate.conf" </dev/null >>"$S/log/fcgi.log" 2>&1 &
	note_pid fcgi $! "$build/taskgate-fcgi"
	disown
	wait_for 30 fcgi_up_or_dead || true
	if ! running fcgi || ! fcgi_listening; then
		tail_of "$S/log/fcgi.log"
		end_part fcgi TERM 5
		die 70 "taskgate-fcgi did not start"
	fi
}

# -- nginx ------------------------------------------------------------------------------------------------------------------------------

nginx_program() { PATH=$PATH:/usr/sbin:/sbin command -v nginx || die 78 "no nginx found; on Debian: apt-get install nginx-light"; }

# Does anybody listen on that port of the loopback address or of all addresses?
port_taken() {
	local hex; hex=$(printf '%04X' "$1")
	cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
		awk -v p=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == p &&
			$2 ~ /^(0100007F|00000000|00000000000000000000000000000000|0000000000000000FFFF00000100007F):/ { found = 1 }
			END { exit !found }'
}

write_nginx() {
	local user=''
	[ "$EUID" -ne 0 ] || user='user root;'
	rm -rf "$S/nginx/taskgate"
	mkdir -p "$S/nginx/taskgate"
	cp "$top"/nginx/*.conf "$S/nginx/taskgate"
	sed -i "s#unix:/run/taskgate/fcgi.sock#unix:$S/run/fcgi.sock#" "$S/nginx/taskgate"/*.conf
	sed -e "s#@USER@#$user#; s#@RUN@#$S/run#; s#@LOG@#$S/log#; s#@TMP@#$S/tmp#; s#@PORT@#$port#" \
		-e "/@EXTRA@/{
r ${extra:-/dev/null}
d
}" "$top/nginx/quickstart.conf.in" >"$S/nginx/nginx.conf"
}

run_nginx() { TZ=UTC "$(nginx_program)" -e "$S/log/nginx-error.log" -p "$S/nginx" -c "$S/nginx/nginx.conf" </dev/null >"$S/log/nginx-start.log" 2>&1; }

nginx_pid_written() { [ -s "$S/run/nginx-master.pid" ]; }

nginx_start() {
	local wanted=${port:-0} tries=20
	running nginx && return 0
	nginx_program >/dev/null
	while :; do
		if [ "$wanted" = 0 ]; then port=$((20000 + RANDOM % 12000)); fi
		rm -f "$S/run/nginx-master.pid"
		if ! port_taken "$port"; then
			write_nginx
			run_nginx && break
			grep -q 'Address already in use' "$S/log/nginx-start.log" || { tail_of "$S/log/nginx-start.log"; die 70 "nginx did not start"; }
		fi
		if [ "$wanted" != 0 ]; then die 75 "port $wanted is taken by another program"; fi
		[ $((tries -= 1)) -gt 0 ] || die 75 "no free port was found"
	done
	wait_for 10 nginx_pid_written || die 70 "nginx wrote no pid file"
	note_pid nginx "$(cat "$S/run/nginx-master.pid")" "$(nginx_program)"
	remember
}

# -- taskgate-sweep ---------------------------------------------------------------------------------------------------------------------

# Stands for cron: starts the sweeper again as soon as it has left, at most once a second.
sweep_loop() {
	local began child=''
	trap 'if [ -n "$child" ]; then kill -s TERM "$child" 2>/dev/null || true; wait "$child" || true; fi; rm -f "$S/run/sweep.pid"; exit 0' TERM INT
	while :; do
		began=$SECONDS
		"$build/taskgate-sweep" --config "$S/taskgate.conf" </dev/null &
		child=$!
		note_pid sweep "$child" "$build/taskgate-sweep"
		wait "$child" || echo "stack: taskgate-sweep ended with code $?"
		child=''
		if [ $((SECONDS - began)) -lt 2 ]; then sleep 1 & wait $!; fi
	done
}

sweep_start() {
	running sweep-loop && return 0
	need_program taskgate-sweep
	write_conf
	setsid "$BASH" "${BASH_SOURCE[0]}" _sweep-loop "$S" </dev/null >>"$S/log/sweep.log" 2>&1 &
	note_pid sweep-loop $! "$BASH"
	disown
}

sweep_stop() {
	end_part sweep-loop TERM 40
	end_part sweep TERM 5
}

# -- the whole --------------------------------------------------------------------------------------------------------------------------

stop_all() {
	sweep_stop
	end_part nginx TERM 10
	end_part fcgi TERM 35
	end_part twilio TERM 5
	end_part smtp TERM 5
	pg_stop "$pg_mode"
}

start_all() {
	if [ -n "$port" ] && [ "$port" != 0 ] && ! running nginx && port_taken "$port"; then
		die 75 "port $port is taken by another program"
	fi
	pg_start
	! plays twilio || twilio_start
	! plays smtp || smtp_start
	# nginx comes first, since the port belongs to the settings; until the workers listen it answers 502.
	nginx_start
	db_setup
	fcgi_start
	[ "$sweep" = no ] || sweep_start
}

status() {
	local part rc=0
	for part in pg fcgi nginx sweep-loop $standins; do
		if { [ "$part" = pg ] && pg_running; } || { [ "$part" != pg ] && running "$part"; }; then
			echo "$part running $pid"
		else
			echo "$part stopped"
			[ "$part" = sweep-loop ] && [ "$sweep" = no ] || rc=1
		fi
	done
	return $rc
}

print_env() {
	printf '%s=%q\n' TASKGATE_URL "http://127.0.0.1:$port" TASKGATE_STATE "$S" TASKGATE_CONF "$S/taskgate.conf" TASKGATE_BUILD "$build" \
		TASKGATE_STANDINS "${standins// /:}" PGHOST "$S/pg" PGPORT 5432 PGUSER postgres PGDATABASE taskgate
}

options() {
	local play=''
	while [ $# -gt 0 ]; do
		case $1 in
		--no-sweep) sweep=no; shift; continue ;;
		--sweep) sweep=yes; shift; continue ;;
		--no-standins) play=no; shift; continue ;;
		--standins) play=yes; shift; continue ;;
		--port | --workers | --build | --nginx-extra | --set | -m) [ $# -ge 2 ] || die 64 "$1 wants a value" ;;
		*) die 64 "unknown option: $1" ;;
		esac
		case $1 in
		--port) port=$2 ;;
		--workers) workers=$2 ;;
		--build) build=$(cd "$2" && pwd) ;;
		--nginx-extra) extra=$2 ;;
		--set) set_override "$2" ;;
		-m) pg_mode=$2 ;;
		esac
		shift 2
	done
	case $play in yes) choose_standins ;; no) standins='' ;; esac
	case $port in *[!0-9]*) die 64 "--port wants a number" ;; esac
	case $workers in *[!0-9]* | '') die 64 "--workers wants a number" ;; esac
	remember
}

main() {
	[ $# -ge 2 ] || { sed -n '/^#   stack/s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 64; }
	local verb=$1 dir=$2 setting
	shift 2
	pg_mode=fast
	if [ "$verb" = init ]; then lay_folder "$dir"; fi
	if [ "$verb" = destroy ] && [ ! -e "$dir/run" ]; then rm -f "$dir" 2>/dev/null || true; exit 0; fi
	find_folder "$dir"
	case $verb in
	init | set)
		for setting in "$@"; do set_override "$setting"; done
		[ "$verb" = set ] || pg_init
		;;
	_sweep-loop) sweep_loop ;;
	env) print_env ;;
	status) status ;;
	stop) stop_all ;;
	destroy)
		# Nobody will read the data again, so nothing need be written to it.
		pg_mode=immediate
		stop_all
		rm -rf "$S"
		rm -rf "$dir"
		;;
	start | pg-start | pg-stop | db-setup | fcgi-start | fcgi-stop | fcgi-reload | nginx-start | nginx-stop | sweep-start | sweep-stop | \
		twilio-start | twilio-stop | smtp-start | smtp-stop)
		options "$@"
		shield_standins
		case $verb in
		start) start_all ;;
		pg-start) pg_start ;;
		pg-stop) pg_stop "$pg_mode" ;;
		db-setup) db_setup ;;
		fcgi-start) fcgi_start ;;
		fcgi-stop) end_part fcgi TERM 35 ;;
		fcgi-reload) write_conf; running fcgi && kill -s HUP "$pid" ;;
		nginx-start) nginx_start ;;
		nginx-stop) end_part nginx TERM 10 ;;
		sweep-start) sweep_start ;;
		sweep-stop) sweep_stop ;;
		twilio-start) twilio_start ;;
		smtp-start) smtp_start ;;
		twilio-stop | smtp-stop) end_part "${verb%-stop}" TERM 5 ;;
		esac
		;;
	*) die 64 "unknown verb: $verb" ;;
	esac
}

main "$@"
