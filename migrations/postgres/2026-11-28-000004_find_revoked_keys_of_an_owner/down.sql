drop index api_keys_revoked;
