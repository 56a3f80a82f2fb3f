-- Here one connection writes: nobody waits for a clock.
insert into schema_compat (version, oldest_reader) values ('20261129000006', '20261129000001');
