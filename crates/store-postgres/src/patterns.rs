//! Patterns of owners, as a condition on a column.

use diesel::dsl::{AsExprOf, sql as literal};
use diesel::expression::{SqlLiteral, UncheckedBind};
use diesel::sql_types::{Array, Bool, Text};
use latchkey_domain::OwnerPattern;

type Texts = AsExprOf<Vec<String>, Array<Text>>;
type OneOf<Before> = SqlLiteral<Bool, UncheckedBind<Before, Texts>>;
/// Whether an owner is one of those, or begins with one of these.
pub(crate) type Within = OneOf<OneOf<SqlLiteral<Bool>>>;

/// Whether `column` is an owner that one of `patterns` covers; `None` where they cover every owner. `^@` compares
/// bytes, whatever the collation of the database. However many patterns there are, it is one text.
pub(crate) fn within(column: &str, patterns: &[OwnerPattern]) -> Option<Within> {
    if patterns.iter().any(OwnerPattern::is_any) {
        return None;
    }
    let (mut owners, mut beginnings) = (Vec::new(), Vec::new());
    for pattern in patterns {
        match pattern.beginning() {
            Some(beginning) => beginnings.push(beginning.to_owned()),
            None => owners.push(pattern.as_str().to_owned()),
        }
    }
    let is_one = literal::<Bool>(&format!("({column} = any(")).bind::<Array<Text>, _>(owners);
    let or_begins = is_one.sql(&format!(") or {column} ^@ any("));
    Some(or_begins.bind::<Array<Text>, _>(beginnings).sql("))"))
}
