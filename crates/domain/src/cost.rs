use thiserror::Error;

/// What a call costs of each budget of its key: 0 to 1,000,000. 0 asks whether there is any room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cost(u32);

/// The number is no [`Cost`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a call costs 0 to 1000000")]
pub struct CostTooHigh;

impl Cost {
    /// What a call costs that says nothing.
    pub const ONE: Self = Self(1);
    /// The most that a call costs.
    pub const MAX: Self = Self(1_000_000);

    /// Accepts 0 to 1,000,000.
    pub const fn new(cost: u32) -> Result<Self, CostTooHigh> {
        if cost <= Self::MAX.0 { Ok(Self(cost)) } else { Err(CostTooHigh) }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_costs_nothing_to_a_million() {
        for good in [0, 1, 1_000_000] {
            assert_eq!(Cost::new(good).map(Cost::get), Ok(good));
        }
        for bad in [1_000_001, u32::MAX] {
            assert_eq!(Cost::new(bad), Err(CostTooHigh));
        }
    }
}
