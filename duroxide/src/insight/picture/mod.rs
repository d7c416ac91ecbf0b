//! A timeline as a picture: SVG for people, Mermaid for documents.

mod labels;
mod mermaid;
mod rows;
mod scale;
mod svg;

#[cfg(test)]
mod tests;

pub use mermaid::mermaid;
pub use svg::svg;

/// The rules of an SVG drawn with [`Style::Page`]: what the page around it must bring.
pub const STYLE_SHEET: &str = include_str!("timeline.css");

/// How a timeline is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Width in pixels, brought between 480 and 4,000.
    pub width: u32,
    /// How many bars are drawn at most, brought between 1 and 1,000. Those that are open or failed go before others, and
    /// the rest is told in one line.
    pub rows: usize,
    /// Whether the picture has its colours in itself.
    pub style: Style,
}

/// Where the colours of an SVG come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// From the picture itself, for files: light or dark as the viewer has it.
    Embedded,
    /// From the page around it, which has [`STYLE_SHEET`].
    Page,
}

/// 960 pixels, 40 bars, colours in the picture itself.
impl Default for Layout {
    fn default() -> Self {
        Layout { width: 960, rows: 40, style: Style::Embedded }
    }
}

/// Segments of one bar that are drawn: of more attempts, the newest.
const SEGMENTS_MAX: usize = 60;
