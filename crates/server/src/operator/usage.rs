//! How much each key was used in the last 30 days, for an operator who reads or who calculates.

use std::fmt::Write as _;

use latchkey_domain::ports::KeyInUse;
use latchkey_domain::{KeySearch, KeyStatus, OwnerId, OwnerPattern, RefusalReason, UsageCounts};
use latchkey_http::WireTime;

use super::admin_command::{CommandError, named, used};
use crate::app::App;

/// More keys than an owner can have.
const ALL: u32 = u32::MAX;

/// All keys of an owner, revoked ones too: those first that are not, each the newest first.
pub(super) async fn keys_of(app: &App, owner: String) -> Result<Vec<KeyInUse>, CommandError> {
    let mut search = KeySearch::new(vec![OwnerPattern::any()], app.services.clock.now());
    search.owner = Some(OwnerId::parse(owner)?);
    let mut keys = app.register.search(&search, None, ALL).await?;
    search.status = Some(KeyStatus::Revoked);
    keys.append(&mut app.register.search(&search, None, ALL).await?);
    Ok(keys)
}

/// A line for each of `keys`, below a line of names where these begin.
pub(super) async fn lines(
    app: &App,
    keys: &[KeyInUse],
    is_csv: bool,
    is_beginning: bool,
) -> Result<String, CommandError> {
    let ids: Vec<_> = keys.iter().map(|found| found.key.parts().id).collect();
    let counts = app.services.usage.totals(&ids).await?;
    let counted = keys.iter().zip(&counts);
    let (head, rows): (_, Vec<_>) = if is_csv {
        (csv_head(), counted.map(|(found, counts)| csv_row(found, counts)).collect())
    } else {
        (HEAD.to_owned(), counted.map(|(found, counts)| row(found, counts)).collect())
    };
    let head = is_beginning.then_some(head);
    Ok(head.into_iter().chain(rows).collect::<Vec<_>>().join("\n"))
}

const HEAD: &str = "ID\tOWNER\tPREFIX\tSTATE\tACCEPTED\tCOST\tREFUSED\tLAST USED\tNAME";

fn row(found: &KeyInUse, counts: &UsageCounts) -> String {
    let key = found.key.parts();
    let (id, owner, prefix, name) = (key.id, &key.owner, &key.prefix, &key.name);
    let state = named(key.state);
    let UsageCounts { accepted, cost, refused } = counts;
    let refused: Vec<_> =
        refused.iter().map(|(why, calls)| format!("{}={calls}", why.as_str())).collect();
    let refused = if refused.is_empty() { "0".to_owned() } else { refused.join(",") };
    let used = used(found.last_used_at);
    format!("{id}\t{owner}\t{prefix}\t{state}\t{accepted}\t{cost}\t{refused}\t{used}\t{name}")
}

fn csv_head() -> String {
    let mut head = "key_id,owner,key_prefix,state,accepted,cost".to_owned();
    for reason in RefusalReason::ALL {
        write!(head, ",refused_{}", reason.as_str()).expect("a String takes all text");
    }
    head + ",last_used_at,name"
}

/// A record as in RFC 4180, in which a spreadsheet finds no formula.
fn csv_row(found: &KeyInUse, counts: &UsageCounts) -> String {
    let key = found.key.parts();
    let (id, owner, prefix) = (key.id, cell(key.owner.as_str()), &key.prefix);
    let (state, accepted, cost) = (named(key.state), counts.accepted, counts.cost);
    let mut row = format!("{id},{owner},{prefix},{state},{accepted},{cost}");
    for reason in RefusalReason::ALL {
        let calls = counts.refused.get(&reason).copied().unwrap_or_default();
        write!(row, ",{calls}").expect("a String takes all text");
    }
    let used = found.last_used_at.map(|at| WireTime(at).to_string()).unwrap_or_default();
    row + "," + &used + "," + &cell(key.name.as_str())
}

/// Text that a person chose. Spreadsheets calculate what begins with these characters, and some part cells at `;`.
fn cell(text: &str) -> String {
    let mut harmless = String::from("\"");
    let mut begins = true;
    for character in text.chars() {
        if begins && matches!(character, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠') {
            harmless.push('\'');
        }
        begins = character == ';' || begins && (character == '"' || character.is_whitespace());
        if character == '"' {
            harmless.push('"');
        }
        harmless.push(character);
    }
    harmless + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_finds_no_formula_in_a_cell() {
        assert_eq!(cell("Production"), "\"Production\"");
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell(" \"@SUM(A1)"), "\" \"\"'@SUM(A1)\"");
        assert_eq!(cell("a;-1"), "\"a;'-1\"");
        assert_eq!(cell("2-1"), "\"2-1\"");
    }
}
