/// A way to break the protocol. The model breaks it around the code of the crate, by leaving out, swapping or falsifying
/// steps; that code has no such switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Flaw {
    /// A statement looks at what is left first and hands out then.
    LookFirst,
    /// What was asked for is believed to be granted where no answer came.
    UnknownIsGranted,
    /// An answer puts all that the share was ever granted in the hand.
    AllIsNew,
    /// The store is told first, and the credits leave the hand when it has answered.
    GiveBackFirst,
    /// What was given back goes into the hand again where no answer came.
    UnknownIsKept,
    /// A give-back that is sent again counts again.
    NoGuard,
    /// A give-back counts as long as the share has so much.
    GuardByAmount,
    /// A closed share gives back what its instance has not spent yet.
    ClosedShareReturns,
    /// An instance that comes back finds its share of before, and believes that it still holds all of that.
    ShareSurvives,
    /// An instance that takes a forgotten budget up again finds its share of before, and believes that it still holds all of that.
    ForgottenShareSurvives,
    /// Credits that are added overwrite what was handed out meanwhile.
    TopUpOverwrites,
    /// What was left of a period may be spent in the next.
    HandSurvives,
    /// The time to spend in runs from when the answer arrives.
    TimeFromReceipt,
    /// The time to spend in has no end.
    EndlessTime,
    /// Clocks are taken to run alike.
    NoMargin,
    /// A refusal puts back what it took, whatever period has begun.
    PutBackBlindly,
    /// The clock of the instance that asks decides which period it is.
    PeriodOfInstance,
}

impl Flaw {
    pub(crate) const OF_CREDITS: [Self; 11] = [
        Self::LookFirst,
        Self::UnknownIsGranted,
        Self::AllIsNew,
        Self::GiveBackFirst,
        Self::UnknownIsKept,
        Self::NoGuard,
        Self::GuardByAmount,
        Self::ClosedShareReturns,
        Self::ShareSurvives,
        Self::ForgottenShareSurvives,
        Self::TopUpOverwrites,
    ];
    pub(crate) const OF_WINDOWS: [Self; 6] = [
        Self::HandSurvives,
        Self::TimeFromReceipt,
        Self::EndlessTime,
        Self::NoMargin,
        Self::PutBackBlindly,
        Self::PeriodOfInstance,
    ];
}
