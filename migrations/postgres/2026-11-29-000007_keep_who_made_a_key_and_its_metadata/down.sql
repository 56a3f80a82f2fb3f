delete from schema_compat where version = '20261129000007';
alter table api_keys drop column metadata;
alter table api_keys drop column created_by;
