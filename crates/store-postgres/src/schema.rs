//! The tables that `migrations/postgres` makes.
use diesel::{allow_tables_to_appear_in_same_query, joinable, table};

table! {
    accounts (id) {
        id -> Uuid,
        email -> Text,
        password_hash -> Text,
        created_at -> Timestamptz,
        disabled_at -> Nullable<Timestamptz>,
        version -> Integer,
        is_operator -> Bool,
    }
}

table! {
    sessions (digest) {
        digest -> Binary,
        pepper_id -> Integer,
        account_id -> Uuid,
        account_version -> Integer,
        created_at -> Timestamptz,
        last_seen_at -> Timestamptz,
        id -> Nullable<Uuid>,
        address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        confirmed_at -> Nullable<Timestamptz>,
    }
}

table! {
    management_tokens (id) {
        id -> Uuid,
        name -> Text,
        rights -> Text,
        owners -> Text,
        prefix -> Text,
        digest -> Binary,
        pepper_id -> Integer,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
    }
}

table! {
    api_keys (id) {
        id -> Uuid,
        owner -> Text,
        name -> Text,
        prefix -> Text,
        environment -> Text,
        digest -> Binary,
        pepper_id -> Integer,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        disabled_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        replaced_by -> Nullable<Uuid>,
        version -> Integer,
        latest_change -> BigInt,
        created_by -> Nullable<Text>,
        metadata -> Text,
        scopes -> Nullable<Text>,
        allowed_networks -> Nullable<Text>,
        family -> Nullable<Uuid>,
        limits -> Nullable<Text>,
    }
}

table! {
    audit_events (id) {
        id -> Uuid,
        at -> Timestamptz,
        owner -> Nullable<Text>,
        action -> Text,
        key_id -> Nullable<Uuid>,
        replaced_by -> Nullable<Uuid>,
        actor -> Text,
        address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        request_id -> Nullable<Text>,
        key_name -> Nullable<Text>,
        key_prefix -> Nullable<Text>,
        changes -> Nullable<Text>,
        token_id -> Nullable<Uuid>,
        key_ids -> Nullable<Array<Uuid>>,
    }
}

table! {
    budgets (id) {
        id -> BigInt,
        family -> Nullable<Uuid>,
        owner -> Nullable<Text>,
        kind -> Text,
        amount -> Nullable<BigInt>,
        period -> BigInt,
        handed_out -> BigInt,
    }
}

table! {
    budget_shares (budget_id, instance_id) {
        budget_id -> BigInt,
        instance_id -> Uuid,
        holding -> BigInt,
        period -> BigInt,
        granted -> BigInt,
        returned -> BigInt,
        spent -> BigInt,
    }
}

table! {
    change_clock (id) {
        id -> Integer,
        seq -> BigInt,
        nonce -> Uuid,
    }
}

table! {
    instances (id) {
        id -> Uuid,
        acked -> BigInt,
        heartbeats -> BigInt,
        seen_at -> Timestamptz,
    }
}

table! {
    key_owners (owner) {
        owner -> Text,
        held -> Integer,
        closed_at -> Nullable<Timestamptz>,
        max_keys -> Nullable<Integer>,
        suspended_at -> Nullable<Timestamptz>,
        limits -> Nullable<Text>,
    }
}

table! {
    known_networks (account_id, network) {
        account_id -> Uuid,
        network -> Text,
        signed_in_at -> Timestamptz,
    }
}

table! {
    last_uses (key_id) {
        key_id -> Uuid,
        used_at -> Timestamptz,
        hour -> Timestamptz,
        accepted -> BigInt,
        cost -> BigInt,
    }
}

table! {
    key_refusals (key_id, minute, reason) {
        key_id -> Uuid,
        minute -> Timestamptz,
        reason -> Text,
        at -> Timestamptz,
        address -> Nullable<Text>,
        request_id -> Nullable<Text>,
        required -> Nullable<Text>,
    }
}

table! {
    key_usage (key_id, span, start, outcome) {
        key_id -> Uuid,
        span -> Text,
        start -> Timestamptz,
        outcome -> Text,
        calls -> BigInt,
        cost -> BigInt,
    }
}

table! {
    peppers (id) {
        id -> Integer,
        check_digest -> Binary,
    }
}

table! {
    schema_compat (version) {
        version -> Text,
        oldest_reader -> Text,
    }
}

table! {
    __diesel_schema_migrations (version) {
        version -> Text,
        run_on -> Timestamp,
    }
}

joinable!(known_networks -> accounts (account_id));
joinable!(sessions -> accounts (account_id));
allow_tables_to_appear_in_same_query!(accounts, known_networks, sessions);
allow_tables_to_appear_in_same_query!(api_keys, budgets, change_clock, key_owners, last_uses);
allow_tables_to_appear_in_same_query!(change_clock, instances);
