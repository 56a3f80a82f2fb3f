-- Who did what, each row written in the transaction of what it tells of. Nothing refers to it and it
-- refers to nothing, so that it outlives keys and accounts, and old rows can be deleted.
create table audit_events (
    id          uuid primary key,
    at          timestamptz not null,
    owner       text,
    action      text not null,
    key_id      uuid,
    replaced_by uuid,
    actor       text not null,
    address     text,
    user_agent  text,
    request_id  text
);
create index audit_events_of_owner on audit_events (owner, id desc);
