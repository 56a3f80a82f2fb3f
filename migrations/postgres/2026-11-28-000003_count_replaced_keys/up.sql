-- Replaced keys: the one whose place a key has, and those of an owner that still work.
create index api_keys_successor on api_keys (replaced_by) where replaced_by is not null;
create index api_keys_overlapping on api_keys (owner, expires_at)
    where replaced_by is not null and revoked_at is null;

-- How many replaced keys of an owner, but for one, work at an instant. It takes the lock of the
-- owner's row first, and counts what is committed then: its statements see more than the one that
-- calls it, which began before it waited. Whoever lets a replaced key work calls it in the same
-- transaction, so that parallel ones can't exceed the limit.
create function overlapping_keys(of_owner text, instant timestamptz, but uuid)
returns bigint language plpgsql volatile as $$
begin
    perform from key_owners where owner = of_owner for update;
    return (
        select count(*) from api_keys
        where owner = of_owner and replaced_by is not null and revoked_at is null
            and disabled_at is null and expires_at > instant and id is distinct from but
    );
end $$;
