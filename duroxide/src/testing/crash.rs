//! Every point where a process can die, and the demand that none of them changes the outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::Harness;
use super::answers::{Task, panic_text};
use crate::dispatch::verdict::Head;
use crate::model::status::OrchestrationStatus;

/// A point where the process could die.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point {
    what: String,
    /// Instance, execution, and the events stored or the event meant: the same point has the same place in every run.
    place: (String, u64, u64),
    moment: Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    TurnRun,
    TurnStored,
    ActivityTaken,
    ActivityRan,
    ActivityAnswered,
}

impl Point {
    /// A turn was run; it is stored, or not yet.
    pub(super) fn turn(head: &Head, events: usize, stored: bool) -> Self {
        let place = (head.instance.clone(), head.execution_id, events as u64);
        let moment = if stored { Moment::TurnStored } else { Moment::TurnRun };
        Point { what: head.name.clone(), place, moment }
    }

    pub(super) fn taken(task: &Task) -> Self {
        Point::activity(task, Moment::ActivityTaken)
    }

    pub(super) fn ran(task: &Task) -> Self {
        Point::activity(task, Moment::ActivityRan)
    }

    pub(super) fn answered(task: &Task) -> Self {
        Point::activity(task, Moment::ActivityAnswered)
    }

    fn activity(task: &Task, moment: Moment) -> Self {
        Point { what: task.name.clone(), place: (task.instance.clone(), task.execution_id, task.id), moment }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Point { what, place: (instance, execution, at), moment } = self;
        let turn = format!("the turn of `{what}` after event {at} (instance `{instance}`, execution {execution})");
        let activity = format!("activity `{what}` (instance `{instance}`, execution {execution}, event {at})");
        match moment {
            Moment::TurnRun => write!(f, "{turn} was run and not stored"),
            Moment::TurnStored => write!(f, "{turn} was stored"),
            Moment::ActivityTaken => write!(f, "{activity} was taken and not run"),
            Moment::ActivityRan => write!(f, "{activity} had run and its answer was not stored"),
            Moment::ActivityAnswered => write!(f, "the answer of {activity} was stored"),
        }
    }
}

/// When the process is made to die.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Plan {
    #[default]
    Never,
    /// At the point of this number.
    At(usize),
    /// At every point, once each.
    Everywhere,
}

/// The points that a run has passed, and where it dies.
#[derive(Default)]
pub(super) struct Crashes {
    plan: Plan,
    passed: Vec<Point>,
    died_at: BTreeSet<Point>,
}

impl Crashes {
    /// Whether the process dies at this point.
    pub(super) fn passing(&mut self, point: Point) -> bool {
        let dies = match self.plan {
            Plan::Never => false,
            Plan::At(number) => self.passed.len() == number,
            Plan::Everywhere => !self.died_at.contains(&point),
        };
        if dies {
            self.died_at.insert(point.clone());
        }
        self.passed.push(point);
        dies
    }
}

/// What a run came to.
#[derive(PartialEq)]
struct Came<T> {
    to: T,
    /// How each instance stands.
    ends: BTreeMap<String, OrchestrationStatus>,
}

/// Runs a scenario once for every point where the process could die, and once more dying at all of them, and demands
/// the same outcome each time. Returns how many points there are.
///
/// The process dies after a turn was run and before it is stored, after it is stored, before an activity runs, after
/// it ran and before its answer is stored, and after that. Whatever was in memory is gone then; turns are run again
/// from history, and activities that were not answered run again: mocks answer as they did before, as idempotent
/// activities do, and registered activities really run twice. No time passes while the process is down.
///
/// The outcome is what the scenario returns and how every instance ended. Assertions inside the scenario hold in each
/// run. What lives outside of the scenario is not reset between runs, so make counters and mocks inside.
///
/// ```
/// use duroxide::testing::{Harness, crash_everywhere};
/// # use duroxide::{OrchestrationContext, activity, orchestration};
/// # #[activity]
/// # async fn reserve(item: String) -> Result<u64, String> { Ok(item.len() as u64) }
/// # #[orchestration]
/// # async fn order(ctx: OrchestrationContext, item: String) -> Result<u64, String> {
/// #     Ok(reserve::call(&ctx, item).await?)
/// # }
/// let points = crash_everywhere(|harness| {
///     harness.mock::<reserve>(|item: String| Ok(item.len() as u64));
///     harness.run::<order>("tea".to_owned()).unwrap()
/// });
/// assert_eq!(points, 7);
/// ```
/// # Panics
/// When an outcome differs, or the scenario panics; the message says where the process had died.
pub fn crash_everywhere<T: PartialEq + Debug>(scenario: impl Fn(&mut Harness) -> T) -> usize {
    let (expected, passed) = run(&scenario, Plan::Never).unwrap_or_else(|panic| resume_unwind(panic));
    let plans = (0..passed.len()).map(Plan::At).chain([Plan::Everywhere]);
    for plan in plans {
        let place = match &plan {
            Plan::At(number) => format!("when {} (point {} of {})", passed[*number], number + 1, passed.len()),
            Plan::Never | Plan::Everywhere => format!("at each of {} points", passed.len()),
        };
        match run(&scenario, plan) {
            Ok((came, _)) if came == expected => {}
            Ok((came, _)) => panic!("{}", changed(&expected, &came, &place)),
            Err(panic) => panic!("the process died {place}, and then: {}", panic_text(&*panic)),
        }
    }
    passed.len()
}

type Ran<T> = std::thread::Result<(Came<T>, Vec<Point>)>;

fn run<T>(scenario: &impl Fn(&mut Harness) -> T, plan: Plan) -> Ran<T> {
    let mut harness = Harness::dying(Crashes { plan, ..Crashes::default() });
    let to = catch_unwind(AssertUnwindSafe(|| scenario(&mut harness)))?;
    let ends = harness.world.ends();
    Ok((Came { to, ends }, std::mem::take(&mut harness.world.crashes.passed)))
}

fn changed<T: PartialEq + Debug>(expected: &Came<T>, came: &Came<T>, place: &str) -> String {
    let (mut without, mut with) = (format!("{:?}", expected.to), format!("{:?}", came.to));
    if expected.to == came.to {
        let differs = |(id, end): &(&String, &OrchestrationStatus)| came.ends.get(*id) != Some(*end);
        let id = expected.ends.iter().find(differs).map(|(id, _)| id).or_else(|| came.ends.keys().next_back());
        let shown = |ends: &BTreeMap<String, OrchestrationStatus>| {
            id.map(|id| format!("instance `{id}`: {:?}", ends.get(id))).unwrap_or_default()
        };
        (without, with) = (shown(&expected.ends), shown(&came.ends));
    }
    format!(
        "a crash changes the outcome: the process died {place}\n  without the crash: {without}\n  with it:           {with}"
    )
}
