-- Who made a key, and what another system keeps with it: the compact text of a JSON object. Older versions
-- add keys without either.
alter table api_keys add column created_by text;
alter table api_keys add column metadata text not null default '{}';

-- A key has one predecessor. Said so, the planner finds the predecessor by this index, and not among all
-- replaced keys of the owner, which it takes for fewer now that rows are wider.
drop index api_keys_successor;
create unique index api_keys_successor on api_keys (replaced_by) where replaced_by is not null;

insert into schema_compat (version, oldest_reader) values ('20261129000007', '20261129000001');
