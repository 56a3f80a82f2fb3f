//! Black-box tests: each starts the real binary, on SQLite, Postgres or both, and talks to it as
//! any client would. They know the contract and nothing of the code behind it.

#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking, in its helpers too, and owns the setup it was given"
)]

/// Makes the tests `sqlite::name` and `postgres::name` of each named function, which is given a fresh
/// [`Setup`](crate::server::Setup): `on_sqlite`, and the one that is named first.
macro_rules! on_sqlite_and {
    ($postgres:ident: $($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                super::$name(crate::server::Setup::on_sqlite());
            })+
        }
        mod postgres {
            $(#[test]
            fn $name() {
                super::$name(crate::server::Setup::$postgres());
            })+
        }
    };
}

/// The tests of what is decided above the stores, which the contract suite holds to be alike: `on_sqlite::name` of each
/// named function.
macro_rules! on_sqlite {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[test]
            fn $name() {
                super::$name(crate::server::Setup::on_sqlite());
            })+
        }
    };
}

/// The tests of what the statements of a store decide, and of the ways that both databases are run in, without any account.
macro_rules! on_both_databases {
    ($($name:ident),+ $(,)?) => {
        on_sqlite_and![on_postgres: $($name),+];
    };
}

/// The same for tests of the first start: on Postgres there is no schema yet.
macro_rules! on_both_empty_databases {
    ($($name:ident),+ $(,)?) => {
        on_sqlite_and![on_empty_postgres: $($name),+];
    };
}

/// The same as `on_both_databases`, and each once more without a cache, where every verification asks the database.
macro_rules! on_both_databases_with_and_without_cache {
    ($($name:ident),+ $(,)?) => {
        on_both_databases![$($name),+];
        mod without_cache {
            use crate::server::Setup;

            mod sqlite {
                $(#[test]
                fn $name() {
                    super::super::$name(super::off(super::Setup::on_sqlite()));
                })+
            }
            mod postgres {
                $(#[test]
                fn $name() {
                    super::super::$name(super::off(super::Setup::on_postgres()));
                })+
            }

            fn off(setup: Setup) -> Setup {
                setup.with("LATCHKEY_VERIFY_CACHE", "off")
            }
        }
    };
}

/// The same for tests that mostly wait: one test waits for both databases at once.
macro_rules! on_both_databases_concurrently {
    ($($name:ident),+ $(,)?) => {
        mod on_both {
            $(#[test]
            fn $name() {
                std::thread::scope(|scope| {
                    scope.spawn(|| super::$name(crate::server::Setup::on_sqlite()));
                    super::$name(crate::server::Setup::on_postgres());
                });
            })+
        }
    };
}

mod accounts;
mod api_keys;
mod audit;
mod bad_input;
mod changes;
mod chaos;
mod connections;
mod cross_site;
mod database;
mod durability;
mod embedding;
mod every_answer;
mod failover;
mod far;
mod http;
mod issuer;
mod jwt;
mod killed_trail;
mod leaks;
mod limits_of_keys;
mod log;
mod management;
mod many_owners;
mod metrics;
mod operations;
mod operator_pages;
mod other_owners;
mod outage;
mod own_account;
mod pages;
mod paid_calls;
mod person;
mod poolers;
mod process;
mod reach;
mod reference;
mod rolling;
mod rotation;
mod scope_catalogue;
mod scopes;
mod secret;
mod secrets;
mod server;
mod sign_in_limits;
#[cfg(feature = "otlp")]
mod spans;
mod strict;
mod strict_changes;
mod unix_socket;
mod usage;
mod verify;
mod verify_changes;
mod whose_page;
