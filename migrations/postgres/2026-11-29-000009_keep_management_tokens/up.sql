-- By which backends manage keys for their own users. The rights are separated by commas, and the patterns of
-- owners, none of which holds a blank, by blanks.
create table management_tokens (
    id           uuid primary key,
    name         text not null,
    rights       text not null,
    owners       text not null,
    prefix       text not null,
    digest       bytea not null check (octet_length(digest) = 32),
    pepper_id    integer not null,
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    revoked_at   timestamptz,
    last_used_at timestamptz,
    constraint management_tokens_digest_key unique (digest)
);

-- The management token of an event.
alter table audit_events add column token_id uuid;

insert into schema_compat (version, oldest_reader) values ('20261129000009', '20261129000001');
