-- Here a change costs the same however many a transaction makes.
insert into schema_compat (version, oldest_reader) values ('20261129000002', '20261129000001');
