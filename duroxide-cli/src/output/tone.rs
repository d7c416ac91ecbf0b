//! Which kinds of text have which colour.

use anstyle::{AnsiColor, Style};

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tone {
    #[default]
    Plain,
    /// A heading, or what the eye should find first.
    Strong,
    /// What is only there for the order.
    Faint,
    Good,
    Bad,
    Attention,
    Busy,
}

impl Tone {
    /// Of the status of an instance.
    pub(crate) fn of_status(status: &str) -> Self {
        match status {
            "Completed" => Tone::Good,
            "Failed" => Tone::Bad,
            "Running" => Tone::Busy,
            _ => Tone::Plain,
        }
    }

    pub(super) fn style(self, color: bool) -> Style {
        if !color {
            return Style::new();
        }
        let fg = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Tone::Plain => Style::new(),
            Tone::Strong => Style::new().bold(),
            Tone::Faint => Style::new().dimmed(),
            Tone::Good => fg(AnsiColor::Green),
            Tone::Bad => fg(AnsiColor::Red),
            Tone::Attention => fg(AnsiColor::Yellow),
            Tone::Busy => fg(AnsiColor::Cyan),
        }
    }
}
