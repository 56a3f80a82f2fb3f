-- For the search over the keys of all owners: the newest first, those that somebody made, and the one whose
-- public beginning somebody saw.
create index api_keys_newest on api_keys (created_at desc, id desc);
create index api_keys_of_creator on api_keys (created_by, created_at desc, id desc)
    where created_by is not null;
create index api_keys_prefix on api_keys (prefix);

-- The keys of an event that was done to many.
alter table audit_events add column key_ids uuid[];
create index audit_events_of_keys on audit_events using gin (key_ids) where key_ids is not null;

insert into schema_compat (version, oldest_reader) values ('20261129000010', '20261129000001');
