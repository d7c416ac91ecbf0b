//! What the program writes: lines, tables and JSON, with nothing in them that a terminal would obey.

pub(crate) mod json;
pub(crate) mod progress;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod time;
mod tone;

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::args::{ColorWhen, Globals};
use crate::clock;
use table::Table;
pub(crate) use tone::Tone;

/// Standard output.
pub(crate) struct Out {
    to: Box<dyn Write>,
    /// Documents instead of text.
    pub(crate) json: bool,
    color: bool,
    /// Columns of the terminal; `None` when it is none, and nothing is cut.
    width: Option<usize>,
    /// The time that ages are told as of, in milliseconds since the Unix epoch.
    pub(crate) now_ms: u64,
}

impl Out {
    pub(crate) fn new(globals: &Globals) -> Self {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let color = match globals.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        let terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let width = if is_terminal { terminal() } else { None };
        let now_ms = globals.as_of_ms.unwrap_or_else(clock::now_ms);
        // Lists are long: not one write for each line. Whoever follows flushes.
        let to = Box::new(io::BufWriter::new(stdout));
        Out { to, json: globals.json, color, width, now_ms }
    }

    /// A line of text.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.to, "{}", text::safe(line.as_ref()))
    }

    /// A line of pieces, each in its tone.
    pub(crate) fn pieces(&mut self, pieces: &[(Tone, &str)]) -> io::Result<()> {
        for (tone, piece) in pieces {
            let style = tone.style(self.color);
            write!(self.to, "{style}{}{style:#}", text::safe(piece))?;
        }
        writeln!(self.to)
    }

    /// A label and what it labels, aligned with others of its kind.
    pub(crate) fn field(&mut self, label: &str, value: impl AsRef<str>) -> io::Result<()> {
        let label = format!("  {label:<13} ");
        self.pieces(&[(Tone::Faint, &label), (Tone::Plain, value.as_ref())])
    }

    /// Text of ours that has several lines.
    pub(crate) fn block(&mut self, block: impl AsRef<str>) -> io::Result<()> {
        block.as_ref().lines().try_for_each(|line| self.line(line))
    }

    pub(crate) fn table(&mut self, table: &Table) -> io::Result<()> {
        table.write(&mut self.to, self.width, self.color)
    }

    /// One document.
    pub(crate) fn document(&mut self, document: &impl Serialize) -> io::Result<()> {
        writeln!(self.to, "{}", json::pretty(document)?)
    }

    /// One document on one line: of many.
    pub(crate) fn document_line(&mut self, document: &impl Serialize) -> io::Result<()> {
        writeln!(self.to, "{}", json::compact(document)?)
    }

    /// A document that is written already, on one line.
    pub(crate) fn written_line(&mut self, json: &str) -> io::Result<()> {
        writeln!(self.to, "{}", json::shown(json)?)
    }

    /// Text that is no line of ours, as it is: a script, a picture.
    pub(crate) fn raw(&mut self, text: &str) -> io::Result<()> {
        self.to.write_all(text.as_bytes())
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// `2026-11-27 18:43:22Z (3h 2m ago)`.
    pub(crate) fn at(&self, at_ms: u64) -> String {
        format!("{} ({})", time::at(at_ms), time::relative(self.now_ms, at_ms))
    }
}
