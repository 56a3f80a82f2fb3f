-- For the list of what an owner revoked lately.
create index api_keys_revoked on api_keys (owner, revoked_at desc, id desc) where revoked_at is not null;
