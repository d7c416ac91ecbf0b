//! What a store's facts mean: read by people, as sentences and as pictures. Plain functions of what they are given.

pub mod explain;
pub mod picture;
mod quoted;
pub(crate) mod span;
#[cfg(test)]
mod testing;
pub mod timeline;

pub use explain::{ActivityState, Explanation, Facts, FailureKind, Holder, Orchestration, Reason, Standing};
pub use quoted::without_inputs;

/// Whether a terminal, or whoever reads a line, would do something else with a letter than show it: control characters, and
/// marks that change the direction of reading or have no width. Names come from anybody.
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
