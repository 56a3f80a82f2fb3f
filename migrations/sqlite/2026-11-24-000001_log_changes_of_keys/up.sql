-- The log of changes is the process's memory: it alone holds the file. What is left to say here is
-- that a revocation is final.
create trigger keep_keys_revoked before update of revoked_at on api_keys
    when old.revoked_at is not null and new.revoked_at is not old.revoked_at
begin
    select raise(abort, 'a revoked key stays revoked');
end;
