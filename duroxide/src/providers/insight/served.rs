//! What live workers can run, and for what else work waits.

use std::collections::{BTreeMap, BTreeSet};

use super::glance::Glance;
use crate::model::ids::SYSCALL_PREFIX;
use crate::model::insight::{HandlerSort, TagsServed, Unserved, WorkerInfo, page};

/// What the live ones among some workers can run.
#[derive(Debug, Default)]
pub(crate) struct Served {
    workers: Vec<Serves>,
}

#[derive(Debug)]
struct Serves {
    tags: TagsServed,
    activities: BTreeSet<String>,
    /// Name, version.
    orchestrations: BTreeSet<(String, String)>,
}

/// What an activity lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lack {
    /// No live worker has registered it.
    Handler,
    /// No live worker that has registered it serves its tag, or takes those without one.
    Tag,
}

impl TagsServed {
    /// Whether activities with this tag are taken.
    pub(crate) fn takes(&self, tag: Option<&str>) -> bool {
        match tag {
            _ if self.any => true,
            None => self.untagged,
            Some(tag) => self.tags.iter().any(|served| served == tag),
        }
    }
}

impl Served {
    /// What the live ones among these can run.
    pub(crate) fn by(workers: &[WorkerInfo]) -> Self {
        let live = workers.iter().filter(|worker| worker.is_alive);
        Served { workers: live.map(Serves::of).collect() }
    }

    /// What is missing for an activity; `None` when a live worker can run it.
    pub(crate) fn lacks(&self, name: &str, tag: Option<&str>) -> Option<Lack> {
        let has = |worker: &&Serves| name.starts_with(SYSCALL_PREFIX) || worker.activities.contains(name);
        if self.workers.iter().filter(has).any(|worker| worker.tags.takes(tag)) {
            return None;
        }
        let is_taken = self.workers.iter().any(|worker| worker.tags.takes(tag));
        let is_known = self.workers.iter().any(|worker| has(&worker));
        Some(if is_known || (!is_taken && tag.is_some()) { Lack::Tag } else { Lack::Handler })
    }

    /// Whether a live worker has an orchestration, in this version if one is given.
    pub(crate) fn has_orchestration(&self, name: &str, version: Option<&str>) -> bool {
        let fits = |of: &(String, String)| of.0 == name && version.is_none_or(|version| of.1 == version);
        self.workers.iter().any(|worker| worker.orchestrations.iter().any(fits))
    }
}

impl Serves {
    fn of(worker: &WorkerInfo) -> Self {
        let (mut activities, mut orchestrations) = (BTreeSet::new(), BTreeSet::new());
        for handler in &worker.handlers {
            match handler.kind {
                HandlerSort::Activity => drop(activities.insert(handler.name.clone())),
                HandlerSort::Orchestration => {
                    orchestrations.insert((handler.name.clone(), handler.version.clone()));
                }
            }
        }
        Serves { tags: worker.tags.clone(), activities, orchestrations }
    }
}

/// What is missing: kind, name, version, tag.
type Missing = (HandlerSort, String, Option<String>, Option<String>);

/// Work that nobody can do, gathered from wherever it waits.
#[derive(Debug, Default)]
pub(crate) struct Wanting {
    served: Served,
    by: BTreeMap<Missing, Waiting>,
}

/// Who waits for one thing.
#[derive(Debug, Default)]
struct Waiting {
    counted: u64,
    /// Those that were seen one by one.
    seen: BTreeSet<String>,
    example: String,
}

impl Wanting {
    /// Nothing yet, beside these workers.
    pub(crate) fn beside(workers: &[WorkerInfo]) -> Self {
        Wanting { served: Served::by(workers), by: BTreeMap::new() }
    }

    /// So many running instances of an orchestration, one of them by its id.
    pub(crate) fn running(&mut self, name: &str, version: Option<&str>, instances: u64, example: &str) {
        if instances == 0 || self.served.has_orchestration(name, version) {
            return;
        }
        let waiting = self.of((HandlerSort::Orchestration, name.to_owned(), version.map(str::to_owned), None));
        // One of them, and the same one whoever asks: the first.
        if waiting.counted == 0 || example < waiting.example.as_str() {
            example.clone_into(&mut waiting.example);
        }
        waiting.counted += instances;
    }

    /// A message that waits for its instance: only one that begins an execution needs a handler that is not known yet.
    pub(crate) fn message(&mut self, json: &str) {
        let glance = Glance::at(json);
        let (true, Some(instance), Some(name)) = (glance.begins_execution(), glance.instance, glance.name) else {
            return;
        };
        if !self.served.has_orchestration(&name, glance.version.as_deref()) {
            self.of((HandlerSort::Orchestration, name, glance.version, None)).seen.insert(instance);
        }
    }

    /// An activity that waits.
    pub(crate) fn activity(&mut self, json: &str, tag: Option<&str>) {
        let glance = Glance::at(json);
        let (Some(instance), Some(name)) = (glance.instance, glance.name) else {
            return;
        };
        let Some(lack) = self.served.lacks(&name, tag) else {
            return;
        };
        let tag = tag.filter(|_| lack == Lack::Tag).map(str::to_owned);
        self.of((HandlerSort::Activity, name, None, tag)).seen.insert(instance);
    }

    /// The findings, most instances first.
    pub(crate) fn most(self, limit: usize) -> Vec<Unserved> {
        let mut found: Vec<Unserved> = self.by.into_iter().map(Waiting::told).collect();
        found.sort_by_key(|unserved| std::cmp::Reverse(unserved.instances));
        found.truncate(page(limit));
        found
    }

    fn of(&mut self, missing: Missing) -> &mut Waiting {
        self.by.entry(missing).or_default()
    }
}

impl Waiting {
    fn told(((kind, name, version, tag), waiting): (Missing, Waiting)) -> Unserved {
        let first = waiting.seen.first().cloned();
        let seen = u64::try_from(waiting.seen.len()).unwrap_or(u64::MAX);
        let example = if waiting.counted > 0 { waiting.example } else { first.unwrap_or_default() };
        Unserved { kind, name, version, tag, instances: waiting.counted + seen, example }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::insight::HandlerInfo;

    fn worker(is_alive: bool, tags: &[&str], handlers: &[(HandlerSort, &str, &str)]) -> WorkerInfo {
        let handler = |&(kind, name, version): &(HandlerSort, &str, &str)| HandlerInfo {
            kind,
            name: name.to_owned(),
            version: version.to_owned(),
            source: None,
        };
        WorkerInfo {
            worker_id: "w".to_owned(),
            node: "n".to_owned(),
            pid: 1,
            program: "p".to_owned(),
            library_version: "0".to_owned(),
            orchestration_slots: 1,
            activity_slots: 1,
            tags: TagsServed { untagged: true, any: false, tags: tags.iter().map(|&tag| tag.to_owned()).collect() },
            handlers: handlers.iter().map(handler).collect(),
            durability: None,
            started_at: 0,
            seen_at: 0,
            alive_until: 0,
            is_alive,
        }
    }

    #[test]
    fn an_activity_needs_its_handler_and_its_tag_in_one_live_worker() {
        use HandlerSort::Activity;
        let workers = [
            worker(true, &["gpu"], &[(Activity, "charge", "1.0.0")]),
            worker(true, &["fpga"], &[(Activity, "render", "1.0.0")]),
            worker(false, &["tpu"], &[(Activity, "dead", "1.0.0")]),
        ];
        let served = Served::by(&workers);
        // Name, tag, what is missing.
        for (name, tag, expected) in [
            ("charge", None, None),
            ("charge", Some("gpu"), None),
            ("charge", Some("fpga"), Some(Lack::Tag)),
            ("charge", Some("tpu"), Some(Lack::Tag)),
            ("dead", None, Some(Lack::Handler)),
            ("dead", Some("gpu"), Some(Lack::Handler)),
            ("dead", Some("tpu"), Some(Lack::Tag)),
            ("__duroxide_syscall:new_guid", None, None),
        ] {
            assert_eq!(served.lacks(name, tag), expected, "{name} {tag:?}");
        }
        assert_eq!(Served::default().lacks("charge", None), Some(Lack::Handler));
    }

    #[test]
    fn what_most_instances_wait_for_comes_first_and_each_counts_once() {
        let mut wanting = Wanting::beside(&[worker(true, &[], &[(HandlerSort::Orchestration, "Order", "1.0.0")])]);
        wanting.running("Order", Some("1.0.0"), 100, "o");
        wanting.running("Order", Some("2.0.0"), 2, "o-2");
        for instance in ["a", "a", "b", "c"] {
            wanting.activity(
                &format!(r#"{{"ActivityExecute":{{"instance":"{instance}","execution_id":1,"id":2,"name":"n"}}}}"#),
                None,
            );
        }
        wanting.message(r#"{"StartOrchestration":{"instance":"x","orchestration":"Order","version":null}}"#);
        wanting.message(r#"{"ExternalRaised":{"instance":"x","name":"Nobody","data":""}}"#);
        let found = wanting.most(0);
        let told: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.instances, one.example.as_str())).collect();
        assert_eq!(told, [("n", 3, "a"), ("Order", 2, "o-2")]);
    }
}
