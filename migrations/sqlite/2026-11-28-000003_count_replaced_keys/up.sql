-- Replaced keys: the one whose place a key has, and those of an owner that still work.
create index api_keys_successor on api_keys (replaced_by) where replaced_by is not null;
create index api_keys_overlapping on api_keys (owner, expires_at)
    where replaced_by is not null and revoked_at is null;
