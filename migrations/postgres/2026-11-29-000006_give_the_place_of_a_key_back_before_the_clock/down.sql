delete from schema_compat where version = '20261129000006';
drop trigger release_retired_key on api_keys;
create trigger release_retired_key before update of revoked_at, replaced_by on api_keys for each row
    when (old.revoked_at is null and old.replaced_by is null
          and (new.revoked_at is not null or new.replaced_by is not null))
    execute function release_key();
drop trigger release_retired_keys on api_keys;
create or replace function release_retired_keys() returns trigger language plpgsql
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
drop function release_retired_key();
