-- What holds for one owner: a limit on its keys instead of the server's, and since when it is suspended. A
-- row with either stays, also without keys. The process tells the changes that it makes.
alter table key_owners add column max_keys integer check (max_keys between 0 and 1000000);
alter table key_owners add column suspended_at integer;

insert into schema_compat (version, oldest_reader) values ('20261129000008', '20261129000001');
