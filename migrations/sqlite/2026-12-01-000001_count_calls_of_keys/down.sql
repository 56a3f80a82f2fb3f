delete from schema_compat where version = '20261201000001';
drop trigger forget_usage_of_key;
drop table usage_writers;
drop table key_refusals;
drop table key_usage;
alter table last_uses drop column cost;
alter table last_uses drop column accepted;
alter table last_uses drop column hour;
