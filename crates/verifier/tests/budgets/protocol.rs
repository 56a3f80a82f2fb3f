use std::time::Duration;

use latchkey_domain::BootTime;
use stateright::{Model, Property};

use crate::flaw::Flaw;
use crate::instance::{Instance, Stage};
use crate::store::{Store, Time};

/// One budget in its world, with the bounds within which all of it is explored.
#[derive(Debug, Clone)]
pub(crate) struct Protocol {
    pub(crate) instances: usize,
    pub(crate) limit: u64,
    /// What an instance asks for.
    pub(crate) slice: u64,
    /// For each instance.
    pub(crate) statements: u8,
    /// Statements that nobody waits for any more, of each instance.
    pub(crate) late: usize,
    pub(crate) removals: u8,
    /// How often a process ends and another takes its place.
    pub(crate) restarts: u8,
    /// How often an instance forgets the budget and takes it up again.
    pub(crate) forgets: u8,
    pub(crate) top_ups: u8,
    /// Verifications that may be refused after they were charged.
    pub(crate) refusals: u8,
    pub(crate) windows: Option<Windows>,
    pub(crate) flaw: Option<Flaw>,
}

/// A budget that begins again with each period.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    pub(crate) ticks: u32,
    /// Of a tick each.
    pub(crate) period: u32,
    /// How fast the clocks of the database and of the instances run, in percent.
    pub(crate) rates: [u32; 2],
}

const TICK: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    now: u32,
    store: Store,
    instances: Vec<Instance>,
    /// In each period.
    spent: Vec<u64>,
    removals: u8,
    restarts: u8,
    forgets: u8,
    top_ups: u8,
    refusals: u8,
    /// An instance that is off the list went on with what it held.
    spent_off_the_list: bool,
    /// What one gave back, another spent.
    spent_again: bool,
    /// Somebody gave something back.
    gave_back: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Tick,
    Send(usize),
    LetGo(usize),
    Run(usize),
    RunLate(usize),
    Lose(usize),
    Receive(usize),
    Spend(usize),
    Charge(usize),
    Refuse(usize),
    Remove(usize),
    ComeBack(usize),
    StartAgain(usize),
    Forget(usize),
    TopUp,
}

impl Protocol {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn instance_now(&self, world: &World) -> BootTime {
        let rate = self.windows.map_or(100, |it| it.rates[1]);
        BootTime::ZERO.after(TICK * world.now * rate / 100)
    }

    /// What the database's clock says, which is what counts.
    fn time(&self, world: &World) -> Time {
        let Some(Windows { period, rates: [rate, _], .. }) = self.windows else {
            return Time { period: 0, rest: None };
        };
        let (clock, length) = (TICK * world.now * rate / 100, TICK * period);
        let number = clock.as_nanos() / length.as_nanos();
        let number = u32::try_from(number).expect("a handful");
        Time { period: number.into(), rest: Some((length * (number + 1)).saturating_sub(clock)) }
    }

    /// The time by which a statement of an instance is run.
    fn time_of_statement(&self, world: &World) -> Time {
        let time = self.time(world);
        match self.windows {
            Some(Windows { period, .. }) if self.has(Flaw::PeriodOfInstance) => {
                let own = self.instance_now(world).since(BootTime::ZERO).as_nanos();
                let length = (TICK * period).as_nanos();
                Time { period: u64::try_from(own / length).expect("a handful"), ..time }
            }
            _ => time,
        }
    }

    fn of_instance(&self, world: &World, at: usize, actions: &mut Vec<Action>) {
        let instance = &world.instances[at];
        let is_listed = world.store.has_listed(instance.registration);
        match instance.call.map(|call| call.stage) {
            None if instance.statements < self.statements => {
                actions.push(Action::Send(at));
                if instance.hand.held() > 0 {
                    actions.push(Action::LetGo(at));
                }
            }
            None => {}
            Some(Stage::Run(_)) => actions.extend([Action::Receive(at), Action::Lose(at)]),
            Some(Stage::Sent) => {
                actions.push(Action::Run(at));
                if instance.late.len() < self.late {
                    actions.push(Action::Lose(at));
                }
            }
        }
        if !instance.late.is_empty() {
            actions.push(Action::RunLate(at));
        }
        if instance.hand.held() > 0 {
            actions.push(Action::Spend(at));
            if world.refusals < self.refusals && instance.charged.is_none() {
                actions.push(Action::Charge(at));
            }
        }
        if instance.charged.is_some() {
            actions.push(Action::Refuse(at));
        }
        if is_listed && world.removals < self.removals {
            actions.push(Action::Remove(at));
        }
        if !is_listed && instance.call.is_none() {
            actions.push(Action::ComeBack(at));
        }
        if is_listed && instance.call.is_none() && world.restarts < self.restarts {
            actions.push(Action::StartAgain(at));
        }
        if world.forgets < self.forgets && instance.late.len() < self.late {
            actions.push(Action::Forget(at));
        }
    }

    fn step(&self, world: &mut World, action: Action) -> Option<()> {
        let (now, flaw) = (self.instance_now(world), self.flaw);
        let time = self.time_of_statement(world);
        match action {
            Action::Tick => world.now += 1,
            Action::TopUp => world.top_ups += u8::from(world.store.top_up(flaw)),
            Action::Send(at) => world.instances[at].send(self.slice, now),
            Action::LetGo(at) => {
                world.instances[at].let_go(now, flaw);
                world.gave_back = true;
            }
            Action::Run(at) => world.instances[at].run(&mut world.store, time, flaw)?,
            Action::RunLate(at) => world.instances[at].run_late(&mut world.store, time, flaw),
            Action::Lose(at) => world.instances[at].lose(flaw),
            Action::Receive(at) => {
                if world.instances[at].receive(now, flaw)? {
                    let registration = world.store.register();
                    world.instances[at].come_back(registration);
                }
            }
            Action::Spend(at) => self.spend(world, at)?,
            Action::Charge(at) => {
                let spent = world.instances[at].hand.spend(1, now).ok()?;
                world.instances[at].charged = Some(spent);
                world.refusals += 1;
            }
            Action::Refuse(at) => world.instances[at].refuse(flaw)?,
            Action::Remove(at) => {
                world.removals += 1;
                world.store.remove(world.instances[at].registration, flaw);
            }
            Action::ComeBack(at) => {
                let registration = world.store.register();
                world.instances[at].come_back(registration);
            }
            Action::Forget(at) => {
                world.forgets += 1;
                world.instances[at].forget();
            }
            Action::StartAgain(at) => {
                world.restarts += 1;
                let before = world.instances[at].registration;
                let registration = if self.has(Flaw::ShareSurvives) {
                    world.store.rename(before)
                } else {
                    world.store.remove(before, flaw);
                    world.store.register()
                };
                world.instances[at].start_again(registration);
            }
        }
        Some(())
    }

    fn spend(&self, world: &mut World, at: usize) -> Option<()> {
        let period = usize::try_from(self.time(world).period).expect("a handful");
        let _kept = world.instances[at].hand.spend(1, self.instance_now(world)).ok()?;
        if world.spent.len() <= period {
            world.spent.resize(period + 1, 0);
        }
        world.spent[period] += 1;
        world.spent_off_the_list |= !world.store.has_listed(world.instances[at].registration);
        world.spent_again |= world.gave_back && world.spent[period] == world.store.limit;
        Some(())
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let mut store = Store::new(self.limit);
        let instances = (0..self.instances).map(|_| Instance::new(store.register())).collect();
        vec![World {
            now: 0,
            store,
            instances,
            spent: Vec::new(),
            removals: 0,
            restarts: 0,
            forgets: 0,
            top_ups: 0,
            refusals: 0,
            spent_off_the_list: false,
            spent_again: false,
            gave_back: false,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if self.windows.is_some_and(|it| world.now < it.ticks) {
            actions.push(Action::Tick);
        }
        if world.top_ups < self.top_ups {
            actions.push(Action::TopUp);
        }
        for at in 0..self.instances {
            self.of_instance(world, at, actions);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        self.step(&mut next, action).map(|()| next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all = vec![
            Property::always(BUDGET, |_, world: &World| {
                world.spent.iter().all(|spent| *spent <= world.store.limit)
            }),
            Property::sometimes("all of a budget is spent", |_, world: &World| {
                world.spent.contains(&world.store.limit)
            }),
            Property::sometimes("what was given back is spent", |_, world: &World| {
                world.spent_again
            }),
        ];
        if self.removals > 0 {
            all.push(Property::sometimes(
                "what is held off the list is spent",
                |_, world: &World| world.spent_off_the_list,
            ));
        }
        if self.windows.is_some() {
            all.push(Property::sometimes("two periods are spent", |_, world: &World| {
                world.spent.iter().filter(|spent| **spent == world.store.limit).count() > 1
            }));
        }
        all
    }
}

/// What is promised.
pub(crate) const BUDGET: &str = "never more is spent than was granted";
