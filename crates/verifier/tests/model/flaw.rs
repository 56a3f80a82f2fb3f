/// A way to break the protocol. The model breaks it around the code of the crate, by leaving out,
/// swapping or falsifying steps; that code has no such switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Flaw {
    /// A fill is stored whatever was applied since it began.
    LateFillIsStored,
    /// A verification looks into the memory first and at the lease then.
    MemoryBeforeClock,
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
    /// The silence of an instance counts from the latest change, not from a look at the list.
    SilenceFromChange,
    /// An instance that was silent is taken off the list although it has shown itself since.
    ExpelledThoughAlive,
    /// The lease is extended first and the changes are applied then.
    ExtendBeforeVoid,
    /// Who registers anew keeps the fills under way.
    FillSurvivesRegistration,
    /// Who registers anew keeps what it remembers.
    MemorySurvivesRegistration,
    /// A heartbeat acknowledges what it tells, not what has been applied.
    AckBeforeApply,
    /// Numbers are given out before the commit, as a sequence does.
    NumbersOutOfOrder,
    /// The clock of an instance stands still while time goes on: a paused virtual machine.
    ClockStandsStill,
    /// Fills read a replica that lags.
    LaggingReplica,
    /// A change voids what is remembered under the digest that the row has now.
    VoidByDigest,
    /// A heartbeat does not ask whether the history is still the same one.
    AnyHistory,
    /// A heartbeat of another history is refused, but acknowledges all the same.
    AckOfAnotherHistory,
    /// A verification joins a look-up that began before a change was applied.
    AnyFlight,
    /// A list that was read before the change was made lets its maker go.
    ListFromBefore,
    /// Leases have no end, as if nobody else could make changes.
    EndlessLease,
}
