use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Something that a management token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Read keys, and the settings of owners.
    KeysRead,
    /// Issue, change, rotate and revoke keys; read them too.
    KeysWrite,
    /// Read audit events.
    AuditRead,
    /// Change the settings of owners.
    OwnersWrite,
    /// Read how much keys are used and refused.
    UsageRead,
}

/// The text is not a [`Right`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a right is keys:read, keys:write, audit:read, owners:write or usage:read")]
pub struct UnknownRight;

impl Right {
    /// All of them, in the order in which they are written.
    pub const ALL: [Self; 5] =
        [Self::KeysRead, Self::KeysWrite, Self::AuditRead, Self::OwnersWrite, Self::UsageRead];

    /// The right as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeysRead => "keys:read",
            Self::KeysWrite => "keys:write",
            Self::AuditRead => "audit:read",
            Self::OwnersWrite => "owners:write",
            Self::UsageRead => "usage:read",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::KeysRead => 1,
            Self::KeysWrite => 2,
            Self::AuditRead => 4,
            Self::OwnersWrite => 8,
            Self::UsageRead => 16,
        }
    }
}

impl FromStr for Right {
    type Err = UnknownRight;

    fn from_str(text: &str) -> Result<Self, UnknownRight> {
        Self::ALL.into_iter().find(|right| right.as_str() == text).ok_or(UnknownRight)
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of rights, as they were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(u8);

impl Rights {
    /// The rights that were given, in the order of [`Right::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.0 & right.bit() != 0)
    }

    /// Whether nothing is allowed.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `right` was given, or one that includes it: who may write keys may read them.
    pub const fn include(self, right: Right) -> bool {
        let enough = match right {
            Right::KeysRead => Right::KeysRead.bit() | Right::KeysWrite.bit(),
            other => other.bit(),
        };
        self.0 & enough != 0
    }
}

impl fmt::Display for Rights {
    /// The rights, separated by commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, right) in self.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{right}")?;
        }
        Ok(())
    }
}

impl FromStr for Rights {
    type Err = UnknownRight;

    fn from_str(text: &str) -> Result<Self, UnknownRight> {
        text.split(',').map(Right::from_str).collect()
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        Self(rights.into_iter().fold(0, |set, right| set | right.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_set() -> impl Iterator<Item = Rights> {
        (0..1 << Right::ALL.len()).map(Rights)
    }

    #[test]
    fn a_right_is_read_as_it_is_written() {
        for right in Right::ALL {
            assert_eq!(right.as_str().parse(), Ok(right));
        }
        for other in ["", "keys", "keys:*", "KEYS:READ", "keys:read "] {
            assert_eq!(other.parse::<Right>(), Err(UnknownRight), "{other}");
        }
    }

    #[test]
    fn a_set_is_its_rights() {
        for set in every_set() {
            assert_eq!(set.iter().collect::<Rights>(), set);
            assert_eq!(set.is_empty(), set.iter().next().is_none());
            let read = set.to_string().parse();
            assert_eq!(read, if set.is_empty() { Err(UnknownRight) } else { Ok(set) });
        }
    }

    #[test]
    fn no_right_includes_another_but_writing_keys_includes_reading_them() {
        for set in every_set() {
            let given: Vec<_> = set.iter().collect();
            for right in Right::ALL {
                let by_writing = right == Right::KeysRead && given.contains(&Right::KeysWrite);
                assert_eq!(set.include(right), given.contains(&right) || by_writing, "{given:?}");
            }
        }
    }
}
