//! `explain`: why an instance stands where it does.

use clap::Args;
use duroxide::Client;
use duroxide::insight::{Explanation, Reason, Standing, without_inputs};
use serde::Serialize;

use super::{Desk, Ended};
use crate::failure::Failure;
use crate::output::{Out, Tone};
use crate::store::Access;

/// Say in sentences what an instance waits for, since when, and what is in the way
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The instance
    id: String,

    /// Not only the children that it waits for, but theirs, too, and so on
    #[arg(long)]
    deep: bool,
}

/// An explanation, with what people would read.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    #[serde(flatten)]
    explanation: Explanation,
    /// A sentence for each reason.
    sentences: Vec<String>,
    /// Whether somebody has to do something.
    needs_help: bool,
}

impl Explain {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Look).await?;
        let told = of(&store.client, &self.id, self.deep).await?;
        match desk.out.json {
            true => Ok(desk.out.document(&told)?),
            false => tell(&mut desk.out, &told.explanation, 0),
        }
    }
}

/// Why it stands there; with all descendants that are waited for, when that is wanted.
pub(crate) async fn of(client: &Client, id: &str, deep: bool) -> Result<Told, Failure> {
    let mut explanation = match deep {
        true => client.explain_deep(id, usize::MAX).await?,
        false => client.explain(id).await?,
    };
    let is_unknown = explanation.stand == Standing::Unknown;
    if is_unknown && explanation.reasons.iter().all(|reason| matches!(reason, Reason::NoSuchInstance)) {
        return Err(Failure::unknown(id));
    }
    hide(&mut explanation);
    let (sentences, needs_help) = (explanation.sentences(), explanation.needs_help());
    Ok(Told { explanation, sentences, needs_help })
}

/// Takes the inputs away that a failure by nondeterminism quotes; `replay --payloads` shows them.
fn hide(explanation: &mut Explanation) {
    for reason in &mut explanation.reasons {
        if let Reason::Failed { message: told, .. } | Reason::Activity { error: Some(told), .. } = reason {
            *told = without_inputs(told).into_owned();
        }
    }
    explanation.children.iter_mut().for_each(hide);
}

fn tell(out: &mut Out, explanation: &Explanation, depth: usize) -> Ended {
    let indent = "  ".repeat(depth);
    let whole = explanation.to_string();
    let headline = whole.lines().next().unwrap_or_default();
    out.pieces(&[(Tone::Plain, &indent), (Tone::Strong, headline)])?;
    for (reason, sentence) in explanation.reasons.iter().zip(explanation.sentences()) {
        let tone = if reason.needs_help() { Tone::Attention } else { Tone::Plain };
        out.pieces(&[(Tone::Plain, &format!("{indent}- ")), (tone, &sentence)])?;
    }
    explanation.children.iter().try_for_each(|child| tell(out, child, depth + 1))
}
