delete from schema_compat where version = '20261130000002';
alter table api_keys drop column allowed_networks;
alter table api_keys drop column scopes;
