//! `tree`: an instance and all that it started as children.

use std::collections::BTreeMap;

use clap::Args;
use duroxide::{Client, InstanceInfo};
use serde::Serialize;

use super::{Desk, Ended, instance};
use crate::failure::Failure;
use crate::output::{Out, Tone};
use crate::store::Access;

/// Show an instance with its children, and theirs
#[derive(Debug, Args)]
pub(crate) struct Tree {
    /// The instance
    id: String,
}

/// An instance with those below it.
#[derive(Debug, Serialize)]
struct Node {
    instance_id: String,
    orchestration: String,
    version: String,
    status: String,
    created_at: u64,
    updated_at: u64,
    children: Vec<Node>,
}

impl Tree {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Look).await?;
        instance::known(&store.client, &self.id).await?;
        let root = read(&store.client, &self.id).await?;
        match desk.out.json {
            true => Ok(desk.out.document(&root)?),
            false => tell(&mut desk.out, &root, "", Place::Root),
        }
    }
}

async fn read(client: &Client, id: &str) -> Result<Node, Failure> {
    let mut below: BTreeMap<Option<String>, Vec<InstanceInfo>> = BTreeMap::new();
    for member in client.get_instance_tree(id).await?.all_ids {
        let info = client.get_instance_info(&member).await?;
        let parent = info.parent_instance_id.clone().filter(|_| member != id);
        below.entry(parent).or_default().push(info);
    }
    let root = below.remove(&None).and_then(|mut roots| roots.pop()).ok_or_else(|| Failure::unknown(id))?;
    Ok(node(root, &mut below))
}

fn node(info: InstanceInfo, below: &mut BTreeMap<Option<String>, Vec<InstanceInfo>>) -> Node {
    let mut children = below.remove(&Some(info.instance_id.clone())).unwrap_or_default();
    children.sort_by(|a, b| (a.created_at, &a.instance_id).cmp(&(b.created_at, &b.instance_id)));
    Node {
        instance_id: info.instance_id,
        orchestration: info.orchestration_name,
        version: info.orchestration_version,
        status: info.status,
        created_at: info.created_at,
        updated_at: info.updated_at,
        children: children.into_iter().map(|child| node(child, below)).collect(),
    }
}

/// Where a node is among its siblings.
#[derive(Clone, Copy)]
enum Place {
    Root,
    Among,
    Last,
}

fn tell(out: &mut Out, node: &Node, before: &str, place: Place) -> Ended {
    let (branch, below) = match place {
        Place::Root => ("", ""),
        Place::Among => ("├─ ", "│  "),
        Place::Last => ("└─ ", "   "),
    };
    out.pieces(&[
        (Tone::Faint, &format!("{before}{branch}")),
        (Tone::Strong, &node.instance_id),
        (Tone::Plain, &format!("  {} {}  ", node.orchestration, node.version)),
        (Tone::of_status(&node.status), &node.status),
    ])?;
    let before = format!("{before}{below}");
    for (at, child) in node.children.iter().enumerate() {
        let place = if at + 1 == node.children.len() { Place::Last } else { Place::Among };
        tell(out, child, &before, place)?;
    }
    Ok(())
}
