//! Counters and histograms of orchestration code: recorded once, however often the code is replayed.

use super::orchestration::OrchestrationContext;
use crate::ledger::Identity;
use crate::ledger::measures::Kept;
use crate::model::measure::{Figure, MEASURES_PER_TURN_MAX, Measure, measurable};

/// Metrics. What is measured goes to whatever recorder the program installed behind the
/// [`metrics`](https://docs.rs/metrics) facade, when the turn that measured it was committed, and never again: not in
/// a replay, not after a restart, and not by a turn whose commit was lost and that is run again. A process that dies
/// between the commit and the recording loses the figures of that turn, and so does a store whose answer is lost for good;
/// none is recorded twice.
///
/// Names, labels and their values are texts of the program, so that there are only as many series as somebody wrote
/// down; ids belong into logs and traces. The names are those of Prometheus (letters, digits and `_`, at most 128, none
/// that begins with `duroxide_`), with at most 8 labels. What is named otherwise is not recorded, with a warning in the
/// log that says what was expected: a figure is never worth the workflow that it is about. A turn records 4,096 figures
/// at most; counts of one name and the same labels are one.
impl OrchestrationContext {
    /// Adds to a counter.
    ///
    /// ```
    /// # use duroxide::OrchestrationContext;
    /// # fn order(ctx: &OrchestrationContext, express: bool) {
    /// ctx.counter("orders_total", 1, &[("kind", if express { "express" } else { "standard" })]);
    /// # }
    /// ```
    pub fn counter(&self, name: &'static str, by: u64, labels: &[(&'static str, &'static str)]) {
        self.measure(Measure { name, labels: labels.to_vec(), figure: Figure::Count(by) });
    }

    /// Adds a sample to a histogram. The unit belongs into the name: `order_value_euros`, `approval_wait_seconds`.
    ///
    /// ```
    /// # use duroxide::OrchestrationContext;
    /// # fn order(ctx: &OrchestrationContext, euros: f64) {
    /// ctx.histogram("order_value_euros", euros, &[]);
    /// # }
    /// ```
    pub fn histogram(&self, name: &'static str, sample: f64, labels: &[(&'static str, &'static str)]) {
        self.measure(Measure { name, labels: labels.to_vec(), figure: Figure::Sample(sample) });
    }

    fn measure(&self, measure: Measure) {
        if !self.ledger.with(|book| book.measures.counts) {
            return;
        }
        if let Err(refused) = measurable(&measure) {
            return self.warn_unmeasured(format_args!("a figure is not recorded: {refused}"));
        }
        match self.ledger.with(|book| book.measure(measure)) {
            Kept::Yes | Kept::Replayed => {}
            Kept::Full => self.warn_unmeasured(format_args!(
                "a figure is not recorded: expected at most {MEASURES_PER_TURN_MAX} in one turn"
            )),
        }
    }

    fn warn_unmeasured(&self, why: std::fmt::Arguments<'_>) {
        let Identity { instance, name, .. } = self.ledger.identity();
        tracing::warn!(
            target: "duroxide::runtime::execution",
            instance = %instance,
            orchestration = %name,
            "{why}"
        );
    }
}
