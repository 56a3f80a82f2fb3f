-- What instances that verify from memory must learn of. The clock is one row, so that the lock on it
-- makes the order of numbers the order of commits: a sequence would let number 2 become visible
-- before number 1, and whoever had read up to 2 would never see 1. It is taken last and held until
-- the commit, so a statement that takes it is a transaction of its own.
create table change_clock (
    id    integer primary key default 1 check (id = 1),
    seq   bigint not null,
    -- Drawn anew with each number: tells this history from that of a restored or lost database.
    nonce uuid not null
);
create table key_changes (
    seq    bigint primary key,
    nonce  uuid not null,
    key_id uuid not null,
    at     timestamptz not null default clock_timestamp()
);

-- Every number that an instance can be at has its row, the first one too.
insert into change_clock (seq, nonce) values (0, gen_random_uuid());
insert into key_changes (seq, nonce, key_id)
    select seq, nonce, '00000000-0000-0000-0000-000000000000' from change_clock;

create table instances (
    id         uuid primary key,
    acked      bigint not null,
    heartbeats bigint not null,
    seen_at    timestamptz not null
) with (fillfactor = 50);

alter table api_keys add column latest_change bigint not null default 0;

create function keep_key_revoked() returns trigger language plpgsql as $$
begin
    raise exception 'a revoked key stays revoked' using errcode = 'integrity_constraint_violation';
end $$;

create function tell_of_key_change() returns trigger language plpgsql as $$
declare
    key uuid := case when tg_op = 'DELETE' then old.id else new.id end;
    number bigint;
begin
    with tick as (
        update change_clock set seq = seq + 1, nonce = gen_random_uuid() returning seq, nonce
    )
    insert into key_changes (seq, nonce, key_id) select seq, nonce, key from tick
        returning seq into number;
    if tg_op = 'DELETE' then
        return old;
    end if;
    new.latest_change := number;
    return new;
end $$;

-- Of every key there was: no instance finds the number it is at, so that all forget everything.
create function tell_of_all_keys() returns trigger language plpgsql as $$
begin
    delete from key_changes;
    with tick as (
        update change_clock set seq = seq + 1, nonce = gen_random_uuid() returning seq, nonce
    )
    insert into key_changes (seq, nonce, key_id)
        select seq, nonce, '00000000-0000-0000-0000-000000000000' from tick;
    return null;
end $$;

-- Triggers of a kind fire in the order of their names: the owner's row is locked before the clock.
drop trigger release_retired_key on api_keys;
drop trigger release_deleted_key on api_keys;
create or replace function release_key() returns trigger language plpgsql as $$
begin
    update key_owners set held = held - 1 where owner = old.owner;
    return coalesce(new, old);
end $$;
create trigger release_retired_key before update of revoked_at, replaced_by on api_keys for each row
    when (old.revoked_at is null and old.replaced_by is null
          and (new.revoked_at is not null or new.replaced_by is not null))
    execute function release_key();
create trigger release_deleted_key before delete on api_keys for each row
    when (old.revoked_at is null and old.replaced_by is null)
    execute function release_key();

create trigger keep_key_revoked before update of revoked_at on api_keys for each row
    when (old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at)
    execute function keep_key_revoked();
create trigger tell_of_changed_key before update on api_keys for each row
    when (row(old.revoked_at, old.disabled_at, old.expires_at, old.replaced_by,
              old.name, old.owner, old.environment, old.prefix)
          is distinct from row(new.revoked_at, new.disabled_at, new.expires_at, new.replaced_by,
                               new.name, new.owner, new.environment, new.prefix))
    execute function tell_of_key_change();
create trigger tell_of_deleted_key before delete on api_keys for each row
    execute function tell_of_key_change();
create trigger tell_of_truncated_keys after truncate on api_keys for each statement
    execute function tell_of_all_keys();
