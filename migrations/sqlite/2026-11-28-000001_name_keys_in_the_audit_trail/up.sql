-- What the key of an event was called then, and what was changed about it: a JSON object with
-- [before, after] for each member that differs, instants in milliseconds since the Unix epoch. Events
-- from before have none of these.
alter table audit_events add column key_name text;
alter table audit_events add column key_prefix text;
alter table audit_events add column changes text;

-- The events of one key: those done to it, and the rotation that it was issued by.
create index audit_events_of_key on audit_events (key_id, id) where key_id is not null;
create index audit_events_of_successor on audit_events (replaced_by, id) where replaced_by is not null;
