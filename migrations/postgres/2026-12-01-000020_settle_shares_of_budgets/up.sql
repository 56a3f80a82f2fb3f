-- Runs the statements of one instance about its shares of budgets; each array has a place for each statement. What may
-- be handed out is the rule of `Wanted::of` in the domain. Place 0: the instance is not on the list.
--
-- The instance's row is held until the commit: a share has an instance on the list. Then the budgets are locked, in the
-- order of their ids. Shares are written under the lock of their budget alone, and the last statement begins when all
-- locks are held: its snapshot shows what those did who held them before. A statement that looked first and waited for
-- the lock then would judge a share of before.
create function settle_shares(
    of_instance uuid, budgets_asked bigint[], holdings bigint[], spent bigint[],
    fewest bigint[], needed bigint[], ahead bigint[],
    given_back bigint[], of_period bigint[], of_returned bigint[]
) returns table (
    place bigint, in_period bigint, granted_now bigint, returned_now bigint, room bigint, whole bigint,
    rest_micros bigint, how_many bigint
) language plpgsql volatile as $$
declare
    listed bigint;
begin
    perform from instances where id = of_instance for key share;
    if not found then
        return query select 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint;
        return;
    end if;
    select count(*) into listed from instances;
    perform from budgets where id = any(budgets_asked) order by id for update;
    return query
    with asked as (
        select * from unnest(
            budgets_asked, holdings, spent, fewest, needed, ahead, given_back, of_period, of_returned
        ) with ordinality as statement (
            budget, holding, spent, fewest, needed, ahead, given_back, of_period, of_returned, place
        )
    ), clock as materialized (
        select clock_timestamp() at time zone 'UTC' as now
    ), dated as (
        select asked.*, budgets.amount, budgets.kind, budgets.period as was_period, budgets.handed_out,
            case when kind = 'credits' then budgets.period
                else greatest(budgets.period, extract(epoch from date_trunc(kind, now))::bigint)
            end as period
        from asked join budgets on budgets.id = asked.budget cross join clock
        where budgets.amount is not null
    ), known as (
        select dated.*,
            case when dated.period = was_period then handed_out else 0 end as was_out,
            share.period is not distinct from dated.period as is_known,
            case when share.period = dated.period then share.granted else 0 end as was_granted,
            case when share.period = dated.period then share.returned else 0 end as was_returned
        from dated left join budget_shares as share on share.budget_id = dated.budget
            and share.instance_id = of_instance and share.holding = dated.holding
        where not exists(
            select from budget_shares as later where later.budget_id = dated.budget
                and later.instance_id = of_instance and later.holding > dated.holding
        )
    ), judged as (
        select known.*,
            case when is_known and known.of_period = period and known.of_returned = was_returned
                then known.given_back else 0 end as back,
            greatest(amount - was_out, 0) as was_room
        from known
    ), moved as materialized (
        select judged.*,
            case when judged.given_back > 0 or was_room < judged.fewest then 0
                else least(was_room, greatest(judged.needed, least(judged.ahead, was_room / (2 * listed))))
            end as handed
        from judged
    ), budgets_moved as (
        update budgets set period = moved.period, handed_out = greatest(was_out + handed - back, 0)
        from moved where budgets.id = moved.budget and (handed > 0 or back > 0)
    ), shares_moved as (
        insert into budget_shares as share
            (budget_id, instance_id, holding, period, granted, returned, spent)
        select budget, of_instance, holding, period, was_granted + handed, was_returned + back, moved.spent
        from moved where handed > 0 or back > 0
        on conflict (budget_id, instance_id) do update set holding = excluded.holding,
            period = excluded.period, granted = excluded.granted, returned = excluded.returned,
            spent = excluded.spent
    )
    select moved.place, moved.period, was_granted + handed, was_returned + back,
        greatest(amount - greatest(was_out + handed - back, 0), 0), amount,
        case when kind <> 'credits' then (extract(epoch from
            timestamp 'epoch' + moved.period * interval '1 second' + ('1 ' || kind)::interval - now
        ) * 1000000)::bigint end,
        listed
    from moved cross join clock;
end $$;

-- What an instance that left the list without giving it back was handed out of credits, and did not say that it had
-- spent: whoever runs the service sees that, and may add so much. The function has the rights of its owner: a service
-- that verifies for itself takes instances off the list, and adds no other events.
create function tell_of_stranded_credits() returns trigger language plpgsql
security definer set search_path from current as $$
declare
    stranded bigint := old.granted - old.returned - old.spent;
    of_budget budgets;
    of_owner text;
begin
    select * into of_budget from budgets
        where id = old.budget_id and kind = 'credits' and period = old.period and amount is not null;
    if not found then
        return null;
    end if;
    of_owner := coalesce(of_budget.owner, (
        select owner from api_keys where id = of_budget.family or family = of_budget.family limit 1
    ));
    insert into audit_events (id, at, owner, action, key_id, actor, changes)
    select overlay(overlay(replace(gen_random_uuid()::text, '-', '')
            placing lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') from 1)
            placing '7' from 13)::uuid,
        date_trunc('milliseconds', clock_timestamp()), of_owner, 'credits.stranded', of_budget.family, 'recovery',
        json_build_object('stranded', stranded)::text;
    return null;
end $$;

create trigger tell_of_stranded_credits after delete on budget_shares for each row
    when (old.granted > old.returned + old.spent)
    execute function tell_of_stranded_credits();

insert into schema_compat (version, oldest_reader) values ('20261201000020', '20261129000001');
