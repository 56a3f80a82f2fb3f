//! What Latchkey sets for a connection, in each of the ways to say so.

/// No statement of ours takes long; a limit in the server holds also where the client is frozen.
const LIMITS: [(&str, &str); 3] = [
    ("statement_timeout", "5000"),
    ("lock_timeout", "2000"),
    ("idle_in_transaction_session_timeout", "5000"),
];
/// What the statements are written for.
const ISOLATION: (&str, &str) = ("default_transaction_isolation", "read committed");
/// A plan is kept for the connection. One that was made while a table was empty would read the whole table
/// until Postgres has counted its rows; each statement has an index to use. The clock of changes has none,
/// and by its price Postgres would compile each statement that reads it (decision 24).
const PLANS: [(&str, &str); 2] = [("enable_seqscan", "off"), ("jit", "off")];
/// Set with the options of a connection, so that [`HAS_OPTIONS`] shows whether they arrived.
const MARK: (&str, &str) = ("latchkey.options", "arrived");

/// Whether the options of the connection arrived.
pub(crate) const HAS_OPTIONS: &str = "current_setting('latchkey.options', true) is not null";

/// The options that a connection begins with, each with a space behind it.
pub(crate) fn options() -> String {
    let all = LIMITS.into_iter().chain([ISOLATION]).chain(PLANS).chain([MARK]);
    let each = all.map(|(name, value)| format!("-c {name}={} ", value.replace(' ', "\\ ")));
    each.collect::<Vec<_>>().concat()
}

/// The same as statements, for a connection whose options a pooler takes away.
pub(crate) fn statements() -> String {
    let all = LIMITS.into_iter().chain([ISOLATION]).chain(PLANS);
    all.map(|(name, value)| format!("set {name} = '{value}';")).collect::<Vec<_>>().concat()
}

/// The limits for the transaction that it is part of. The isolation can't be set in a transaction that
/// has begun; where a role has another one, the start is refused. Plans are not kept there.
pub(crate) fn limits_of_transaction() -> String {
    let limits = LIMITS.map(|(name, value)| format!("set_config('{name}', '{value}', true)"));
    format!("select {}", limits.join(", "))
}
