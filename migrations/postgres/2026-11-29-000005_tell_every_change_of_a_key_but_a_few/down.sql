delete from schema_compat where version = '20261129000005';
drop trigger tell_of_changed_key on api_keys;
create trigger tell_of_changed_key before update on api_keys for each row
    when (row(old.revoked_at, old.disabled_at, old.expires_at, old.replaced_by,
              old.name, old.owner, old.environment, old.prefix)
          is distinct from row(new.revoked_at, new.disabled_at, new.expires_at, new.replaced_by,
                               new.name, new.owner, new.environment, new.prefix))
    execute function tell_of_key_change();
create or replace function tell_of_key_change() returns trigger language plpgsql as $$
declare
    key uuid := case when tg_op = 'DELETE' then old.id else new.id end;
    dies boolean := old.revoked_at is null and (tg_op = 'DELETE' or new.revoked_at is not null);
    this text := pg_current_xact_id()::text;
    drawn text[] := string_to_array(current_setting('latchkey.change', true), ' ');
    number bigint;
    mark uuid;
begin
    -- Everybody forgot it when it was revoked.
    if tg_op = 'DELETE' and not dies then
        return old;
    end if;
    if drawn[1] = this then
        number := drawn[2];
        mark := drawn[3];
    else
        update change_clock set seq = seq + 1, nonce = gen_random_uuid()
            returning seq, nonce into strict number, mark;
        perform set_config('latchkey.change', concat_ws(' ', this, number, mark), true);
    end if;
    insert into key_changes (seq, nonce, key_id, revoked) values (number, mark, key, dies)
        on conflict (seq, key_id) do nothing;
    -- Changed before in this transaction. An update would need a privilege that roles don't have.
    if dies and not found then
        delete from key_changes where seq = number and key_id = key;
        insert into key_changes (seq, nonce, key_id, revoked) values (number, mark, key, true);
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    new.latest_change := number;
    return new;
end $$;
