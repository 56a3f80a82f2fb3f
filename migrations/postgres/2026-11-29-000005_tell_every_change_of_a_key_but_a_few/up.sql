-- Instances are told of every change of a key, but of a change of those columns that are named here and
-- that no verification shows. Before, the trigger named the columns that it told: a new one that was not
-- added there changed silently. `*=` compares bytes, and so takes columns of all types.
create or replace function tell_of_key_change() returns trigger language plpgsql as $$
declare
    key uuid := case when tg_op = 'DELETE' then old.id else new.id end;
    dies boolean := old.revoked_at is null and (tg_op = 'DELETE' or new.revoked_at is not null);
    this text := pg_current_xact_id()::text;
    drawn text[] := string_to_array(current_setting('latchkey.change', true), ' ');
    number bigint;
    mark uuid;
    untold api_keys;
begin
    -- A key that dies is told in any case.
    if tg_op = 'UPDATE' and not dies then
        untold := old;
        -- No verification shows these; each of the others is told.
        untold.digest := new.digest;
        untold.pepper_id := new.pepper_id;
        untold.version := new.version;
        untold.latest_change := new.latest_change;
        if new *= untold then
            return new;
        end if;
    end if;
    -- Everybody forgot it when it was revoked.
    if tg_op = 'DELETE' and not dies then
        return old;
    end if;
    -- From the clock to the commit all other changes wait: so what follows is little.
    if drawn[1] is distinct from this then
        update change_clock set seq = seq + 1, nonce = gen_random_uuid()
            returning seq, nonce into strict number, mark;
        insert into key_changes (seq, nonce, key_id, revoked) values (number, mark, key, dies);
        this := set_config('latchkey.change', this || ' ' || number || ' ' || mark, true);
    else
        number := drawn[2];
        mark := drawn[3];
        insert into key_changes (seq, nonce, key_id, revoked) values (number, mark, key, dies)
            on conflict (seq, key_id) do nothing;
        -- Changed before in this transaction. An update would need a privilege that roles don't have.
        if dies and not found then
            delete from key_changes where seq = number and key_id = key;
            insert into key_changes (seq, nonce, key_id, revoked) values (number, mark, key, true);
        end if;
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    new.latest_change := number;
    return new;
end $$;

drop trigger tell_of_changed_key on api_keys;
create trigger tell_of_changed_key before update on api_keys for each row
    execute function tell_of_key_change();

insert into schema_compat (version, oldest_reader) values ('20261129000005', '20261129000001');
