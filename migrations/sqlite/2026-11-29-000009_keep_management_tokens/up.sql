-- By which backends manage keys for their own users. The rights are separated by commas, and the patterns of
-- owners, none of which holds a blank, by blanks.
create table management_tokens (
    id           blob primary key,
    name         text not null,
    rights       text not null,
    owners       text not null,
    prefix       text not null,
    digest       blob not null check (length(digest) = 32),
    pepper_id    integer not null,
    created_at   integer not null,
    expires_at   integer not null,
    revoked_at   integer,
    last_used_at integer,
    constraint management_tokens_digest_key unique (digest)
) strict, without rowid;

-- The management token of an event.
alter table audit_events add column token_id blob;

insert into schema_compat (version, oldest_reader) values ('20261129000009', '20261129000001');
