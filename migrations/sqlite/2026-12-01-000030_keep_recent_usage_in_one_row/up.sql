-- The accepted calls of each key on the 30 days up to that of its last hour that is over, in one row: a list of keys shows them,
-- and 30 rows for each key cost it many times what the keys cost. `calls` is a number for each day.
create table recent_usage (
    key_id   blob primary key,
    last_day integer not null,
    calls    text not null
) strict, without rowid;

with recursive days (ago) as (
    select 29 union all select ago - 1 from days where ago > 0
), latest as (
    select key_id, max(start) as last_day from key_usage
    where span = 'day' and outcome = 'accepted' group by key_id
)
insert into recent_usage (key_id, last_day, calls)
select key_id, last_day, (
    select group_concat(calls, ' ') from (
        select coalesce((
            select calls from key_usage as day
            where day.key_id = latest.key_id and span = 'day' and outcome = 'accepted'
                and start = last_day - ago * 86400000
        ), 0) as calls
        from days order by ago desc
    )
) from latest;

create trigger forget_recent_usage_of_key after delete on api_keys begin
    delete from recent_usage where key_id = old.id;
end;

insert into schema_compat (version, oldest_reader) values ('20261201000030', '20261129000001');
