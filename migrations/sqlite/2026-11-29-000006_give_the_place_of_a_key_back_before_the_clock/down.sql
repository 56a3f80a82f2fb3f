delete from schema_compat where version = '20261129000006';
