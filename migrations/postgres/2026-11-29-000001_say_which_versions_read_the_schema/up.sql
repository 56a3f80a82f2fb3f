-- Which versions of Latchkey can use the schema that each migration leaves behind: those that know
-- the migration `oldest_reader`, whether or not they know the later ones. A migration that only adds
-- names the oldest_reader of the one before; one that takes away what older versions use names the
-- migration since which they don't. Each migration from this one on writes its row.
create table schema_compat (
    version       text primary key check (version ~ '^[0-9]{14}$'),
    oldest_reader text not null check (oldest_reader ~ '^[0-9]{14}$')
);
insert into schema_compat (version, oldest_reader) values ('20261129000001', '20261129000001');
