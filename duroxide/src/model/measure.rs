//! What orchestration code measures: a name, labels and a figure, as plain data until the turn is committed.

use std::fmt;

/// Bytes of a name at most, be it of a metric or of a label: what monitoring systems store with every sample.
pub(crate) const MEASURE_NAME_BYTES_MAX: usize = 128;

/// Labels of one figure at most: each combination of values is a series of its own.
pub(crate) const MEASURE_LABELS_MAX: usize = 8;

/// Figures of one turn at most, so that a loop that measures bounds its memory. Counts of the same name and labels are
/// added up and are one.
pub(crate) const MEASURES_PER_TURN_MAX: usize = 4_096;

/// The names of the library's own metrics begin like this.
const RESERVED_PREFIX: &str = "duroxide_";

/// One figure that orchestration code measured. Names and labels are texts of the program, so that there are only as
/// many series as somebody wrote down.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// The name of the metric.
    pub name: &'static str,
    /// Labels as (name, value), in the order written.
    pub labels: Vec<(&'static str, &'static str)>,
    /// The figure.
    pub figure: Figure,
}

/// A figure, by the kind of its metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Figure {
    /// A counter grows by so much.
    Count(u64),
    /// A histogram has one sample more.
    Sample(f64),
}

/// Why a figure is not recorded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Unmeasurable {
    /// The name of the metric is not one.
    Name(&'static str),
    /// A label's name is not one.
    Label(&'static str),
    /// The name is one of the library's own.
    Reserved(&'static str),
    /// More labels than [`MEASURE_LABELS_MAX`].
    Labels(usize),
    /// Not a number, or infinite.
    Sample(f64),
}

impl fmt::Display for Unmeasurable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unmeasurable::Name(found) => write!(
                f,
                "expected the name of a metric, a letter or `_` and then letters, digits and `_`, at most \
                 {MEASURE_NAME_BYTES_MAX} of them, found `{found}`"
            ),
            Unmeasurable::Label(found) => write!(
                f,
                "expected the name of a label, a letter and then letters, digits and `_`, at most \
                 {MEASURE_NAME_BYTES_MAX} of them, found `{found}`"
            ),
            Unmeasurable::Reserved(found) => {
                write!(f, "expected a name that does not begin with `{RESERVED_PREFIX}`, found `{found}`")
            }
            Unmeasurable::Labels(found) => write!(f, "expected at most {MEASURE_LABELS_MAX} labels, found {found}"),
            Unmeasurable::Sample(found) => write!(f, "expected a finite number, found {found}"),
        }
    }
}

/// Whether a figure can be recorded wherever metrics go: the rules are those of Prometheus, which are the narrowest.
pub(crate) fn measurable(measure: &Measure) -> Result<(), Unmeasurable> {
    let Measure { name, labels, figure } = measure;
    if name.starts_with(RESERVED_PREFIX) {
        return Err(Unmeasurable::Reserved(name));
    }
    if !is_word(name) {
        return Err(Unmeasurable::Name(name));
    }
    if labels.len() > MEASURE_LABELS_MAX {
        return Err(Unmeasurable::Labels(labels.len()));
    }
    if let Some((label, _)) = labels.iter().find(|(label, _)| !is_word(label) || label.starts_with('_')) {
        return Err(Unmeasurable::Label(label));
    }
    match figure {
        Figure::Sample(value) if !value.is_finite() => Err(Unmeasurable::Sample(*value)),
        Figure::Sample(_) | Figure::Count(_) => Ok(()),
    }
}

fn is_word(name: &str) -> bool {
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let goes_on = name.chars().all(|next| next.is_ascii_alphanumeric() || next == '_');
    begins && goes_on && name.len() <= MEASURE_NAME_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &'static str, labels: &[(&'static str, &'static str)], figure: Figure) -> Result<(), Unmeasurable> {
        measurable(&Measure { name, labels: labels.to_vec(), figure })
    }

    #[test]
    fn names_are_those_that_every_monitoring_system_takes() {
        let long: &'static str = "a".repeat(MEASURE_NAME_BYTES_MAX + 1).leak();
        for name in ["orders_total", "_x", "A9"] {
            assert_eq!(of(name, &[("kind", "any text, ü")], Figure::Count(1)), Ok(()), "{name}");
        }
        for name in ["", "9lives", "orders-total", "orders total", "ü", long] {
            assert_eq!(of(name, &[], Figure::Count(1)), Err(Unmeasurable::Name(name)));
            assert_eq!(of("x", &[(name, "v")], Figure::Count(1)), Err(Unmeasurable::Label(name)));
        }
        assert_eq!(of("x", &[("__name__", "v")], Figure::Count(1)), Err(Unmeasurable::Label("__name__")));
    }

    #[test]
    fn the_librarys_own_names_too_many_labels_and_what_is_no_number_are_refused() {
        assert_eq!(of("duroxide_x", &[], Figure::Count(1)), Err(Unmeasurable::Reserved("duroxide_x")));
        let label = ("kind", "v");
        assert_eq!(of("x", &[label; MEASURE_LABELS_MAX], Figure::Sample(0.5)), Ok(()));
        let more = [label; MEASURE_LABELS_MAX + 1];
        assert_eq!(of("x", &more, Figure::Sample(0.5)), Err(Unmeasurable::Labels(more.len())));
        assert!(of("x", &[], Figure::Sample(f64::NAN)).is_err());
        assert!(of("x", &[], Figure::Sample(f64::INFINITY)).is_err());
    }

    #[test]
    fn a_refusal_says_what_was_expected_and_found() {
        assert_eq!(
            Unmeasurable::Name("orders-total").to_string(),
            "expected the name of a metric, a letter or `_` and then letters, digits and `_`, at most 128 of them, \
             found `orders-total`"
        );
    }
}
