-- What holds for one owner: a limit on its keys instead of the server's, and since when it is suspended. A
-- row with either stays, also without keys.
alter table key_owners add column max_keys integer check (max_keys between 0 and 1000000);
alter table key_owners add column suspended_at timestamptz;

-- The beginning and the end of a suspension are a change of each unrevoked key of the owner, though no
-- key's row is written. Triggers after a row fire when the statement has locked all its rows: so the owners'
-- rows are locked before the clock, as everywhere, also where somebody types a change of many owners.
--
-- The keys are read when the clock is held, and so in a snapshot that shows every change of a key before
-- this number, and no later one can be under way. A new key takes no number, but the statement that
-- adds it holds the row of its owner until it commits: either this function waited for that and reads the
-- key, or the statement waited for the suspension and is refused.
create function tell_of_keys_of_owner() returns trigger language plpgsql as $$
declare
    owners text[] := case tg_op
        when 'INSERT' then array[new.owner]
        when 'DELETE' then array[old.owner]
        else array[old.owner, new.owner]
    end;
    this text := pg_current_xact_id()::text;
    drawn text[] := string_to_array(current_setting('latchkey.change', true), ' ');
    number bigint;
    mark uuid;
begin
    if drawn[1] is distinct from this then
        update change_clock set seq = seq + 1, nonce = gen_random_uuid()
            returning seq, nonce into strict number, mark;
        -- Each number has a row, also where the owner has no keys.
        insert into key_changes (seq, nonce, key_id)
            values (number, mark, '00000000-0000-0000-0000-000000000000');
        this := set_config('latchkey.change', this || ' ' || number || ' ' || mark, true);
    else
        number := drawn[2];
        mark := drawn[3];
    end if;
    -- Instances that are told of more than 100,000 keys forget everything: so more are not named.
    insert into key_changes (seq, nonce, key_id)
        select number, mark, id from api_keys
        where owner = any(owners) and revoked_at is null limit 100001
        on conflict (seq, key_id) do nothing;
    return null;
end $$;

create trigger tell_of_suspended_owner after insert on key_owners for each row
    when (new.suspended_at is not null)
    execute function tell_of_keys_of_owner();
create trigger tell_of_changed_owner after update on key_owners for each row
    when ((old.suspended_at is null) <> (new.suspended_at is null)
          or (old.owner <> new.owner and new.suspended_at is not null))
    execute function tell_of_keys_of_owner();
create trigger tell_of_deleted_owner after delete on key_owners for each row
    when (old.suspended_at is not null)
    execute function tell_of_keys_of_owner();
create trigger tell_of_truncated_owners after truncate on key_owners for each statement
    execute function tell_of_all_keys();

-- As overlapping_keys, which the release before calls, with what else the owner's row says: how many
-- replaced keys work, the most that may (null where `policy` is: then no limit holds), and whether the owner
-- is suspended. All of it holds until the transaction ends.
create function overlap_of_owner(of_owner text, instant timestamptz, but uuid, policy bigint,
    out working bigint, out most bigint, out is_suspended boolean)
language plpgsql volatile as $$
begin
    select case when policy is not null then max_keys end, suspended_at is not null
        into most, is_suspended
        from key_owners where owner = of_owner for update;
    most := coalesce(most, policy);
    is_suspended := coalesce(is_suspended, false);
    select count(*) into working from api_keys
        where owner = of_owner and replaced_by is not null and revoked_at is null
            and disabled_at is null and expires_at > instant and id is distinct from but;
end $$;

insert into schema_compat (version, oldest_reader) values ('20261129000008', '20261129000001');
