-- Who made a key, and what another system keeps with it: the compact text of a JSON object. It is no json
-- column, so that any JSON is given back byte for byte. Older versions add keys without either.
alter table api_keys add column created_by text;
alter table api_keys add column metadata text not null default '{}';

insert into schema_compat (version, oldest_reader) values ('20261129000007', '20261129000001');
