//! The calls of backends that manage keys for their own users, by a management token.
//!
//! They take no cookie, so that no page of another site can make them in somebody's name: they answer no
//! CORS, and ask for no origin. Operators' pages make some of them elsewhere, by a session: each handler serves any
//! [`Prover`](proof::Prover).

pub(crate) mod api_keys;
mod bodies;
pub(crate) mod events;
pub(crate) mod owners;
pub(crate) mod proof;
pub(crate) mod scopes;
pub(crate) mod search;
pub(crate) mod usage;
