-- What /ready, /info and /metrics ask. They run with or without a tenant and see only figures.

-- name: ready
-- The newest migration; the seconds since a sweeper's last heartbeat, null where there never was
-- one.
-- gives: migration, beat_age
select (select max(number) from migration) as migration,
	(select extract(epoch from now() - max(beat_at))::integer from sweeper) as beat_age

-- name: backlog
-- One row a lane: waiting (due and not claimed), scheduled, leased, how long the oldest due work
-- has waited, paused.
-- gives: lane, waiting, scheduled, leased, oldest_seconds, paused
select l.name as lane, coalesce(g.waiting, 0) as waiting, coalesce(g.scheduled, 0) as scheduled,
	coalesce(g.leased, 0) as leased, coalesce(g.oldest, 0) as oldest_seconds,
	l.paused_at is not null as paused
from lane l
left join backlog_by_lane() g on g.lane = l.name
order by l.name
