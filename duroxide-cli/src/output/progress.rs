//! A bar on standard error while something takes long, if somebody looks there.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar for so many rows; nothing at all where standard error is no terminal.
pub(crate) fn bar() -> ProgressBar {
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(None, target);
    let style = ProgressStyle::with_template("{msg:<28} {wide_bar} {human_pos}/{human_len}");
    bar.with_style(style.expect("the template is of this program"))
}

/// Something whose end nobody knows.
pub(crate) fn spinner(message: &'static str) -> ProgressBar {
    let spinner = bar();
    spinner.set_style(ProgressStyle::default_spinner());
    spinner.set_message(message);
    spinner.enable_steady_tick(std::time::Duration::from_millis(120));
    spinner
}
