use std::collections::VecDeque;

use latchkey_domain::ports::{News, Position, Registration};
use latchkey_domain::{BootTime, ChangeNumber};
use latchkey_verifier::freshness::{Fill, Freshness, Stamp};
use latchkey_verifier::protocol::{Effect, Membership, Request};

use crate::flaw::Flaw;
use crate::number::Number;
use crate::protocol::Protocol;
use crate::store::{KEY, Row, Server, Store};

/// An instance that verifies from the cache.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Instance {
    pub(crate) freshness: Freshness<Number>,
    pub(crate) membership: Membership,
    pub(crate) call: Option<Call>,
    /// What a look-up has to show.
    pub(crate) required: Option<Position>,
    /// What follows from the last answer and is not done yet.
    pub(crate) effects: VecDeque<Effect>,
    /// What is cached of [`KEY`].
    pub(crate) cache: Option<Cached>,
    /// The look-up of [`KEY`] that is under way.
    pub(crate) look_up: Option<LookUp>,
    /// For how many ticks its clock has stood still.
    pub(crate) stood_still: u32,
    /// The row by whose restrictions [`KEY`] is judged from then on, with [`Flaw::RestrictionsSurvive`].
    restricted_by: Option<Row>,
}

/// A registration or a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    sent: BootTime,
    pub(crate) stage: Stage,
}

/// How far a call is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    Sent,
    /// Its statement has its snapshot.
    Seen(Answer),
    /// It is committed; the answer is on its way.
    Committed(Answer),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Registered(Registration),
    Heartbeat(Option<News>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Cached {
    stamp: Stamp,
    pub(crate) row: Row,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LookUp {
    fill: Fill,
    required: Option<Position>,
    pub(crate) read: Option<Row>,
}

impl Instance {
    pub(crate) fn new() -> Self {
        Self {
            freshness: Freshness::with_buckets(2),
            membership: Membership::default(),
            call: None,
            required: None,
            effects: VecDeque::new(),
            cache: None,
            look_up: None,
            stood_still: 0,
            restricted_by: None,
        }
    }

    /// What the maker of a change in the same process knows to be applied here.
    pub(crate) fn standing(&self) -> Option<ChangeNumber> {
        self.membership.applied().filter(|_| self.effects.is_empty())
    }

    /// What a verification finds in the cache.
    pub(crate) fn cached(&self) -> Option<Row> {
        self.cache.filter(|it| self.freshness.holds(it.stamp)).map(|it| it.row)
    }

    /// What a verification is told by the look-up that it joins, if that has read the row already.
    pub(crate) fn board(&self, flaw: Option<Flaw>) -> Option<Row> {
        let look_up = self.look_up?;
        let joins = look_up.fill == self.freshness.begin_fill() || flaw == Some(Flaw::AnyFlight);
        look_up.read.filter(|_| joins)
    }

    pub(crate) fn send(&mut self, now: BootTime) {
        self.call = Some(Call { sent: now, stage: Stage::Sent });
    }

    /// The statement of the call sees the store.
    pub(crate) fn see(&mut self, store: &mut Store, protocol: &Protocol) -> Option<()> {
        let call = self.call.as_mut().filter(|it| it.stage == Stage::Sent)?;
        call.stage = Stage::Seen(match self.membership.next() {
            Request::Register => Answer::Registered(store.see_registration()),
            Request::Heartbeat(known) => {
                let mut news = store.see_heartbeat(known.position, protocol.page);
                match (&mut news, protocol.flaw) {
                    (Some(news), Some(Flaw::PageIsAll)) => {
                        (news.position, news.more) = (store.position(), false);
                    }
                    (Some(news), Some(Flaw::NarrowingUntold)) => news.changed.clear(),
                    _ => {}
                }
                Answer::Heartbeat(news)
            }
        });
        Some(())
    }

    pub(crate) fn commit(
        &mut self,
        store: &mut Store,
        counted: bool,
        flaw: Option<Flaw>,
    ) -> Option<()> {
        let call = self.call.as_mut()?;
        let Stage::Seen(answer) = call.stage.clone() else { return None };
        let answer = match (answer, self.membership.next()) {
            (Answer::Registered(registration), _) => {
                store.commit_registration(registration);
                Answer::Registered(registration)
            }
            (Answer::Heartbeat(news), Request::Heartbeat(known)) => {
                let applied = match &news {
                    Some(news) if flaw == Some(Flaw::AckBeforeApply) => Some(news.position.change),
                    Some(_) => Some(known.position.change),
                    None => None,
                };
                let is_listed = store.commit_heartbeat(known.instance, applied, counted);
                Answer::Heartbeat(news.filter(|_| is_listed))
            }
            (Answer::Heartbeat(_), Request::Register) => return None,
        };
        call.stage = Stage::Committed(answer);
        Some(())
    }

    pub(crate) fn receive(&mut self, now: BootTime, flaw: Option<Flaw>) -> Option<()> {
        let Call { sent, stage: Stage::Committed(answer) } = self.call.take()? else { return None };
        let sent = if flaw == Some(Flaw::LeaseFromReceipt) { now } else { sent };
        self.effects = match answer {
            Answer::Registered(registration) => self.membership.registered(registration),
            Answer::Heartbeat(mut news) => {
                if let (Some(news), Some(Flaw::PageExtends)) = (&mut news, flaw) {
                    news.more = false;
                }
                self.membership.answered(sent, news)
            }
        }
        .into();
        match self.effects.back() {
            Some(Effect::Extend(_)) if flaw == Some(Flaw::ExtendBeforeVoid) => {
                self.effects.rotate_right(1);
            }
            Some(Effect::Extend(_)) if flaw == Some(Flaw::FenceAfterVoid) => {
                let fence = self.effects.iter().position(|it| matches!(it, Effect::Require(_)))?;
                let fence = self.effects.remove(fence)?;
                self.effects.insert(self.effects.len() - 1, fence);
            }
            Some(Effect::Extend(_)) if flaw == Some(Flaw::EndlessLease) => {
                self.effects.pop_back();
                self.effects.push_back(Effect::Extend(BootTime::MAX));
            }
            _ => {}
        }
        Some(())
    }

    /// One of the effects of the last answer.
    pub(crate) fn apply(&mut self, row: Row, flaw: Option<Flaw>) -> Option<()> {
        let known = self.cache;
        match self.effects.pop_front()? {
            Effect::EndLease => self.freshness.end_lease(),
            Effect::Extend(end) => self.freshness.extend(end),
            Effect::Require(position) => self.required = Some(position),
            Effect::VoidAll => {
                self.freshness.void_all();
                match flaw {
                    Some(Flaw::FillSurvivesRegistration) => self.renew_fill(),
                    Some(Flaw::CacheSurvivesRegistration) => self.renew_cached(),
                    _ => {}
                }
            }
            Effect::Void(key) => {
                self.freshness.void(key);
                let is_missed = known.is_some_and(|it| it.row.redigested != row.redigested);
                if flaw == Some(Flaw::VoidByDigest) && is_missed {
                    self.renew_cached();
                }
            }
        }
        // What is void stays void.
        self.cache = self.cache.filter(|it| self.freshness.holds(it.stamp));
        Some(())
    }

    pub(crate) fn begin_look_up(&mut self) -> Option<()> {
        let begun =
            LookUp { fill: self.freshness.begin_fill(), required: self.required, read: None };
        self.look_up.is_none().then(|| self.look_up = Some(begun))
    }

    /// A server answers, which is believed if it shows what it has to.
    pub(crate) fn read(&mut self, server: Server, flaw: Option<Flaw>) -> Option<()> {
        let look_up = self.look_up.as_mut().filter(|it| it.read.is_none())?;
        look_up.read = Some(server.believed(look_up.required, flaw)?);
        Some(())
    }

    /// Caches what was read, if it may.
    pub(crate) fn land(&mut self, flaw: Option<Flaw>) -> Option<()> {
        let row = self.look_up?.read?;
        if flaw == Some(Flaw::LateFillIsStored) {
            self.renew_fill();
        }
        let row = match flaw {
            Some(Flaw::RestrictionsSurvive) => *self.restricted_by.get_or_insert(row),
            _ => row,
        };
        let LookUp { fill, .. } = self.look_up.take()?;
        if let Some(stamp) = self.freshness.stamp(fill, KEY) {
            self.cache = Some(Cached { stamp, row });
        }
        Some(())
    }

    fn renew_fill(&mut self) {
        if let Some(look_up) = &mut self.look_up {
            look_up.fill = self.freshness.begin_fill();
        }
    }

    fn renew_cached(&mut self) {
        if let Some(cached) = &mut self.cache
            && let Some(stamp) = self.freshness.stamp(self.freshness.begin_fill(), KEY)
        {
            cached.stamp = stamp;
        }
    }
}
