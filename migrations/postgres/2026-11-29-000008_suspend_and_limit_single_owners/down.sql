delete from schema_compat where version = '20261129000008';
drop function overlap_of_owner(text, timestamptz, uuid, bigint);
drop trigger tell_of_truncated_owners on key_owners;
drop trigger tell_of_deleted_owner on key_owners;
drop trigger tell_of_changed_owner on key_owners;
drop trigger tell_of_suspended_owner on key_owners;
drop function tell_of_keys_of_owner();
alter table key_owners drop column suspended_at;
alter table key_owners drop column max_keys;
