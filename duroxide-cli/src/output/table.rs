//! Aligned columns: cut to the terminal's width on one, whole everywhere else.

use std::io::{self, Write};

use super::Tone;
use super::text::{cut, safe, width};

/// Between two columns.
const GAP: usize = 2;

/// A column that gives way is never narrower.
const NARROWEST: usize = 8;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    gives_way: bool,
    is_number: bool,
}

impl Column {
    pub(crate) const fn new(title: &'static str) -> Self {
        Column { title, gives_way: false, is_number: false }
    }

    /// Text of others, of any length: cut where there is no room.
    pub(crate) const fn text(title: &'static str) -> Self {
        Column { title, gives_way: true, is_number: false }
    }

    /// Aligned to the right.
    pub(crate) const fn number(title: &'static str) -> Self {
        Column { title, gives_way: false, is_number: true }
    }
}

/// Rows of cells; what is in them is made harmless here.
#[derive(Debug)]
pub(crate) struct Table {
    columns: &'static [Column],
    rows: Vec<Vec<(String, Tone)>>,
}

impl Table {
    pub(crate) fn new(columns: &'static [Column]) -> Self {
        Table { columns, rows: Vec::new() }
    }

    /// A row with one cell for each column.
    pub(crate) fn row<const N: usize>(&mut self, cells: [(String, Tone); N]) {
        let harmless = |(text, tone): (String, Tone)| (safe(&text).into_owned(), tone);
        self.rows.push(cells.into_iter().map(harmless).collect());
    }

    pub(super) fn write(&self, to: &mut dyn Write, terminal: Option<usize>, color: bool) -> io::Result<()> {
        let widths = self.widths(terminal);
        let titles: Vec<(String, Tone)> =
            self.columns.iter().map(|column| (column.title.to_owned(), Tone::Strong)).collect();
        for row in std::iter::once(&titles).chain(&self.rows) {
            self.write_row(to, row, &widths, color)?;
        }
        Ok(())
    }

    fn write_row(&self, to: &mut dyn Write, row: &[(String, Tone)], widths: &[usize], color: bool) -> io::Result<()> {
        let last = row.iter().rposition(|(text, _)| !text.is_empty()).unwrap_or(0);
        for (place, (text, tone)) in row.iter().enumerate().take(last + 1) {
            let style = tone.style(color);
            let text = cut(text, widths[place]);
            let room = widths[place].saturating_sub(width(&text));
            let (before, after) = match (self.columns[place].is_number, place == last) {
                (true, is_last) => (room, if is_last { 0 } else { GAP }),
                (false, false) => (0, room + GAP),
                (false, true) => (0, 0),
            };
            write!(to, "{:before$}{style}{text}{style:#}{:after$}", "", "")?;
        }
        writeln!(to)
    }

    /// As wide as what is in them; on a terminal the widest of those that give way are cut first.
    fn widths(&self, terminal: Option<usize>) -> Vec<usize> {
        let widest = |(place, column): (usize, &Column)| {
            let cells = self.rows.iter().map(|row| width(&row[place].0));
            cells.max().unwrap_or(0).max(width(column.title))
        };
        let mut widths: Vec<usize> = self.columns.iter().enumerate().map(widest).collect();
        let Some(terminal) = terminal else {
            return widths;
        };
        let room = terminal.saturating_sub(GAP * widths.len().saturating_sub(1));
        while widths.iter().sum::<usize>() > room {
            let giving = (0..widths.len()).filter(|&place| self.columns[place].gives_way && widths[place] > NARROWEST);
            let Some(place) = giving.max_by_key(|&place| widths[place]) else {
                break;
            };
            widths[place] -= 1;
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::{Column, Table};
    use crate::output::Tone;

    const COLUMNS: &[Column] = &[Column::text("ID"), Column::number("EVENTS"), Column::new("STATUS")];

    fn written(terminal: Option<usize>) -> String {
        let mut table = Table::new(COLUMNS);
        let cell = |text: &str| (text.to_owned(), Tone::Plain);
        table.row([cell("order-1"), cell("7"), cell("Running")]);
        table.row([cell("a\u{1b}[31mvery-long-id-of-somebody"), cell("12"), cell("")]);
        let mut bytes = Vec::new();
        table.write(&mut bytes, terminal, false).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn nothing_is_cut_where_no_terminal_is() {
        let whole = "\
ID                                   EVENTS  STATUS
order-1                                   7  Running
a\\u{1b}[31mvery-long-id-of-somebody      12
";
        assert_eq!(written(None), whole);
    }

    #[test]
    fn the_column_that_gives_way_is_cut_on_a_terminal() {
        let cut = "\
ID            EVENTS  STATUS
order-1            7  Running
a\\u{1b}[31m…      12
";
        assert_eq!(written(Some(29)), cut);
        assert!(written(Some(3)).lines().all(|line| line.chars().count() <= 25), "no narrower than is of use");
    }
}
