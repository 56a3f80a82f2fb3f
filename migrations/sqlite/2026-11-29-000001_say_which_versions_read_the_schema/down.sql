drop table schema_compat;
