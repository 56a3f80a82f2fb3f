use std::error::Error;

/// An error with its causes, on one line, for a log: an error's own text stops short of its cause, and a
/// log in JSON does not follow causes by itself.
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::StoreError;

    #[test]
    fn every_cause_is_told() {
        let error = StoreError::new(StoreError::new("the disk is full"));
        assert_eq!(error_chain(&error), "the store failed: the store failed: the disk is full");
    }
}
