-- Here the process tells each change that it makes.
insert into schema_compat (version, oldest_reader) values ('20261129000005', '20261129000001');
