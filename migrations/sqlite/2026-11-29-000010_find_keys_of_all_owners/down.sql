delete from schema_compat where version = '20261129000010';
drop index audit_events_of_keys;
alter table audit_events drop column key_ids;
drop index api_keys_prefix;
drop index api_keys_of_creator;
drop index api_keys_newest;
