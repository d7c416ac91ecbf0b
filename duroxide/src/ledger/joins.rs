//! Which children of a join must be polled: those whose answers changed.
//!
//! A request that is polled in vain by a child of a join notes the child's seat. When its answer comes, the seat is
//! called, and so are the seats of the joins around it. A join then polls the children that were called, in the order
//! of arguments; the others would only say again that they wait. So a fan-in of thousands costs one poll for each
//! answer.

use super::ascending::Ascending;

/// One child of one join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    join: u32,
    child: u32,
}

/// What happened so far, counted; two counts tell what a poll in between did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signs {
    /// Polls in vain of something that will call the seat, less what was dropped since.
    waits: i64,
    /// Polls in vain of something that has to be polled again whatever comes.
    restless: u64,
}

impl Signs {
    /// Whether nothing that was polled since `before` can be relied upon to call.
    fn are_restless_since(self, before: Signs) -> bool {
        self.waits <= before.waits || self.restless > before.restless
    }
}

/// All joins of an execution that have been polled and are not over.
#[derive(Debug, Default)]
pub(crate) struct Joins {
    open: Ascending<Table>,
    last: u32,
    /// The seat of the child that is being polled.
    current: Option<Seat>,
    signs: Signs,
}

#[derive(Debug, Default)]
struct Table {
    /// Where the join itself sits.
    within: Option<Seat>,
    /// Children to be polled in this round, ascending; those before `at` were.
    round: Vec<u32>,
    at: usize,
    /// Children to be polled in the next round, in any order.
    due: Vec<u32>,
}

impl Table {
    /// Children that are called behind the one that is being polled have their turn in this round.
    fn call(&mut self, child: u32) {
        let is_ahead = self.at > 0 && child > self.round[self.at - 1];
        if !is_ahead {
            self.due.push(child);
        } else if let Err(place) = self.round[self.at..].binary_search(&child) {
            self.round.insert(self.at + place, child);
        }
    }
}

impl Joins {
    /// A join is polled for the first time: all its children are due.
    pub(crate) fn open(&mut self, children: usize) -> u32 {
        self.last += 1;
        let due = (0..u32::try_from(children).unwrap_or(u32::MAX)).collect();
        self.open.insert(u64::from(self.last), Table { due, ..Table::default() });
        self.last
    }

    /// A join is over, or was dropped.
    pub(crate) fn close(&mut self, join: u32) {
        self.open.remove(u64::from(join));
        self.leave();
    }

    /// A join begins a round. Returns the seat it sits on itself, to be given back to [`end`](Self::end).
    pub(crate) fn begin(&mut self, join: u32) -> Option<Seat> {
        let within = self.current;
        if let Some(table) = self.open.get_mut(u64::from(join)) {
            table.within = within;
            table.round.clear();
            std::mem::swap(&mut table.round, &mut table.due);
            table.round.sort_unstable();
            table.round.dedup();
            table.at = 0;
        }
        within
    }

    /// The next child to be polled in this round, and the signs before it is.
    pub(crate) fn next(&mut self, join: u32) -> Option<(usize, Signs)> {
        let table = self.open.get_mut(u64::from(join))?;
        let child = *table.round.get(table.at)?;
        table.at += 1;
        self.current = Some(Seat { join, child });
        Some((child as usize, self.signs))
    }

    /// The child that was polled waits. It is polled again when it is called, or in any case if nothing in it would
    /// call.
    pub(crate) fn wait(&mut self, before: Signs, is_foreign: bool) {
        if (is_foreign || self.signs.are_restless_since(before))
            && let Some(Seat { join, child }) = self.current
            && let Some(table) = self.open.get_mut(u64::from(join))
        {
            table.due.push(child);
        }
    }

    /// The round is over: whoever polls the join has its seat back.
    pub(crate) fn end(&mut self, join: u32, within: Option<Seat>) {
        self.current = within;
        if let Some(table) = self.open.get_mut(u64::from(join)) {
            // A round that broke off leaves the rest to the next.
            let left = table.round.split_off(table.at);
            table.due.extend(left);
            table.at = 0;
        }
    }

    /// A join waits: it calls its own seat when one of its children is called, and is restless as they are.
    pub(crate) fn rest(&mut self, join: u32) {
        self.signs.waits += 1;
        if self.open.get(u64::from(join)).is_some_and(|table| !table.due.is_empty()) {
            self.signs.restless += 1;
        }
    }

    /// The seat of the child that is being polled: to be called when an answer is there that it asks for in vain.
    pub(super) fn seat(&self) -> Option<Seat> {
        self.current
    }

    /// A request was polled in vain.
    pub(super) fn sit(&mut self) {
        self.signs.waits += 1;
    }

    /// What may have been polled in vain is gone, and calls nobody. If it was never counted, a child is polled once
    /// more than it need be.
    pub(super) fn leave(&mut self) {
        self.signs.waits -= 1;
    }

    /// Something changed for whoever sits there.
    pub(super) fn call(&mut self, seat: Option<Seat>) {
        let mut next = seat;
        while let Some(Seat { join, child }) = next {
            let Some(table) = self.open.get_mut(u64::from(join)) else {
                return;
            };
            table.call(child);
            next = table.within;
        }
    }
}
