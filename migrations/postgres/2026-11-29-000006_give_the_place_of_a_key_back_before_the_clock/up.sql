-- A statement that retires one key gives the key's place back before it takes the clock, for which all
-- other changes wait until it commits. That was done at the end of the statement, by a join, as it still is
-- for the other keys of a statement that retires many.
create function release_retired_key() returns trigger language plpgsql as $$
declare
    this text := pg_current_xact_id()::text;
    released text := current_setting('latchkey.released', true);
begin
    if split_part(released, ' ', 1) is distinct from this then
        update key_owners set held = held - 1 where owner = old.owner;
        -- The transaction, the key whose place is given back, and whether others wait for that.
        this := set_config('latchkey.released', this || ' ' || old.id || ' alone', true);
    else
        perform from key_owners where owner = old.owner for no key update;
        this := set_config('latchkey.released',
            this || ' ' || split_part(released, ' ', 2) || ' not alone', true);
    end if;
    return new;
end $$;

drop trigger release_retired_key on api_keys;
create trigger release_retired_key before update of revoked_at, replaced_by on api_keys for each row
    when (old.revoked_at is null and old.replaced_by is null
          and (new.revoked_at is not null or new.replaced_by is not null))
    execute function release_retired_key();

create or replace function release_retired_keys() returns trigger language plpgsql
set enable_nestloop = off as $$
declare
    released uuid := split_part(current_setting('latchkey.released'), ' ', 2);
    freed record;
begin
    for freed in
        select was.owner, count(*) as places
        from keys_before as was join keys_after as became using (id)
        where was.revoked_at is null and was.replaced_by is null
            and (became.revoked_at is not null or became.replaced_by is not null)
            and id <> released
        group by was.owner order by was.owner
    loop
        update key_owners set held = held - freed.places where owner = freed.owner;
    end loop;
    return null;
end $$;

drop trigger release_retired_keys on api_keys;
create trigger release_retired_keys after update on api_keys
    referencing old table as keys_before new table as keys_after
    for each statement when (current_setting('latchkey.released', true) like '% not alone')
    execute function release_retired_keys();

insert into schema_compat (version, oldest_reader) values ('20261129000006', '20261129000001');
