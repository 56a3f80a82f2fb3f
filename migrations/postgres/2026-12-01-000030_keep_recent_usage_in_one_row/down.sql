delete from schema_compat where version = '20261201000030';
create or replace function forget_usage_of_keys() returns trigger language plpgsql as $$
begin
    delete from key_usage using gone where key_usage.key_id = gone.id;
    delete from key_refusals using gone where key_refusals.key_id = gone.id;
    return null;
end $$;
drop trigger keep_recent_usage_of_day on key_usage;
drop trigger keep_recent_usage_of_new_day on key_usage;
drop function keep_recent_usage();
drop function with_calls_of_day(text, int, bigint);
drop table recent_usage;
alter table last_uses reset (fillfactor);
