//! What an orchestration of a run does, as plain data: its input, and what the model reads.

use serde::{Deserialize, Serialize};

use crate::random::Random;
use crate::world::TAKEN;

/// The orchestration that runs every program.
pub(crate) const ORCHESTRATION: &str = "Sim";
/// Its versions, oldest first.
pub(crate) const VERSIONS: [&str; 2] = ["1.0.0", "2.0.0"];

/// One orchestration, over all its executions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Program {
    /// What each execution does; between two it continues as new.
    pub(crate) generations: Vec<Vec<Op>>,
    pub(crate) end: End,
    /// What earlier executions said.
    #[serde(default)]
    pub(crate) said: Vec<serde_json::Value>,
}

/// How an orchestration ends when it has done everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    Return,
    Fail,
    Panic,
    /// It waits until it is cancelled.
    Never,
}

/// One thing that an orchestration does and then says how it went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Op {
    Call(Act),
    /// All at once, and all awaited.
    Join(Vec<Op>),
    /// An activity against a timer.
    Race(Act, u64),
    /// An activity that fails `fails` times, tried `attempts` times.
    Retry {
        key: String,
        fails: u32,
        attempts: u32,
        pause_ms: u64,
        on_session: Option<String>,
    },
    /// An activity that hangs, given up after a time.
    Deadline {
        key: String,
        timeout_ms: u64,
    },
    Timer(u64),
    /// A positional event; its payload is its name.
    Event(String),
    Dequeue(String),
    DequeueOrTimer(String, u64),
    Set(String, String),
    Get(String),
    Clear(String),
    /// Forgets key-values by age, as a recorded time decides.
    Prune,
    Status(String),
    Child {
        id: Option<String>,
        version: Option<String>,
        program: Box<Program>,
    },
    /// A child that never ends, against a timer.
    DroppedChild(Box<Program>, u64),
    /// A child that a client cancels.
    CancelledChild {
        id: String,
        program: Box<Program>,
    },
    Detached {
        id: String,
        program: Box<Program>,
    },
    /// A child whose id is taken.
    Collision(String),
    /// A guid, sent through an activity.
    Guid,
}

/// A call of an activity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Act {
    pub(crate) key: String,
    pub(crate) how: How,
    pub(crate) session: Option<String>,
    pub(crate) tag: Option<String>,
}

/// What an activity does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum How {
    Echo,
    Fail,
    Panic,
    Sleep(u64),
    /// Until nobody waits for it any more, and then it stops.
    Hang,
    /// The same, and it does not even stop then.
    HangHard,
}

/// Who is sent what from outside.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    pub(crate) id: String,
    pub(crate) version: Option<&'static str>,
    pub(crate) program: Program,
    /// When it is started, milliseconds into the run.
    pub(crate) start_at_ms: u64,
    pub(crate) cancel_at_ms: Option<u64>,
    /// How often the cancel is sent.
    pub(crate) cancels: u64,
}

/// Makes programs.
pub(crate) struct Generator {
    random: Random,
    next: u64,
}

impl Generator {
    pub(crate) fn new(random: Random) -> Self {
        Generator { random, next: 0 }
    }

    /// Roots of a run.
    pub(crate) fn roots(&mut self, how_many: u64) -> Vec<Root> {
        (0..how_many).map(|number| self.root(number)).collect()
    }

    fn root(&mut self, number: u64) -> Root {
        let id = format!("root-{number}");
        let end = match self.random.below(12) {
            0 => End::Fail,
            1 => End::Panic,
            2 | 3 => End::Never,
            _ => End::Return,
        };
        let generations = self.random.pick(&[1, 1, 1, 2, 3, 4]);
        let program = self.program(generations, 6, 2, true, end);
        let is_cancelled = end == End::Never || self.random.per_mille(120);
        Root {
            version: self.random.pick(&[None, None, Some(VERSIONS[0]), Some(VERSIONS[1])]),
            program,
            start_at_ms: self.random.below(10_000),
            cancel_at_ms: is_cancelled.then(|| self.random.between(100, 60_000)),
            cancels: self.random.pick(&[1, 1, 2, 3]),
            id,
        }
    }

    fn program(&mut self, generations: u64, ops_max: u64, depth: u64, is_root: bool, end: End) -> Program {
        let generations = (0..generations)
            .map(|_| {
                let ops = self.random.between(1, ops_max);
                (0..ops).map(|_| self.op(depth, is_root)).collect()
            })
            .collect();
        Program { generations, end, said: Vec::new() }
    }

    fn key(&mut self, what: &str) -> String {
        self.next += 1;
        format!("{what}{}", self.next)
    }

    fn op(&mut self, depth: u64, is_root: bool) -> Op {
        loop {
            if let Some(op) = self.try_op(depth, is_root) {
                return op;
            }
        }
    }

    /// Nothing when the dice show something that is not for this place.
    fn try_op(&mut self, depth: u64, is_root: bool) -> Option<Op> {
        let kind = self.random.below(24);
        let op = match kind {
            0..=3 => Op::Call(self.act()),
            4 => self.join(depth),
            5 => {
                let how = self.random.pick(&[How::Sleep(500), How::Sleep(5_000), How::Echo, How::Hang, How::HangHard]);
                let act = Act { how, ..self.act() };
                Op::Race(act, self.random.pick(&[0, 400, 5_000, 30_000]))
            }
            6 => {
                let attempts = self.random.between(1, 4) as u32;
                Op::Retry {
                    key: self.key("retry"),
                    fails: self.random.below(4) as u32,
                    attempts,
                    pause_ms: self.random.pick(&[0, 10, 2_000]),
                    on_session: self.session(),
                }
            }
            7 => Op::Deadline { key: self.key("late"), timeout_ms: self.random.between(10, 20_000) },
            8 => Op::Timer(self.random.pick(&[0, 1, 100, 5_000, 60_000])),
            9 | 10 if is_root => Op::Event(self.key("event")),
            11 | 12 if is_root => Op::Dequeue(self.random.pick(&["in", "out"]).to_owned()),
            13 if is_root => Op::DequeueOrTimer(self.random.pick(&["in", "out"]).to_owned(), self.random.below(20_000)),
            14 => {
                let value = self.key("value");
                Op::Set(self.random.pick(&["a", "b"]).to_owned(), value)
            }
            15 => Op::Get(self.random.pick(&["a", "b"]).to_owned()),
            16 => Op::Clear(self.random.pick(&["a", "b"]).to_owned()),
            17 => Op::Prune,
            18 => Op::Status(self.key("status")),
            19 | 20 if depth > 0 => self.child(depth),
            21 if depth > 0 => {
                let program = self.program(1, 2, 0, false, End::Never);
                Op::DroppedChild(Box::new(program), self.random.between(1, 8_000))
            }
            22 if depth > 0 && is_root && self.random.per_mille(500) => {
                let program = self.program(1, 2, 0, false, End::Never);
                Op::CancelledChild { id: self.key("doomed-"), program: Box::new(program) }
            }
            22 if depth > 0 => {
                let program = self.program(1, 2, 0, false, End::Return);
                Op::Detached { id: self.key("detached-"), program: Box::new(program) }
            }
            23 if self.random.per_mille(400) => Op::Collision(TAKEN.to_owned()),
            23 => Op::Guid,
            _ => return None,
        };
        Some(op)
    }

    fn join(&mut self, depth: u64) -> Op {
        let branches = self.random.between(2, 5);
        let branch = |generator: &mut Self| match generator.random.below(6) {
            0 => Op::Timer(generator.random.below(3_000)),
            1 if depth > 0 => generator.child(1),
            _ => Op::Call(generator.act()),
        };
        Op::Join((0..branches).map(|_| branch(self)).collect())
    }

    fn child(&mut self, depth: u64) -> Op {
        let end = self.random.pick(&[End::Return, End::Return, End::Return, End::Fail, End::Panic]);
        let generations = self.random.pick(&[1, 1, 2]);
        let program = self.program(generations, 3, depth - 1, false, end);
        let id = self.random.per_mille(250).then(|| self.key("child-"));
        let version = self.random.pick(&[None, None, Some(VERSIONS[0]), Some(VERSIONS[1])]);
        Op::Child { id, version: version.map(str::to_owned), program: Box::new(program) }
    }

    fn session(&mut self) -> Option<String> {
        self.random.per_mille(250).then(|| self.random.pick(&["s1", "s2", "s3"]).to_owned())
    }

    fn act(&mut self) -> Act {
        let how = match self.random.below(16) {
            0 | 1 => How::Fail,
            2 => How::Panic,
            3..=6 => How::Sleep(self.random.pick(&[1, 300, 3_000, 12_000, 50_000])),
            _ => How::Echo,
        };
        let tag = self.random.per_mille(100).then(|| "gpu".to_owned());
        Act { key: self.key("act"), how, session: self.session(), tag }
    }
}

impl Program {
    /// Every operation of the program itself, not of its children.
    pub(crate) fn ops(&self) -> impl Iterator<Item = &Op> {
        self.generations.iter().flatten().flat_map(|op| match op {
            Op::Join(branches) => branches.iter().collect(),
            other => vec![other],
        })
    }

    /// How many messages each queue must get for the program to end for certain.
    pub(crate) fn messages(&self, queue: &str) -> usize {
        let reads = self.ops().filter(|op| match op {
            Op::Dequeue(name) | Op::DequeueOrTimer(name, _) => name == queue,
            _ => false,
        });
        reads.count()
    }

    /// Positional events, in the order in which they are waited for.
    pub(crate) fn events(&self) -> Vec<String> {
        let events = self.ops().filter_map(|op| match op {
            Op::Event(name) => Some(name.clone()),
            _ => None,
        });
        events.collect()
    }

    /// Children that are cancelled from outside.
    pub(crate) fn doomed(&self) -> Vec<String> {
        let doomed = self.ops().filter_map(|op| match op {
            Op::CancelledChild { id, .. } => Some(id.clone()),
            _ => None,
        });
        doomed.collect()
    }

    /// Orchestrations that it starts and does not wait for, with their programs, children's included.
    pub(crate) fn detached(&self) -> Vec<(String, Program)> {
        let mut found = Vec::new();
        for op in self.ops() {
            match op {
                Op::Detached { id, program } => {
                    found.push((id.clone(), (**program).clone()));
                    found.extend(program.detached());
                }
                Op::Child { program, .. } => found.extend(program.detached()),
                _ => {}
            }
        }
        found
    }
}
