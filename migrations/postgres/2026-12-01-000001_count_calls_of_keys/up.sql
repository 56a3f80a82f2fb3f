-- How much each key is used. `last_uses` counts the accepted calls of the hour in which a key was last used, so that a
-- busy key costs the one write it always did. The release before writes `used_at` alone.
alter table last_uses
    add column hour timestamptz not null default 'epoch',
    add column accepted bigint not null default 0,
    add column cost bigint not null default 0;

-- Calls by hour and by day, of accepted ones without the hour that `last_uses` counts; `outcome` is `accepted`, or why
-- they were refused. Nothing refers to a key: a reference would lock the key's row, and a revoke would wait for that.
create table key_usage (
    key_id uuid not null,
    span text not null check (span in ('hour', 'day')),
    start timestamptz not null,
    outcome text not null,
    calls bigint not null,
    cost bigint not null default 0,
    primary key (key_id, span, start, outcome)
);
-- For what is removed. By an expression, so that nobody reads the calls of one key among those of all.
create index key_usage_hours on key_usage ((start at time zone 'UTC')) where span = 'hour';
create index key_usage_days on key_usage ((start at time zone 'UTC')) where span = 'day';

-- The last refusals of a key, one for each minute and reason.
create table key_refusals (
    key_id uuid not null,
    minute timestamptz not null,
    reason text not null,
    at timestamptz not null,
    address text,
    request_id text,
    required text,
    primary key (key_id, minute, reason)
);
create index key_refusals_eldest on key_refusals (minute);

-- The last batch that each process has written: one whose answer got lost is sent again, and not added again.
create table usage_writers (
    id uuid primary key,
    batch bigint not null,
    at timestamptz not null
);

-- Where the hour of a key's counts is another one, the earlier of the two is added to what is kept by hour and by day:
-- what was counted until now, or what comes late. The row is locked, and so is what `old` says.
create function turn_hour_of_usage() returns trigger language plpgsql as $$
declare
    earlier last_uses := case when new.hour > old.hour then old else new end;
begin
    if earlier.accepted > 0 then
        insert into key_usage as known (key_id, span, start, outcome, calls, cost)
        values
            (earlier.key_id, 'hour', earlier.hour, 'accepted', earlier.accepted, earlier.cost),
            (earlier.key_id, 'day', date_trunc('day', earlier.hour, 'UTC'), 'accepted',
                earlier.accepted, earlier.cost)
        on conflict (key_id, span, start, outcome) do update
            set calls = known.calls + excluded.calls, cost = known.cost + excluded.cost;
    end if;
    if new.hour < old.hour then
        new.hour := old.hour;
        new.accepted := old.accepted;
        new.cost := old.cost;
    end if;
    return new;
end $$;

create trigger turn_hour_of_usage before update on last_uses for each row
    when (old.hour <> new.hour)
    execute function turn_hour_of_usage();

create function forget_usage_of_keys() returns trigger language plpgsql as $$
begin
    delete from key_usage using gone where key_usage.key_id = gone.id;
    delete from key_refusals using gone where key_refusals.key_id = gone.id;
    return null;
end $$;

create trigger forget_usage_of_keys after delete on api_keys
    referencing old table as gone for each statement
    execute function forget_usage_of_keys();

insert into schema_compat (version, oldest_reader) values ('20261201000001', '20261129000001');
