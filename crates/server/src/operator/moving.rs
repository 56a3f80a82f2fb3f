//! From the embedded database to Postgres.

use std::fmt::Write as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::commands::read_secret;
use super::control;
use crate::app::StartError;
use crate::settings::{Database, Settings};
use crate::{embedded, peppers, postgres};

const PROMPT: &str = "Password of the role in the database (empty for none): ";

/// Moves everything there is into the Postgres database at `to`, in one transaction; says what was
/// moved and what a server needs from now on.
pub(super) async fn run(settings: Settings, to: &str) -> Result<String, StartError> {
    let Database::Sqlite(path) = &settings.database else {
        return Err("DATABASE_URL names Postgres; this command moves an embedded database".into());
    };
    if control::is_served(&settings.data_dir).await {
        let data_dir = settings.data_dir.display();
        return Err(format!("a server runs on {data_dir}; stop it first").into());
    }
    if !path.exists() {
        return Err(format!("there is no embedded database at {}", path.display()).into());
    }
    postgres::check_target(to)?;
    let password = Zeroizing::new(read_secret(PROMPT)?);
    let source = embedded::open(path, &settings).await?;
    source.migrate().await?;
    if source.may_hold_more().await? {
        let why = "was migrated by a newer version of Latchkey, which alone knows all that is in it; \
                   move with that one";
        return Err(format!("{} {why}", path.display()).into());
    }
    let moved = postgres::take_over(to, &password, &source).await;
    source.close().await;
    let mut report = String::from("moved, and counted there:\n");
    for (part, count) in moved? {
        writeln!(report, "  {part}: {count}").expect("a String takes all text");
    }
    Ok(report + &needs(&settings, to, path))
}

fn needs(settings: &Settings, to: &str, old: &Path) -> String {
    let ring = if settings.peppers.is_some() {
        "LATCHKEY_PEPPERS as it is now".to_owned()
    } else {
        let file = peppers::file(&settings.data_dir);
        let file =
            std::path::absolute(file.path()).unwrap_or_else(|_no_folder| file.path().to_owned());
        format!("LATCHKEY_PEPPERS_FILE={}, or LATCHKEY_PEPPERS with its content", file.display())
    };
    let old = old.display();
    format!(
        "A server now needs\n  \
         DATABASE_URL={to} with the password in it, or in a file that DATABASE_URL_FILE names\n  \
         {ring}\n\
         Start no server on {old} any more: its changes would not be moved."
    )
}
