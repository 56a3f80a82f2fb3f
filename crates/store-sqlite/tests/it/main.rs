//! The store on files of its own: what the ports promise, and what is SQLite's alone.

mod changes;
mod contract;
mod corruption;
mod files;
mod migrations;
