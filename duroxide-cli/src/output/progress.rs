//! How far something long has come: a bar where somebody looks, a line now and then where a log is kept.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use super::{Out, text};

/// Between two lines of a log.
const PAUSE: Duration = Duration::from_secs(10);

/// Tells it on standard error; gone from a terminal when it is dropped.
pub(crate) struct Progress(Shown);

enum Shown {
    /// Beside documents: whoever reads them reads nothing else.
    Not,
    /// On a terminal.
    Bar { bar: ProgressBar, form: Option<Form> },
    /// Elsewhere.
    Lines { told: Instant },
}

/// What is known of the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// When it has come.
    Nothing,
    /// Not how many there are, but how many there were.
    Count,
    Share,
}

impl Progress {
    pub(crate) fn new(out: &Out) -> Self {
        Progress(match (out.json, io::stderr().is_terminal()) {
            (true, _) => Shown::Not,
            (false, true) => {
                Shown::Bar { bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()), form: None }
            }
            (false, false) => Shown::Lines { told: Instant::now() },
        })
    }

    /// Something whose end nobody knows.
    pub(crate) fn waiting(&mut self, what: &str) {
        self.tell(Form::Nothing, what, 0, 0);
    }

    /// So many so far, and nobody knows of how many.
    pub(crate) fn counting(&mut self, what: &str, done: u64) {
        self.tell(Form::Count, what, done, 0);
    }

    /// So many of so many.
    pub(crate) fn at(&mut self, what: &str, done: u64, all: u64) {
        self.tell(Form::Share, what, done, all);
    }

    fn tell(&mut self, form: Form, what: &str, done: u64, all: u64) {
        match &mut self.0 {
            Shown::Not => {}
            Shown::Bar { bar, form: shown } => {
                if *shown != Some(form) {
                    *shown = Some(form);
                    dress(bar, form);
                }
                bar.set_message(text::safe(what).into_owned());
                if form == Form::Share {
                    bar.set_length(all);
                }
                bar.set_position(done);
            }
            Shown::Lines { told } => {
                if told.elapsed() >= PAUSE {
                    *told = Instant::now();
                    eprintln!("{}", line(form, what, done, all));
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar { bar, .. } = &self.0 {
            bar.finish_and_clear();
        }
    }
}

fn dress(bar: &ProgressBar, form: Form) {
    let template = match form {
        Form::Nothing => "{spinner} {msg} {elapsed}",
        Form::Count => "{spinner} {msg} {human_pos}",
        Form::Share => "{msg:<28} {wide_bar} {human_pos}/{human_len}",
    };
    bar.set_style(ProgressStyle::with_template(template).expect("the template is of this program"));
    match form {
        Form::Nothing | Form::Count => bar.enable_steady_tick(Duration::from_millis(120)),
        Form::Share => bar.disable_steady_tick(),
    }
}

fn line(form: Form, what: &str, done: u64, all: u64) -> String {
    let what = text::safe(what);
    match form {
        Form::Nothing => format!("{what} …"),
        Form::Count => format!("{what}: {done} so far"),
        Form::Share => format!("{what}: {done} of {all}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        assert_eq!(line(Form::Nothing, "looking through everything", 0, 0), "looking through everything …");
        assert_eq!(line(Form::Count, "looking for instances", 12, 0), "looking for instances: 12 so far");
        assert_eq!(line(Form::Share, "deleting\n", 12, 90), "deleting\\n: 12 of 90");
    }
}
