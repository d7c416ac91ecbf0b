//! Where in its program an instance asked for what it waits for, as its workers have told.

use super::Facts;
use crate::insight::timeline::{Bar, BarKind};
use crate::model::insight::{Place, PlaceKind};

/// Between what code asks for and what history records of a timer lie the roundings of clocks.
const NEAR_MS: u64 = 1_000;

/// The places that this wait may have been asked for at, as `file:line`, in order. None where no worker has told, or
/// where the code computes the name.
pub(super) fn of(bar: &Bar, facts: &Facts) -> Vec<String> {
    let Some(kind) = kind(bar.kind) else { return Vec::new() };
    let asked: Vec<&Place> = facts.places().iter().filter(|place| place.kind == kind).collect();
    let fits = |fit: &dyn Fn(&Place) -> bool| asked.iter().copied().filter(|place| fit(place)).collect::<Vec<_>>();
    let mut places = match kind {
        PlaceKind::Timer => {
            let length_ms = bar.due_ms.unwrap_or(bar.from_ms).saturating_sub(bar.from_ms);
            fits(&|place| place.length_ms.is_some_and(|written| written.abs_diff(length_ms) <= NEAR_MS))
        }
        PlaceKind::Work | PlaceKind::Event | PlaceKind::Queue => fits(&|place| place.name == bar.name),
    };
    if places.is_empty() && kind == PlaceKind::Timer {
        places = fits(&|place| place.length_ms.is_none());
    }
    // One line may be told twice, when several waits stand in it.
    places.sort_by_key(|place| (&place.file, place.line));
    places.dedup_by_key(|place| (&place.file, place.line));
    places.iter().map(|place| format!("{}:{}", place.file, place.line)).collect()
}

fn kind(of: BarKind) -> Option<PlaceKind> {
    match of {
        BarKind::Activity | BarKind::Child => Some(PlaceKind::Work),
        BarKind::Timer => Some(PlaceKind::Timer),
        BarKind::Event => Some(PlaceKind::Event),
        BarKind::Queue => Some(PlaceKind::Queue),
        BarKind::Detached | BarKind::SystemCall => None,
    }
}
