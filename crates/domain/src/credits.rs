use std::fmt;

use thiserror::Error;

/// How many credits are left: 0 to 10^12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credits(u64);

/// The number is no [`Credits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("credits are 0 to 1000000000000")]
pub struct TooManyCredits;

impl Credits {
    /// None are left.
    pub const NONE: Self = Self(0);
    /// The most there may be.
    pub const MAX: Self = Self(1_000_000_000_000);

    /// Accepts 0 to 10^12.
    pub const fn new(credits: u64) -> Result<Self, TooManyCredits> {
        if credits <= Self::MAX.0 { Ok(Self(credits)) } else { Err(TooManyCredits) }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What happens to the credits of a key or of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CreditChange {
    /// There are more of them, or fewer. Where none were counted, counting begins at 0.
    Add(Addition),
    /// They are not counted any more.
    Uncount,
}

/// How many credits are added, or taken where it is negative: -10^12 to 10^12, but not 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addition(i64);

/// The number is no [`Addition`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("credits to add are -1000000000000 to 1000000000000, but not 0")]
pub struct MalformedAddition;

impl Addition {
    /// Accepts -10^12 to 10^12, but not 0.
    pub const fn new(credits: i64) -> Result<Self, MalformedAddition> {
        if credits == 0 || credits.unsigned_abs() > Credits::MAX.0 {
            Err(MalformedAddition)
        } else {
            Ok(Self(credits))
        }
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

/// Why credits stay what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CreditsRefused {
    /// Fewer are left than are to be taken.
    #[error("{left} credits are left, which is less than are to be taken")]
    TooFew {
        /// How many are left; 0 where none are counted.
        left: Credits,
    },
    /// There would be more than there may be.
    #[error("there would be more than 1000000000000 credits")]
    TooMany,
}

impl CreditChange {
    /// What is left after this, where `left` were before; `None`: they are not counted.
    pub fn of(self, left: Option<Credits>) -> Result<Option<Credits>, CreditsRefused> {
        let Self::Add(Addition(more)) = self else { return Ok(None) };
        let left = left.unwrap_or(Credits::NONE);
        let sum = left.0.checked_add_signed(more).ok_or(CreditsRefused::TooFew { left })?;
        Credits::new(sum).map(Some).map_err(|TooManyCredits| CreditsRefused::TooMany)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credits(number: u64) -> Credits {
        Credits::new(number).expect("in range")
    }

    fn add(number: i64) -> CreditChange {
        CreditChange::Add(Addition::new(number).expect("in range"))
    }

    #[test]
    fn credits_are_at_most_a_million_millions() {
        assert_eq!(Credits::new(0), Ok(Credits::NONE));
        assert_eq!(Credits::new(1_000_000_000_000), Ok(Credits::MAX));
        assert_eq!(Credits::new(1_000_000_000_001), Err(TooManyCredits));
    }

    #[test]
    fn an_addition_adds_or_takes_something() {
        for good in [1, -1, 1_000_000_000_000, -1_000_000_000_000] {
            assert_eq!(Addition::new(good).map(Addition::get), Ok(good));
        }
        for bad in [0, 1_000_000_000_001, -1_000_000_000_001, i64::MAX, i64::MIN] {
            assert_eq!(Addition::new(bad), Err(MalformedAddition));
        }
    }

    #[test]
    fn what_is_left_never_falls_below_0_nor_rises_above_the_most() {
        assert_eq!(add(5).of(Some(credits(2))), Ok(Some(credits(7))));
        assert_eq!(add(-2).of(Some(credits(2))), Ok(Some(Credits::NONE)));
        assert_eq!(add(-3).of(Some(credits(2))), Err(CreditsRefused::TooFew { left: credits(2) }));
        assert_eq!(add(1).of(Some(Credits::MAX)), Err(CreditsRefused::TooMany));
    }

    #[test]
    fn credits_that_are_not_counted_count_from_0_and_can_be_uncounted_again() {
        assert_eq!(add(5).of(None), Ok(Some(credits(5))));
        assert_eq!(add(-1).of(None), Err(CreditsRefused::TooFew { left: Credits::NONE }));
        assert_eq!(CreditChange::Uncount.of(Some(credits(5))), Ok(None));
        assert_eq!(CreditChange::Uncount.of(None), Ok(None));
    }
}
