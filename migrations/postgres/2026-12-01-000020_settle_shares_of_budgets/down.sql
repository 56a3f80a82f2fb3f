delete from schema_compat where version = '20261201000020';
drop trigger tell_of_stranded_credits on budget_shares;
drop function tell_of_stranded_credits();
drop function settle_shares(
    uuid, bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[]
);
