use std::time::Duration;

use latchkey_domain::ports::{InstanceId, InstanceStatus};
use latchkey_domain::{ApiKeyId, BootTime, ChangeNumber};
use latchkey_verifier::protocol::{Silence, Wait};
use stateright::{Model, Property};

use crate::flaw::Flaw;
use crate::instance::Stage;
use crate::store::{KEY, OTHER};
use crate::verification::{Source, Verification};
use crate::world::{How, World};

/// The protocol in its world, with the bounds within which all of it is explored.
#[derive(Debug, Clone)]
pub(crate) struct Protocol {
    pub(crate) instances: usize,
    /// Changes of the key that is verified, and of another.
    pub(crate) changes: [u8; 2],
    /// How many changes a heartbeat is told at most.
    pub(crate) page: usize,
    /// Registrations, of all instances together.
    pub(crate) registrations: u8,
    /// How often the digest is made anew.
    pub(crate) redigests: u8,
    /// How often the database loses its latest change.
    pub(crate) losses: u8,
    pub(crate) ticks: u32,
    pub(crate) tick: Duration,
    pub(crate) rates: Rates,
    pub(crate) flaw: Option<Flaw>,
}

/// How fast clocks run, in percent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    pub(crate) makers: u32,
    pub(crate) instances: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Time goes on.
    Tick,
    /// Time goes on, and the clock of an instance does not.
    StandStill(usize),
    Change(ApiKeyId),
    Commit(ChangeNumber),
    Answer(usize, How),
    ReadEarly,
    Suspect(usize),
    Expel(InstanceId),
    Redigest,
    FailOver,
    Send(usize),
    See(usize),
    CommitCall(usize),
    Lose(usize),
    Receive(usize),
    Apply(usize),
    BeginLookUp(usize),
    Read(usize, u8),
    Land(usize),
    Verify(usize),
    Continue,
    Board,
    /// The verification asks a server itself.
    Ask(u8),
}

impl Protocol {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn clock(&self, ticks: u32, rate: u32) -> BootTime {
        BootTime::ZERO.after(self.tick * ticks * rate / 100)
    }

    fn maker_now(&self, world: &World) -> BootTime {
        self.clock(world.now, self.rates.makers)
    }

    fn maker_believes(&self, world: &World) -> BootTime {
        let early = u32::from(self.has(Flaw::WaitIsShort));
        self.clock(world.now + early, self.rates.makers)
    }

    pub(crate) fn instance_now(&self, world: &World, at: usize) -> BootTime {
        self.clock(world.now - world.instances[at].stood_still, self.rates.instances)
    }

    fn is_made(&self, world: &World, key: ApiKeyId) -> bool {
        let lost = if key == OTHER { world.store.losses() } else { 0 };
        world.store.made(key, false) + lost >= self.changes[usize::from(key == OTHER)]
    }

    fn of_makers(&self, world: &World, actions: &mut Vec<Action>) {
        let changes = [KEY, OTHER].into_iter().filter(|key| !self.is_made(world, *key));
        actions.extend(changes.map(Action::Change));
        if self.has(Flaw::NumbersOutOfOrder) {
            actions.extend(world.store.uncommitted().map(Action::Commit));
        }
        for (place, (_, wait)) in world.waiting.iter().enumerate() {
            let knows_all = world.takeover.is_over(self.maker_now(world));
            let relies = knows_all || self.has(Flaw::TakeoverUnnoticed);
            if relies && wait.is_through(&world.list()) {
                actions.push(Action::Answer(place, How::ByAll));
            }
            if wait.is_over(self.maker_believes(world)) || self.has(Flaw::NoWait) {
                actions.push(Action::Answer(place, How::ByTime));
            }
        }
        if self.has(Flaw::ListFromBefore) && world.early.is_none() && world.waiting.is_empty() {
            actions.push(Action::ReadEarly);
        }
        self.of_expelling(world, actions);
    }

    fn of_expelling(&self, world: &World, actions: &mut Vec<Action>) {
        let latest = world.store.position().change;
        let behind = |it: &InstanceStatus| it.applied < latest;
        let members = world.store.members.iter().enumerate();
        if self.has(Flaw::ExpelledAtOnce) {
            let dead = world.store.members.iter().filter(|it| behind(it));
            actions.extend(dead.map(|it| Action::Expel(it.instance)));
        } else if let Some(silence) = world.silence {
            if silence.is_over(self.maker_believes(world)) {
                actions.push(Action::Expel(silence.status.instance));
            }
        } else {
            actions.extend(members.filter(|it| behind(it.1)).map(|it| Action::Suspect(it.0)));
        }
    }

    fn of_instance(&self, world: &World, at: usize, actions: &mut Vec<Action>) {
        let instance = &world.instances[at];
        let may_register = world.store.registered < self.registrations;
        match instance.call.as_ref().map(|call| &call.stage) {
            None if !instance.effects.is_empty() => actions.push(Action::Apply(at)),
            None if instance.membership.instance().is_some() || may_register => {
                actions.push(Action::Send(at));
            }
            None => {}
            Some(Stage::Sent) => actions.push(Action::See(at)),
            Some(Stage::Seen(_)) => actions.push(Action::CommitCall(at)),
            Some(Stage::Committed(_)) => actions.extend([Action::Receive(at), Action::Lose(at)]),
        }
        match instance.look_up {
            None => actions.push(Action::BeginLookUp(at)),
            Some(look_up) if look_up.read.is_some() => actions.push(Action::Land(at)),
            Some(_) => actions.extend(world.store.places().map(|place| Action::Read(at, place))),
        }
    }

    fn of_world(&self, world: &World, actions: &mut Vec<Action>) {
        if world.now < self.ticks {
            actions.push(Action::Tick);
            if self.has(Flaw::ClockStandsStill) {
                actions.extend((0..self.instances).map(Action::StandStill));
            }
        }
        if self.redigests > 0 && !world.store.redigested {
            actions.push(Action::Redigest);
        }
        if world.store.losses() < self.losses && world.store.ends_with(OTHER) {
            actions.push(Action::FailOver);
        }
        match world.verification {
            None if world.answered.is_some() => {
                actions.extend((0..self.instances).map(Action::Verify));
            }
            None => {}
            Some(_) => {
                actions.extend([Action::Continue, Action::Board]);
                actions.extend(world.store.places().map(Action::Ask));
            }
        }
    }

    fn step(&self, world: &mut World, action: Action) -> Option<()> {
        match action {
            Action::Tick => world.now += 1,
            Action::StandStill(at) => {
                world.now += 1;
                world.instances[at].stood_still += 1;
            }
            Action::Change(key) => {
                let change = world.store.begin(key);
                if !self.has(Flaw::NumbersOutOfOrder) {
                    self.commit(world, change);
                }
            }
            Action::Commit(change) => self.commit(world, change),
            Action::Answer(place, how) => world.answer(place, how),
            Action::ReadEarly => world.early = Some(world.store.members.clone()),
            Action::Suspect(place) => {
                // Only heartbeats after this look count.
                world.store.members[place].heartbeats = 0;
                let since = self.maker_believes(world);
                world.silence = Some(Silence { status: world.store.members[place], since });
            }
            Action::Expel(instance) => {
                let heartbeats = world.silence.take().map(|it| it.status.heartbeats);
                let is_alive = |it: &InstanceStatus| {
                    heartbeats.is_some_and(|heartbeats| it.heartbeats != heartbeats)
                };
                world.store.members.retain(|it| it.instance != instance || is_alive(it));
            }
            Action::Redigest => world.store.redigested = true,
            Action::FailOver => world.fail_over(self.maker_now(world)),
            Action::Verify(at) => {
                let now = self.instance_now(world, at);
                world.verification = Some(Verification::begin(world, at, now, self)?);
            }
            Action::Continue => {
                let verification = world.verification?;
                let now = self.instance_now(world, verification.instance());
                world.verification = Some(verification.go_on(world, now)?);
            }
            Action::Board => {
                world.verification = Some(world.verification?.board(world, self.flaw)?);
            }
            Action::Ask(place) => {
                let server = world.store.server(place, self.flaw)?;
                world.verification = Some(world.verification?.ask(world, server, self.flaw)?);
            }
            _ => return self.step_instance(world, action),
        }
        Some(())
    }

    fn step_instance(&self, world: &mut World, action: Action) -> Option<()> {
        let World { store, instances, silence, .. } = world;
        match action {
            Action::Send(at) => {
                let now = self.instance_now(world, at);
                world.instances[at].send(now);
                Some(())
            }
            Action::See(at) => instances[at].see(store, self),
            Action::CommitCall(at) => instances[at].commit(store, silence.is_some(), self.flaw),
            Action::Lose(at) => {
                instances[at].call = None;
                Some(())
            }
            Action::Receive(at) => {
                let now = self.instance_now(world, at);
                world.instances[at].receive(now, self.flaw)
            }
            Action::Apply(at) => instances[at].apply(store.row(), self.flaw),
            Action::BeginLookUp(at) => instances[at].begin_look_up(),
            Action::Read(at, place) => {
                instances[at].read(store.server(place, self.flaw)?, self.flaw)
            }
            Action::Land(at) => instances[at].land(self.flaw),
            _ => None,
        }
    }

    fn commit(&self, world: &mut World, change: ChangeNumber) {
        let now = self.maker_now(world);
        if world.store.commit(change) == KEY {
            world.waiting.push((world.store.row().version, Wait::new(change, now)));
        }
    }

    pub(crate) fn a_tick_before(&self, now: BootTime) -> BootTime {
        BootTime::ZERO.after(now.since(BootTime::ZERO.after(self.tick)))
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.instances)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.verification.is_some_and(|it| it.source().is_some()) {
            return;
        }
        self.of_world(world, actions);
        self.of_makers(world, actions);
        for at in 0..self.instances {
            self.of_instance(world, at, actions);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        self.step(&mut next, action).map(|()| next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let strict = Property::always(STRICT, |_, world: &World| {
            !world.verification.is_some_and(Verification::is_too_old)
        });
        // Chance need not bring all of these about.
        if self.instances > 1 {
            return vec![strict];
        }
        vec![
            strict,
            Property::sometimes(
                "an answer is given because all have applied",
                |_, world: &World| world.answered.is_some_and(|(_, how)| how == How::ByAll),
            ),
            Property::sometimes(
                "an answer is given by time, with an old cache",
                |_, world: &World| world.forgets_too_late(),
            ),
            Property::sometimes(
                "the cache is believed before the change",
                |protocol: &Self, world: &World| {
                    world.store.row().version == 0 && world.caches_before(1, protocol)
                },
            ),
            Property::sometimes("the cache is believed after the answer", |_, world: &World| {
                world.was_told_by(Source::Cache)
            }),
            Property::sometimes("a look-up is joined after the answer", |_, world: &World| {
                world.was_told_by(Source::LookUp)
            }),
            Property::sometimes("a server is asked after the answer", |_, world: &World| {
                world.was_told_by(Source::Server)
            }),
        ]
    }
}

/// What is promised.
pub(crate) const STRICT: &str = "no verification sent after the answer sees what was before";
