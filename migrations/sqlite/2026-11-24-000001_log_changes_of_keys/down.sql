drop trigger keep_keys_revoked;
