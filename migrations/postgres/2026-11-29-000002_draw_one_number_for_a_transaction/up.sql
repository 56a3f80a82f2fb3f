-- A transaction draws one number from the change clock, however many keys it changes, and counts the
-- places that it gives back once for each owner. Both were one update of the same row for each key,
-- and each of them walked over all the versions of that row before it.
alter table key_changes drop constraint key_changes_pkey;
alter table key_changes add primary key (seq, key_id);
-- Whether the key was revoked or deleted by this change.
alter table key_changes add column revoked boolean not null default false;

-- The first change of a transaction takes the clock; the others find its number in a setting that
-- ends with the transaction. A rollback to a savepoint takes back the number and the setting alike.
-- The setting names the transaction, so that nothing which was set before it counts.
create or replace function tell_of_key_change() returns trigger language plpgsql as $$
declare
    key uuid := case when tg_op = 'DELETE' then old.id else new.id end;
    dies boolean := old.revoked_at is null and (tg_op = 'DELETE' or new.revoked_at is not null);
    this text := pg_current_xact_id()::text;
    drawn text[] := string_to_array(current_setting('latchkey.change', true), ' ');
    number bigint;
    mark uuid;
begin
    -- Everybody forgot it when it was revoked.
    if tg_op = 'DELETE' and not dies then
        return old;
    end if;
    if drawn[1] = this then
        number := drawn[2];
        mark := drawn[3];
    else
        update change_clock set seq = seq + 1, nonce = gen_random_uuid()
            returning seq, nonce into strict number, mark;
        perform set_config('latchkey.change', concat_ws(' ', this, number, mark), true);
    end if;
    insert into key_changes (seq, nonce, key_id, revoked) values (number, mark, key, dies)
        on conflict (seq, key_id) do nothing;
    -- Changed before in this transaction. An update would need a privilege that roles don't have.
    if dies and not found then
        delete from key_changes where seq = number and key_id = key;
        insert into key_changes (seq, nonce, key_id, revoked) values (number, mark, key, true);
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    new.latest_change := number;
    return new;
end $$;

-- The owner's row is still locked before the clock, by the triggers of the single key.
create or replace function release_key() returns trigger language plpgsql as $$
begin
    perform from key_owners where owner = old.owner for no key update;
    return coalesce(new, old);
end $$;

-- Without nested loops: the plan that is made for one key is used for a hundred thousand as well.
create function release_retired_keys() returns trigger language plpgsql
set enable_nestloop = off as $$
declare
    freed record;
begin
    for freed in
        select was.owner, count(*) as places
        from keys_before as was join keys_after as became using (id)
        where was.revoked_at is null and was.replaced_by is null
            and (became.revoked_at is not null or became.replaced_by is not null)
        group by was.owner order by was.owner
    loop
        update key_owners set held = held - freed.places where owner = freed.owner;
    end loop;
    return null;
end $$;
create trigger release_retired_keys after update on api_keys
    referencing old table as keys_before new table as keys_after
    for each statement execute function release_retired_keys();

create function release_deleted_keys() returns trigger language plpgsql as $$
declare
    freed record;
begin
    for freed in
        select owner, count(*) as places from keys_before
        where revoked_at is null and replaced_by is null
        group by owner order by owner
    loop
        update key_owners set held = held - freed.places where owner = freed.owner;
    end loop;
    return null;
end $$;
create trigger release_deleted_keys after delete on api_keys
    referencing old table as keys_before
    for each statement execute function release_deleted_keys();

-- As disable_account, which the release before calls, but for the keys: at most so many of them are
-- revoked, since nobody else can change keys until the transaction ends. What is left is revoked by
-- later ones; the owner, who is closed by this one, gets no more.
create function close_account(account uuid, next_version integer, instant timestamptz, most bigint)
returns boolean language plpgsql as $$
begin
    update accounts set disabled_at = instant, version = next_version
        where id = account and version = next_version - 1;
    if not found then
        return false;
    end if;
    delete from sessions where account_id = account;
    perform from api_keys where owner = account::text and revoked_at is null
        order by id limit most for update;
    insert into key_owners (owner, held, closed_at) values (account::text, 0, instant)
        on conflict (owner) do update set closed_at = coalesce(key_owners.closed_at, instant);
    update api_keys set revoked_at = instant, version = version + 1
        where id in (
            select id from api_keys where owner = account::text and revoked_at is null
            order by id limit most
        );
    return true;
end $$;

insert into schema_compat (version, oldest_reader) values ('20261129000002', '20261129000001');
