drop index audit_events_of_successor;
drop index audit_events_of_key;
alter table audit_events drop column changes;
alter table audit_events drop column key_prefix;
alter table audit_events drop column key_name;
