delete from schema_compat where version = '20261201000030';
drop trigger forget_recent_usage_of_key;
drop table recent_usage;
