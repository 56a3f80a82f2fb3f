-- Ids are the 16 bytes of a UUID, instants are milliseconds since the Unix epoch.
create table accounts (
    id            blob primary key,
    email         text not null,
    password_hash text not null,
    created_at    integer not null,
    disabled_at   integer,
    version       integer not null,
    constraint accounts_email_key unique (email)
) strict, without rowid;

-- A session is good only while account_version is the account's version.
create table sessions (
    digest          blob primary key check (length(digest) = 32),
    pepper_id       integer not null,
    account_id      blob not null references accounts on delete cascade,
    account_version integer not null,
    created_at      integer not null,
    last_seen_at    integer not null
) strict, without rowid;
create index sessions_account on sessions (account_id);

create table api_keys (
    id          blob primary key,
    owner       text not null,
    name        text not null,
    prefix      text not null,
    environment text not null check (environment in ('live', 'test')),
    digest      blob not null check (length(digest) = 32),
    pepper_id   integer not null,
    created_at  integer not null,
    expires_at  integer,
    disabled_at integer,
    revoked_at  integer,
    replaced_by blob,
    version     integer not null,
    constraint api_keys_digest_key unique (digest)
) strict, without rowid;
create index api_keys_of_owner on api_keys (owner, created_at desc, id desc) where revoked_at is null;
-- With revoked_at in it, SQLite counts keys without reading them.
create index api_keys_pepper on api_keys (pepper_id, revoked_at) where revoked_at is null;

-- How many keys, neither revoked nor replaced, each owner holds. Adding a key counts it here; the
-- triggers give the place back, however the key is revoked, replaced or deleted.
create table key_owners (
    owner     text primary key,
    held      integer not null check (held >= 0),
    closed_at integer
) strict, without rowid;

create trigger release_retired_key after update of revoked_at, replaced_by on api_keys for each row
    when old.revoked_at is null and old.replaced_by is null
         and (new.revoked_at is not null or new.replaced_by is not null)
begin
    update key_owners set held = held - 1 where owner = old.owner;
end;
create trigger release_deleted_key after delete on api_keys for each row
    when old.revoked_at is null and old.replaced_by is null
begin
    update key_owners set held = held - 1 where owner = old.owner;
end;

create table last_uses (
    key_id  blob primary key,
    used_at integer not null
) strict, without rowid;

-- A digest of a fixed text under each pepper: tells a wrong pepper from a right one.
create table peppers (
    id           integer primary key,
    check_digest blob not null check (length(check_digest) = 32)
) strict;
