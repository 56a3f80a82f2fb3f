drop table peppers;
drop table last_uses;
drop table api_keys;
drop table key_owners;
drop table sessions;
drop table accounts;
