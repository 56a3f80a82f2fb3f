delete from schema_compat where version = '20261130000001';
alter table accounts drop column is_operator;
alter table sessions drop column confirmed_at;
alter table sessions drop column user_agent;
alter table sessions drop column address;
alter table sessions drop column id;
