-- The accepted calls of each key on the 30 days up to that of its last hour that is over, in one row: a list of keys shows them,
-- and 30 rows for each key cost it many times what the keys cost. `calls` is a number for each day, as a text: it is handed out in a
-- fraction of the time that an array takes.
create table recent_usage (
    key_id uuid primary key,
    last_day timestamptz not null,
    calls text not null
) with (fillfactor = 50);

-- A key in use writes its row of both each minute or each hour. Where a page has room, that leaves the index alone.
alter table last_uses set (fillfactor = 50);

-- They follow the rows of days, by whatever these are written. One statement, which takes the index whatever the planner thinks of
-- the size of the table.
create function keep_recent_usage() returns trigger language plpgsql as $$
begin
    insert into recent_usage as known (key_id, last_day, calls)
        values (new.key_id, new.start, repeat('0 ', 29) || new.calls)
    on conflict (key_id) do update set
        last_day = greatest(known.last_day, excluded.last_day),
        calls = with_calls_of_day(
            known.calls, (extract(epoch from excluded.last_day - known.last_day) / 86400)::int, new.calls);
    return null;
end $$;

-- The numbers of 30 days, of which `number` becomes that of the day that is so many days later than the last, or earlier.
create function with_calls_of_day(calls text, later int, number bigint) returns text
language sql immutable as $$
    select array_to_string(case
        when later >= 0 then
            (numbers || array_fill('0'::text, array[least(later, 30)]))
                [1 + least(later, 30) : 29 + least(later, 30)] || number::text
        when later > -30 then numbers[: 29 + later] || number::text || numbers[31 + later :]
        else numbers
    end, ' ')
    from string_to_array(calls, ' ') as numbers
$$;

create trigger keep_recent_usage_of_new_day after insert on key_usage for each row
    when (new.span = 'day' and new.outcome = 'accepted')
    execute function keep_recent_usage();
create trigger keep_recent_usage_of_day after update on key_usage for each row
    when (new.span = 'day' and new.outcome = 'accepted')
    execute function keep_recent_usage();

insert into recent_usage (key_id, last_day, calls)
select key_id, last_day, array_to_string(array(
    select coalesce((
        select calls from key_usage as day
        where day.key_id = latest.key_id and span = 'day' and outcome = 'accepted'
            and start = last_day - ago * interval '24 hours'
    ), 0)
    from generate_series(29, 0, -1) as ago order by ago desc
), ' ')
from (
    select key_id, max(start) as last_day from key_usage
    where span = 'day' and outcome = 'accepted' group by key_id
) as latest;

create or replace function forget_usage_of_keys() returns trigger language plpgsql as $$
begin
    delete from key_usage using gone where key_usage.key_id = gone.id;
    delete from recent_usage using gone where recent_usage.key_id = gone.id;
    delete from key_refusals using gone where key_refusals.key_id = gone.id;
    return null;
end $$;

insert into schema_compat (version, oldest_reader) values ('20261201000030', '20261129000001');
