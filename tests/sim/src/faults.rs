//! What may go wrong in a run, and how often: its weather.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::random::Random;

/// Everything that is made to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The store never hears of the call.
    LostRequest,
    /// The store does it, and the caller hears of an error.
    LostAnswer,
    /// The call takes long to arrive.
    SlowRequest,
    /// The answer takes long to arrive.
    SlowAnswer,
    /// What was taken reaches its holder when its lease is over.
    ExpiredLease,
    /// A fetch sees nothing though something is there.
    BlindFetch,
    /// A message arrives twice.
    DuplicateDelivery,
    /// A message is seen later than it was sent.
    DelayedVisibility,
    /// The process dies with a call on its way.
    CrashBefore,
    /// The process dies before it hears the answer.
    CrashAfter,
    /// The process dies, wherever it stands.
    CrashAnywhere,
    /// The process is stopped in an orderly way.
    Restart,
    /// The process stands still, and then goes on as if nothing had been.
    Freeze,
    /// The store refuses everybody for a while.
    Outage,
    /// The clock of a process jumps.
    ClockJump,
    /// The clock of the store jumps.
    StoreClockJump,
    /// The store panics in the middle of a call.
    StorePanic,
    /// A message that nobody can read.
    Garbage,
    /// A history that nobody can read.
    CorruptHistory,
}

impl Fault {
    pub(crate) const ALL: [Fault; 19] = [
        Fault::LostRequest,
        Fault::LostAnswer,
        Fault::SlowRequest,
        Fault::SlowAnswer,
        Fault::ExpiredLease,
        Fault::BlindFetch,
        Fault::DuplicateDelivery,
        Fault::DelayedVisibility,
        Fault::CrashBefore,
        Fault::CrashAfter,
        Fault::CrashAnywhere,
        Fault::Restart,
        Fault::Freeze,
        Fault::Outage,
        Fault::ClockJump,
        Fault::StoreClockJump,
        Fault::StorePanic,
        Fault::Garbage,
        Fault::CorruptHistory,
    ];
}

/// Which faults a run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Climate {
    /// None at all: then everything happens exactly once.
    Calm,
    /// Only renewals fail, never twice in a row for one lease: that costs nothing either.
    FlakyRenewals,
    /// Each kind is there or not, rare or frequent.
    Stormy,
}

/// The chances of each fault in one run.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    pub(crate) climate: Climate,
    per_mille: BTreeMap<Fault, u64>,
}

/// What happens to one call.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) before: Option<(Fault, Duration)>,
    pub(crate) instead: Option<Fault>,
    pub(crate) after: Option<(Fault, Duration)>,
}

impl Weather {
    pub(crate) fn new(random: &mut Random) -> Self {
        let climate = match random.below(20) {
            0 => Climate::Calm,
            1 => Climate::FlakyRenewals,
            _ => Climate::Stormy,
        };
        let per_mille = match climate {
            Climate::Calm | Climate::FlakyRenewals => BTreeMap::new(),
            // A fault that is always there hides what happens without it.
            Climate::Stormy => Fault::ALL
                .into_iter()
                .map(|fault| (fault, if random.per_mille(400) { 0 } else { random.pick(&[2, 10, 40, 120]) }))
                .collect(),
        };
        Weather { climate, per_mille }
    }

    pub(crate) fn strikes(&self, fault: Fault, random: &mut Random) -> bool {
        let chance = self.per_mille.get(&fault).copied().unwrap_or(0);
        chance > 0 && random.per_mille(chance)
    }

    /// Whether this run has the fault at all.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.per_mille.get(&fault).is_some_and(|chance| *chance > 0)
    }

    /// Luck of one call. `lease` is how long what it takes is held.
    pub(crate) fn plan(&self, random: &mut Random, lease: Option<Duration>) -> Plan {
        let mut plan = Plan::default();
        if self.strikes(Fault::SlowRequest, random) {
            plan.before = Some((Fault::SlowRequest, delay(random)));
        }
        let instead = [Fault::LostRequest, Fault::LostAnswer, Fault::StorePanic, Fault::CrashBefore, Fault::CrashAfter];
        // Crashes and panics cost a whole process or slot; one in four of what the dice say is enough.
        plan.instead = instead.into_iter().find(|fault| {
            let is_harsh = matches!(fault, Fault::StorePanic | Fault::CrashBefore | Fault::CrashAfter);
            self.strikes(*fault, random) && (!is_harsh || random.per_mille(60))
        });
        if self.strikes(Fault::SlowAnswer, random) {
            plan.after = Some((Fault::SlowAnswer, delay(random)));
        }
        if let Some(lease) = lease
            && self.strikes(Fault::ExpiredLease, random)
        {
            // Exactly at the end, or past it.
            plan.after =
                Some((Fault::ExpiredLease, lease + Duration::from_millis(random.pick(&[0, 0, 1, 700, 20_000]))));
        }
        plan
    }
}

fn delay(random: &mut Random) -> Duration {
    Duration::from_millis(random.pick(&[1, 20, 400, 3_000, 9_000]))
}
