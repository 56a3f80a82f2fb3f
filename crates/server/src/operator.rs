//! What an operator tells a server: the commands, and the socket by which they reach the running
//! one that owns an embedded database.

mod admin_command;
pub(crate) mod commands;
pub(crate) mod control;
mod export;
mod moving;
mod scan;
mod usage;

pub(crate) use admin_command::{AdminCommand, Done};
