-- The process itself settles shares: it is the one that writes.

insert into schema_compat (version, oldest_reader) values ('20261201000020', '20261129000001');
