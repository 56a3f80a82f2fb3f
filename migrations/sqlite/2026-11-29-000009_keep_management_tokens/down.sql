delete from schema_compat where version = '20261129000009';
alter table audit_events drop column token_id;
drop table management_tokens;
