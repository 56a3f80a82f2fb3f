/// A way to break the protocol. The model breaks it around the code of the crate, by leaving out,
/// swapping or falsifying steps; that code has no such switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Flaw {
    /// A fill is stored whatever was applied since it began.
    LateFillIsStored,
    /// A verification looks into the cache first and at the lease then.
    CacheBeforeClock,
    /// The lease runs from when the answer to a heartbeat arrives.
    LeaseFromReceipt,
    /// The maker of a change waits a tick less than it must.
    WaitIsShort,
    /// The maker of a change waits for nobody.
    NoWait,
    /// A verification goes by a clock that is a tick behind.
    CoarseClock,
    /// An instance is taken off the list without waiting.
    ExpelledAtOnce,
    /// The lease is extended first and the changes are applied then.
    ExtendBeforeVoid,
    /// An instance that registers again keeps the fills under way.
    FillSurvivesRegistration,
    /// An instance that registers again keeps its cache.
    CacheSurvivesRegistration,
    /// A heartbeat acknowledges what it tells, not what has been applied.
    AckBeforeApply,
    /// Numbers are given out before the commit, as a sequence does.
    NumbersOutOfOrder,
    /// The clock of an instance stands still while time goes on: a paused virtual machine.
    ClockStandsStill,
    /// A look-up is believed though its server has not made what was applied here.
    NoFence,
    /// The fence moves after the cache is void, not before.
    FenceAfterVoid,
    /// A look-up reads a server that has made other changes.
    AnotherHistory,
    /// A change voids what is cached under the digest that the row has now.
    VoidByDigest,
    /// A verification joins a look-up that began before a change was applied.
    AnyFlight,
    /// A list that was read before the change was made lets its maker go.
    ListFromBefore,
    /// A page of the news extends the lease though there is more.
    PageExtends,
    /// A page of the news is taken for all of it.
    PageIsAll,
    /// After a takeover the list of instances is relied on without waiting.
    TakeoverUnnoticed,
    /// Leases have no end, as if nobody else could make changes.
    EndlessLease,
    /// Instances are not told of a narrowed key, as where its trigger leaves out a column.
    NarrowingUntold,
    /// What a key may do is kept for the key and not for its entry, so that a void entry leaves it there.
    RestrictionsSurvive,
}

impl Flaw {
    pub(crate) const ALL: [Self; 25] = [
        Self::LateFillIsStored,
        Self::CacheBeforeClock,
        Self::LeaseFromReceipt,
        Self::WaitIsShort,
        Self::NoWait,
        Self::CoarseClock,
        Self::ExpelledAtOnce,
        Self::ExtendBeforeVoid,
        Self::FillSurvivesRegistration,
        Self::CacheSurvivesRegistration,
        Self::AckBeforeApply,
        Self::NumbersOutOfOrder,
        Self::ClockStandsStill,
        Self::NoFence,
        Self::FenceAfterVoid,
        Self::AnotherHistory,
        Self::VoidByDigest,
        Self::AnyFlight,
        Self::ListFromBefore,
        Self::PageExtends,
        Self::PageIsAll,
        Self::TakeoverUnnoticed,
        Self::EndlessLease,
        Self::NarrowingUntold,
        Self::RestrictionsSurvive,
    ];
}
