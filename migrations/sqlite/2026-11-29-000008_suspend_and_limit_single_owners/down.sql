delete from schema_compat where version = '20261129000008';
alter table key_owners drop column suspended_at;
alter table key_owners drop column max_keys;
