delete from schema_compat where version = '20261129000007';
drop index api_keys_successor;
create index api_keys_successor on api_keys (replaced_by) where replaced_by is not null;
alter table api_keys drop column metadata;
alter table api_keys drop column created_by;
