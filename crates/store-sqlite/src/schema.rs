// Whole numbers are read as 64 bits, as SQLite keeps them, so that one out of range is noticed.

diesel::table! {
    accounts (id) {
        id -> Binary,
        email -> Text,
        password_hash -> Text,
        created_at -> BigInt,
        disabled_at -> Nullable<BigInt>,
        version -> BigInt,
        is_operator -> Bool,
    }
}

diesel::table! {
    sessions (digest) {
        digest -> Binary,
        pepper_id -> BigInt,
        account_id -> Binary,
        account_version -> BigInt,
        created_at -> BigInt,
        last_seen_at -> BigInt,
        id -> Nullable<Binary>,
        address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        confirmed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    management_tokens (id) {
        id -> Binary,
        name -> Text,
        rights -> Text,
        owners -> Text,
        prefix -> Text,
        digest -> Binary,
        pepper_id -> BigInt,
        created_at -> BigInt,
        expires_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Binary,
        owner -> Text,
        name -> Text,
        prefix -> Text,
        environment -> Text,
        digest -> Binary,
        pepper_id -> BigInt,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        disabled_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
        replaced_by -> Nullable<Binary>,
        version -> BigInt,
        created_by -> Nullable<Text>,
        metadata -> Text,
        scopes -> Nullable<Text>,
        allowed_networks -> Nullable<Text>,
        family -> Nullable<Binary>,
        limits -> Nullable<Text>,
    }
}

diesel::table! {
    audit_events (id) {
        id -> Binary,
        at -> BigInt,
        owner -> Nullable<Text>,
        action -> Text,
        key_id -> Nullable<Binary>,
        replaced_by -> Nullable<Binary>,
        actor -> Text,
        address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        request_id -> Nullable<Text>,
        key_name -> Nullable<Text>,
        key_prefix -> Nullable<Text>,
        changes -> Nullable<Text>,
        token_id -> Nullable<Binary>,
        key_ids -> Nullable<Text>,
    }
}

diesel::table! {
    budgets (id) {
        id -> BigInt,
        family -> Nullable<Binary>,
        owner -> Nullable<Text>,
        kind -> Text,
        amount -> Nullable<BigInt>,
        period -> BigInt,
        handed_out -> BigInt,
    }
}

diesel::table! {
    budget_shares (budget_id, instance_id) {
        budget_id -> BigInt,
        instance_id -> Binary,
        holding -> BigInt,
        period -> BigInt,
        granted -> BigInt,
        returned -> BigInt,
        spent -> BigInt,
    }
}

diesel::table! {
    key_owners (owner) {
        owner -> Text,
        held -> BigInt,
        closed_at -> Nullable<BigInt>,
        max_keys -> Nullable<BigInt>,
        suspended_at -> Nullable<BigInt>,
        limits -> Nullable<Text>,
    }
}

diesel::table! {
    known_networks (account_id, network) {
        account_id -> Binary,
        network -> Text,
        signed_in_at -> BigInt,
    }
}

diesel::table! {
    last_uses (key_id) {
        key_id -> Binary,
        used_at -> BigInt,
        hour -> BigInt,
        accepted -> BigInt,
        cost -> BigInt,
    }
}

diesel::table! {
    key_refusals (key_id, minute, reason) {
        key_id -> Binary,
        minute -> BigInt,
        reason -> Text,
        at -> BigInt,
        address -> Nullable<Text>,
        request_id -> Nullable<Text>,
        required -> Nullable<Text>,
    }
}

diesel::table! {
    key_usage (key_id, span, start, outcome) {
        key_id -> Binary,
        span -> Text,
        start -> BigInt,
        outcome -> Text,
        calls -> BigInt,
        cost -> BigInt,
    }
}

diesel::table! {
    recent_usage (key_id) {
        key_id -> Binary,
        last_day -> BigInt,
        calls -> Text,
    }
}

diesel::table! {
    usage_writers (id) {
        id -> Binary,
        batch -> BigInt,
        at -> BigInt,
    }
}

diesel::table! {
    peppers (id) {
        id -> BigInt,
        check_digest -> Binary,
    }
}

diesel::table! {
    schema_compat (version) {
        version -> Text,
        oldest_reader -> Text,
    }
}

diesel::table! {
    #[sql_name = "__diesel_schema_migrations"]
    schema_migrations (version) {
        version -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    api_keys,
    budgets,
    key_owners,
    key_usage,
    last_uses,
    recent_usage
);
diesel::allow_tables_to_appear_in_same_query!(accounts, known_networks, sessions);
diesel::joinable!(known_networks -> accounts (account_id));
diesel::joinable!(sessions -> accounts (account_id));

// SQLite's own list of what a database holds.
diesel::table! {
    sqlite_schema (name) {
        name -> Text,
    }
}
