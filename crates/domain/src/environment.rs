use thiserror::Error;

/// What a key is meant for; it is part of the key's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Environment {
    /// Production. This is the default.
    #[default]
    Live,
    /// Development, staging, tests.
    Test,
}

/// The text names no [`Environment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be \"live\" or \"test\"")]
pub struct UnknownEnvironment;

impl Environment {
    /// Accepts `live` and `test`.
    pub fn parse(text: &str) -> Result<Self, UnknownEnvironment> {
        match text {
            "live" => Ok(Self::Live),
            "test" => Ok(Self::Test),
            _ => Err(UnknownEnvironment),
        }
    }

    /// `live` or `test`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}
