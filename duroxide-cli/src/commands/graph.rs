//! `graph`: one execution as a picture, for a document or a browser.

use clap::{Args, ValueEnum};
use duroxide::insight::picture::{self, Layout};
use duroxide::insight::timeline::Timeline;

use super::{Desk, Ended, history};
use crate::failure::Failure;
use crate::store::Access;

/// Draw the timeline of an instance, with attempts, retries and waits
#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// The instance
    id: String,

    /// Of this execution instead of the newest
    #[arg(long, value_name = "N")]
    execution: Option<u64>,

    /// As what
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    form: Form,

    /// At most so many bars; those that are open or failed go before others
    #[arg(long, value_name = "N", default_value_t = 40)]
    bars: usize,

    /// Into this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<std::path::PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Text that Markdown draws
    #[default]
    Mermaid,
    /// A picture for a browser, light or dark as it has it
    Svg,
}

impl Graph {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        if desk.out.json {
            return Err(Failure::usage("a picture has no form in JSON; `history --json` has what it is drawn from"));
        }
        let store = desk.open(Access::Look).await?;
        let (_, events) = history::read(&store.client, &self.id, self.execution).await?;
        let timeline = Timeline::of(&events, desk.out.now_ms);
        let layout = Layout { rows: self.bars, ..Layout::default() };
        let picture = match self.form {
            Form::Mermaid => picture::mermaid(&timeline, &layout),
            Form::Svg => picture::svg(&timeline, &layout),
        };
        match self.output {
            None => Ok(desk.out.raw(&picture)?),
            Some(path) => std::fs::write(&path, picture)
                .map_err(|error| Failure::usage(format!("cannot write {}: {error}", path.display()))),
        }
    }
}
