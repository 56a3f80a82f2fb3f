use latchkey_domain::BootTime;
use latchkey_domain::ports::InstanceStatus;
use latchkey_verifier::protocol::{Silence, Takeover, Wait};

use crate::instance::{Instance, Stage};
use crate::protocol::Protocol;
use crate::store::Store;
use crate::verification::{Source, Verification};

/// A state of everything that the protocol deals with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) now: u32,
    pub(crate) store: Store,
    pub(crate) instances: Vec<Instance>,
    /// Changes of the key whose answers are held back, with the version that they made.
    pub(crate) waiting: Vec<(u8, Wait)>,
    /// The latest version that an answer has told of, and how it came to be given.
    pub(crate) answered: Option<(u8, How)>,
    pub(crate) silence: Option<Silence>,
    pub(crate) takeover: Takeover,
    /// A list of instances that was read before the key was changed.
    pub(crate) early: Option<Vec<InstanceStatus>>,
    pub(crate) verification: Option<Verification>,
}

/// Why the answer to a change was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum How {
    ByAll,
    ByTime,
}

impl World {
    pub(crate) fn new(instances: usize) -> Self {
        Self {
            now: 0,
            store: Store::default(),
            instances: vec![Instance::new(); instances],
            waiting: Vec::new(),
            answered: None,
            silence: None,
            takeover: Takeover::default(),
            early: None,
            verification: None,
        }
    }

    /// The list as the maker of a change sees it, who is in the process of the first instance.
    pub(crate) fn list(&self) -> Vec<InstanceStatus> {
        if let Some(early) = &self.early {
            return early.clone();
        }
        let own = &self.instances[0];
        let seen = self.store.members.iter().map(|it| match own.standing() {
            Some(applied) if own.membership.instance() == Some(it.instance) => {
                InstanceStatus { applied: applied.max(it.applied), ..*it }
            }
            _ => *it,
        });
        seen.collect()
    }

    pub(crate) fn answer(&mut self, place: usize, how: How) {
        let (version, _) = self.waiting.remove(place);
        if self.answered.is_none_or(|(answered, _)| answered < version) {
            self.answered = Some((version, how));
        }
    }

    /// Calls that see the database that is lost are lost with it. Who makes changes on the one that
    /// takes over has noticed it.
    pub(crate) fn fail_over(&mut self, now: BootTime) {
        self.store.fail_over();
        self.takeover.note(self.store.losses().into(), now);
        for instance in &mut self.instances {
            if instance.call.as_ref().is_some_and(|it| matches!(it.stage, Stage::Seen(_))) {
                instance.call = None;
            }
        }
    }

    /// Whether an instance would answer by a row of before `version`, from the cache, now.
    pub(crate) fn caches_before(&self, version: u8, protocol: &Protocol) -> bool {
        let mut instances = self.instances.iter().enumerate();
        instances.any(|(at, it)| {
            it.freshness.covers(protocol.instance_now(self, at))
                && it.cached().is_some_and(|row| row.version < version)
        })
    }

    pub(crate) fn forgets_too_late(&self) -> bool {
        let answered = self.answered.filter(|(_, how)| *how == How::ByTime);
        answered.is_some_and(|(version, _)| {
            let known = self.instances.iter().filter_map(Instance::cached);
            known.into_iter().any(|row| row.version < version)
        })
    }

    pub(crate) fn was_told_by(&self, source: Source) -> bool {
        self.verification.is_some_and(|it| it.source() == Some(source))
    }
}
