-- How much may be used: by a key, together with those that took its place, or by all keys of an owner.
--
-- A key's family is the first of the keys that took each other's place. Null: the key itself, as in keys that were
-- made before, or by the release before.
alter table api_keys add column family uuid;
alter table api_keys add column limits text;
alter table key_owners add column limits text;

-- `amount`: of credits, all that were ever granted since `period` began; of a window, what may be used in each. Null:
-- nothing is counted at present. `period`: of a window, the number of the latest that anything was handed out of; of
-- credits, how often counting began again. `handed_out`: in that period, less what was given back.
create table budgets (
    id bigint generated always as identity primary key,
    family uuid,
    owner text,
    kind text not null check (kind in ('credits', 'second', 'minute', 'hour', 'day', 'month')),
    amount bigint check (amount >= 0),
    period bigint not null default 0,
    handed_out bigint not null default 0 check (handed_out >= 0),
    check ((family is null) <> (owner is null))
);
create unique index budgets_of_families on budgets (family, kind) where family is not null;
create unique index budgets_of_owners on budgets (owner, kind) where owner is not null;
create index api_keys_by_family on api_keys (family) where family is not null;

-- What each instance was handed out in the budget's period, what it gave back of that, and what it says it has spent. An
-- instance that forgets a budget and takes it up again has a higher `holding`, and begins at nothing.
create table budget_shares (
    budget_id bigint not null references budgets (id) on delete cascade,
    instance_id uuid not null references instances (id) on delete cascade,
    holding bigint not null,
    period bigint not null,
    granted bigint not null default 0,
    returned bigint not null default 0,
    spent bigint not null default 0,
    primary key (budget_id, instance_id)
);
create index budget_shares_by_instance on budget_shares (instance_id);

-- Where a budget begins or ceases to count, that is a change of each unrevoked key that it holds for: instances cache
-- which budgets a key has. As tell_of_keys_of_owner.
create function tell_of_keys_of_budget() returns trigger language plpgsql as $$
declare
    budget budgets := case when tg_op = 'DELETE' then old else new end;
    this text := pg_current_xact_id()::text;
    drawn text[] := string_to_array(current_setting('latchkey.change', true), ' ');
    number bigint;
    mark uuid;
begin
    if drawn[1] is distinct from this then
        update change_clock set seq = seq + 1, nonce = gen_random_uuid()
            returning seq, nonce into strict number, mark;
        -- Each number has a row, also where there are no keys.
        insert into key_changes (seq, nonce, key_id)
            values (number, mark, '00000000-0000-0000-0000-000000000000');
        this := set_config('latchkey.change', this || ' ' || number || ' ' || mark, true);
    else
        number := drawn[2];
        mark := drawn[3];
    end if;
    insert into key_changes (seq, nonce, key_id)
        select number, mark, id from api_keys
        where (id = budget.family or family = budget.family or owner = budget.owner)
            and revoked_at is null limit 100001
        on conflict (seq, key_id) do nothing;
    return null;
end $$;

create trigger tell_of_new_budget after insert on budgets for each row
    when (new.amount is not null)
    execute function tell_of_keys_of_budget();
create trigger tell_of_changed_budget after update on budgets for each row
    when ((old.amount is null) <> (new.amount is null))
    execute function tell_of_keys_of_budget();
create trigger tell_of_deleted_budget after delete on budgets for each row
    when (old.amount is not null)
    execute function tell_of_keys_of_budget();

insert into schema_compat (version, oldest_reader) values ('20261201000010', '20261129000001');
