delete from schema_compat where version = '20261201000001';
drop trigger forget_usage_of_keys on api_keys;
drop function forget_usage_of_keys();
drop trigger turn_hour_of_usage on last_uses;
drop function turn_hour_of_usage();
drop table usage_writers;
drop table key_refusals;
drop table key_usage;
alter table last_uses drop column cost, drop column accepted, drop column hour;
