-- The lanes of the sweeper.

-- name: lane_pause
-- No row where there is no such lane. The first pause's time stays.
-- takes: name, who, reason
-- gives: name, paused_at
update lane
set paused_at = coalesce(paused_at, now()), paused_by = :who, reason = :reason
where name = :name
returning name, paused_at

-- name: lane_resume
-- No row where there is no such lane. after_restore: also where the sweeper paused it, which it
-- does for a restored database alone. resumed: false where it was refused. unknown: how many calls
-- Twilio is asked of.
-- takes: name, after_restore
-- gives: name, paused_at, paused_by, resumed, unknown
with found as materialized (
	select name, paused_at, paused_by from lane where name = :name for update
), resumed as (
	update lane l
	set paused_at = null, paused_by = null, reason = null
	from found f
	where l.name = f.name
		and (
			f.paused_at is null or f.paused_by is distinct from 'taskgate-sweep'
				or :after_restore::boolean
		)
	returning l.name
), asked as (
	select calls_after_restore() as n
	from found f
	join resumed r on r.name = f.name
	where f.name = 'call' and f.paused_by = 'taskgate-sweep'
)
select name, paused_at, paused_by, exists (select from resumed) as resumed,
	coalesce((select n from asked), 0) as unknown
from found

-- name: lane_list
-- One row a lane with its backlog in figures, of all tenants.
-- gives: name, waiting, scheduled, leased, oldest_seconds, paused_at, paused_by, reason
select l.name, coalesce(g.waiting, 0) as waiting, coalesce(g.scheduled, 0) as scheduled,
	coalesce(g.leased, 0) as leased, coalesce(g.oldest, 0) as oldest_seconds, l.paused_at,
	l.paused_by, l.reason
from lane l
left join backlog_by_lane() g on g.lane = l.name
order by l.name
