-- What /ready, /info and /metrics ask. They run without a tenant, or with one, and see figures only.

-- name: ready
-- Result: the newest migration, seconds since a sweeper's last heartbeat (null where there never was one).
select (select max(number) from migration) as migration, (select extract(epoch from now() - max(beat_at))::integer from sweeper) as beat_age

-- name: backlog
-- Result: a row a lane: waiting (due and unclaimed), scheduled, leased, seconds that the oldest due one has waited, paused.
select l.name as lane, coalesce(g.waiting, 0) as waiting, coalesce(g.scheduled, 0) as scheduled, coalesce(g.leased, 0) as leased,
	coalesce(g.oldest, 0) as oldest_seconds, l.paused_at is not null as paused
from lane l left join backlog_by_lane() g on g.lane = l.name
order by l.name
