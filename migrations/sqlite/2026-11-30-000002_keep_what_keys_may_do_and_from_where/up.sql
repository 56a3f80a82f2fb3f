-- What a key may be used for and from where: texts with a blank between each two. Null: it is not restricted, as
-- keys are that were made before, or by the release before.
alter table api_keys add column scopes text;
alter table api_keys add column allowed_networks text;

insert into schema_compat (version, oldest_reader) values ('20261130000002', '20261129000001');
