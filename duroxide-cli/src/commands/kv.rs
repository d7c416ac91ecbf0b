//! `kv`: what an instance keeps under keys.

use std::collections::BTreeMap;

use clap::Args;

use super::payload::Payloads;
use super::{Desk, Ended, instance};
use crate::failure::Failure;
use crate::output::table::{Column, Table};
use crate::output::{Tone, text};
use crate::store::Access;

/// List the key-values of an instance, or print one
#[derive(Debug, Args)]
pub(crate) struct Kv {
    /// The instance
    id: String,

    /// Print the value of this key, whole
    key: Option<String>,

    #[command(flatten)]
    payloads: Payloads,
}

const COLUMNS: &[Column] = &[Column::text("KEY"), Column::number("BYTES"), Column::text("VALUE")];

impl Kv {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Look).await?;
        instance::known(&store.client, &self.id).await?;
        match &self.key {
            Some(key) => {
                let value = store.client.get_kv_value(&self.id, key).await?;
                let value =
                    value.ok_or_else(|| Failure::not_so(format!("instance `{}` has no key `{key}`", self.id)))?;
                match desk.out.json {
                    true => Ok(desk.out.document(&BTreeMap::from([(key, value)]))?),
                    false => Ok(desk.out.line(value)?),
                }
            }
            None => self.list(desk, store.client.get_kv_all_values(&self.id).await?.into_iter().collect()),
        }
    }

    fn list(&self, desk: &mut Desk, values: BTreeMap<String, String>) -> Ended {
        if desk.out.json {
            let shown = |value: &String| match self.payloads.shown() {
                true => serde_json::json!({ "value": value, "bytes": value.len() }),
                false => serde_json::json!({ "bytes": value.len() }),
            };
            let shown: BTreeMap<&String, _> = values.iter().map(|(key, value)| (key, shown(value))).collect();
            return Ok(desk.out.document(&shown)?);
        }
        let mut table = Table::new(COLUMNS);
        for (key, value) in &values {
            let told = if self.payloads.shown() { self.payloads.told(value) } else { String::new() };
            table.row([
                (key.clone(), Tone::Strong),
                (text::bytes(value.len() as u64), Tone::Plain),
                (told, Tone::Plain),
            ]);
        }
        Ok(desk.out.table(&table)?)
    }
}
