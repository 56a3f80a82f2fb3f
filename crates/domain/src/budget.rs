use crate::{ApiKeyId, OwnerId, Window};

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BudgetKind {
    /// What is used in each window.
    Window(Window),
    /// What is left for good.
    Credits,
}

impl BudgetKind {
    /// Its name in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Window(window) => window.as_str(),
            Self::Credits => "credits",
        }
    }

    /// The kind of that name.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "credits" => Some(Self::Credits),
            _ => Window::parse(text).map(Self::Window),
        }
    }
}

/// Names a budget in its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BudgetId(pub i64);

/// Whose budget it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BudgetHolder {
    /// Of a key, and of those that took its place: the first of them.
    Family(ApiKeyId),
    /// Of all keys of an owner.
    Owner(OwnerId),
}

/// A budget that a verification of a key has to find room in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyBudget {
    /// Which one.
    pub id: BudgetId,
    /// What it counts.
    pub kind: BudgetKind,
    /// Whether all keys of the owner share it.
    pub is_owners: bool,
}
