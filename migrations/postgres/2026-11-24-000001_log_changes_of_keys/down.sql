drop trigger tell_of_truncated_keys on api_keys;
drop trigger tell_of_deleted_key on api_keys;
drop trigger tell_of_changed_key on api_keys;
drop trigger keep_key_revoked on api_keys;
drop trigger release_deleted_key on api_keys;
drop trigger release_retired_key on api_keys;
create or replace function release_key() returns trigger language plpgsql as $$
begin
    update key_owners set held = held - 1 where owner = old.owner;
    return null;
end $$;
create trigger release_retired_key after update of revoked_at, replaced_by on api_keys for each row
    when (old.revoked_at is null and old.replaced_by is null
          and (new.revoked_at is not null or new.replaced_by is not null))
    execute function release_key();
create trigger release_deleted_key after delete on api_keys for each row
    when (old.revoked_at is null and old.replaced_by is null)
    execute function release_key();
drop function tell_of_all_keys();
drop function tell_of_key_change();
drop function keep_key_revoked();
alter table api_keys drop column latest_change;
drop table instances;
drop table key_changes;
drop table change_clock;
