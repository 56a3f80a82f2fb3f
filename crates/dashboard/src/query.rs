//! What pages read from the query string of their address, and write into it.

use url::form_urlencoded;

/// The value of the first member of this name.
pub(crate) fn member(query: &str, name: &str) -> Option<String> {
    let mut members = form_urlencoded::parse(query.as_bytes());
    members.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// The value that a query string gives to the member of this name, if it is one of `values`.
pub(crate) fn choice<T: Copy>(query: &str, name: &str, values: &[(&str, T)]) -> Option<T> {
    let given = member(query, name)?;
    values.iter().find(|(known, _)| *known == given).map(|(_, value)| *value)
}

/// How addresses name a value.
pub(crate) fn name_in<T: Copy + PartialEq>(
    values: &[(&'static str, T)],
    wanted: T,
) -> &'static str {
    values.iter().find(|(_, value)| *value == wanted).map_or("", |(name, _)| *name)
}
