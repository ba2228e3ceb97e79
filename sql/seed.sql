-- What a database has from its first moment. It adds only what is not there, so it is harmless when
-- repeated.

-- The first tenant, with a key of its own, so that nothing ever leaves unsigned.
with first as (
	insert into tenant (name)
	select 'main'
	where not exists (select from tenant)
	returning id
)
insert into webhook_key (tenant_id, secret)
select id, uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
from first;

-- From then on the sweeper makes the partitions.
select partition_ensure(3);
