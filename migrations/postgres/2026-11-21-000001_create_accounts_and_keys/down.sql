drop table peppers;
drop table last_uses;
drop function disable_account;
drop table api_keys;
drop function release_key();
drop table key_owners;
drop table sessions;
drop table accounts;
