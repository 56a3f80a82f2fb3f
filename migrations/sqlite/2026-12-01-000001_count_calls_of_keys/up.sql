-- How much each key is used. `last_uses` counts the accepted calls of the hour in which a key was last used, so that a
-- busy key costs the one write it always did. The release before writes `used_at` alone.
alter table last_uses add column hour integer not null default 0;
alter table last_uses add column accepted integer not null default 0;
alter table last_uses add column cost integer not null default 0;

-- Calls by hour and by day, of accepted ones without the hour that `last_uses` counts; `outcome` is `accepted`, or why
-- they were refused.
create table key_usage (
    key_id  blob not null,
    span    text not null check (span in ('hour', 'day')),
    start   integer not null,
    outcome text not null,
    calls   integer not null,
    cost    integer not null default 0,
    primary key (key_id, span, start, outcome)
) strict, without rowid;
create index key_usage_eldest on key_usage (span, start);

-- The last refusals of a key, one for each minute and reason.
create table key_refusals (
    key_id     blob not null,
    minute     integer not null,
    reason     text not null,
    at         integer not null,
    address    text,
    request_id text,
    required   text,
    primary key (key_id, minute, reason)
) strict, without rowid;
create index key_refusals_eldest on key_refusals (minute);

-- The last batch that each process has written: one whose answer got lost is sent again, and not added again.
create table usage_writers (
    id    blob primary key,
    batch integer not null,
    at    integer not null
) strict, without rowid;

create trigger forget_usage_of_key after delete on api_keys begin
    delete from key_usage where key_id = old.id;
    delete from key_refusals where key_id = old.id;
end;

insert into schema_compat (version, oldest_reader) values ('20261201000001', '20261129000001');
