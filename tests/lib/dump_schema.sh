#!/bin/bash
# SPDX-License-Identifier: MIT
# dump_schema.sh: prints what the migrations make of an empty database, the same on every day: sql/schema.sql is its output.
#
#   tests/lib/dump_schema.sh [DATABASE]      connects as PGHOST, PGPORT and PGUSER say, as a superuser (as `./dev env` prints them)
#
# Left out are the partitions by month, whose names are made from the day, and what names the versions of server and pg_dump.
set -eu -o pipefail
pg_dump --schema-only --no-owner --exclude-table='public.task_event_2*' --exclude-table='public.task_log_2*' --dbname="${1:-${PGDATABASE:-taskgate}}" |
	sed -e '/^-- Dumped /d' -e '/^\\restrict /d' -e '/^\\unrestrict /d' | cat -s
