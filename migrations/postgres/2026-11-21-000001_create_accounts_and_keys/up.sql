create table accounts (
    id            uuid primary key,
    email         text not null,
    password_hash text not null,
    created_at    timestamptz not null,
    disabled_at   timestamptz,
    version       integer not null,
    constraint accounts_email_key unique (email)
);

-- A session is good only while account_version is the account's version.
create table sessions (
    digest          bytea primary key check (octet_length(digest) = 32),
    pepper_id       integer not null,
    account_id      uuid not null references accounts on delete cascade,
    account_version integer not null,
    created_at      timestamptz not null,
    last_seen_at    timestamptz not null
);
create index sessions_account on sessions (account_id);

create table api_keys (
    id          uuid primary key,
    owner       text not null,
    name        text not null,
    prefix      text not null,
    environment text not null check (environment in ('live', 'test')),
    digest      bytea not null check (octet_length(digest) = 32),
    pepper_id   integer not null,
    created_at  timestamptz not null,
    expires_at  timestamptz,
    disabled_at timestamptz,
    revoked_at  timestamptz,
    replaced_by uuid,
    version     integer not null,
    constraint api_keys_digest_key unique (digest)
);
create index api_keys_of_owner on api_keys (owner, created_at desc, id desc) where revoked_at is null;
create index api_keys_pepper on api_keys (pepper_id) where revoked_at is null;

-- How many keys, neither revoked nor replaced, each owner holds. The statement that adds a key
-- counts it here, under the row's lock, so that parallel ones can't exceed the limit; the trigger
-- gives the place back, however the key is revoked, replaced or deleted.
create table key_owners (
    owner     text primary key,
    held      integer not null check (held >= 0),
    closed_at timestamptz
);

create function release_key() returns trigger language plpgsql as $$
begin
    update key_owners set held = held - 1 where owner = old.owner;
    return null;
end $$;

-- Whoever changes keys and their owner's row locks the keys first, as these triggers do.
create trigger release_retired_key after update of revoked_at, replaced_by on api_keys for each row
    when (old.revoked_at is null and old.replaced_by is null
          and (new.revoked_at is not null or new.replaced_by is not null))
    execute function release_key();
create trigger release_deleted_key after delete on api_keys for each row
    when (old.revoked_at is null and old.replaced_by is null)
    execute function release_key();

-- Stores the given version of an account, now disabled, ends its sessions and revokes its keys, or
-- answers false where another version is stored. Closing the owner waits for inserts under way; the
-- statement after it sees their keys.
create function disable_account(account uuid, next_version integer, at timestamptz)
returns boolean language plpgsql as $$
begin
    update accounts set disabled_at = at, version = next_version
        where id = account and version = next_version - 1;
    if not found then
        return false;
    end if;
    delete from sessions where account_id = account;
    perform from api_keys where owner = account::text and revoked_at is null order by id for update;
    insert into key_owners (owner, held, closed_at) values (account::text, 0, at)
        on conflict (owner) do update set closed_at = coalesce(key_owners.closed_at, at);
    update api_keys set revoked_at = at, version = version + 1
        where owner = account::text and revoked_at is null;
    return true;
end $$;

create table last_uses (
    key_id  uuid primary key,
    used_at timestamptz not null
);

-- A digest of a fixed text under each pepper: tells a wrong pepper from a right one.
create table peppers (
    id           integer primary key,
    check_digest bytea not null check (octet_length(check_digest) = 32)
);
