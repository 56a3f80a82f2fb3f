delete from schema_compat where version = '20261201000010';
drop table budget_shares;
drop table budgets;
drop index api_keys_by_family;
alter table key_owners drop column limits;
alter table api_keys drop column limits;
alter table api_keys drop column family;
