-- By which id an account ends one of its sessions, what it is shown of them, and when its password was last given
-- for each. Null in sessions that begin under the release before.
alter table sessions add column id uuid;
alter table sessions add column address text;
alter table sessions add column user_agent text;
alter table sessions add column confirmed_at timestamptz;

-- Whether the account has the pages of operators.
alter table accounts add column is_operator boolean not null default false;

insert into schema_compat (version, oldest_reader) values ('20261130000001', '20261129000001');
