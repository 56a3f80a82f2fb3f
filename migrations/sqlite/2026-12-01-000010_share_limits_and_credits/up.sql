-- How much may be used: by a key, together with those that took its place, or by all keys of an owner.
--
-- A key's family is the first of the keys that took each other's place. Null: the key itself, as in keys that were
-- made before, or by the release before.
alter table api_keys add column family blob;
alter table api_keys add column limits text;
alter table key_owners add column limits text;

-- `amount`: of credits, all that were ever granted since `period` began; of a window, what may be used in each. Null:
-- nothing is counted at present. `period`: of a window, the number of the latest that anything was handed out of; of
-- credits, how often counting began again. `handed_out`: in that period, less what was given back. The process tells
-- the changes that it makes.
create table budgets (
    id integer primary key autoincrement,
    family blob,
    owner text,
    kind text not null check (kind in ('credits', 'second', 'minute', 'hour', 'day', 'month')),
    amount integer check (amount >= 0),
    period integer not null default 0,
    handed_out integer not null default 0 check (handed_out >= 0),
    check ((family is null) <> (owner is null))
);
create unique index budgets_of_families on budgets (family, kind) where family is not null;
create unique index budgets_of_owners on budgets (owner, kind) where owner is not null;
create index api_keys_by_family on api_keys (family) where family is not null;

-- What each instance was handed out in the budget's period, what it gave back of that, and what it says it has spent. An
-- instance that forgets a budget and takes it up again has a higher `holding`, and begins at nothing.
-- The process that holds the file keeps the list of instances; the shares of the process before are closed when it
-- begins.
create table budget_shares (
    budget_id integer not null references budgets (id) on delete cascade,
    instance_id blob not null,
    holding integer not null,
    period integer not null,
    granted integer not null default 0,
    returned integer not null default 0,
    spent integer not null default 0,
    primary key (budget_id, instance_id)
) without rowid;

insert into schema_compat (version, oldest_reader) values ('20261201000010', '20261129000001');
