//! What a queue row is about, told from its text without taking its payload out.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};

/// What stands for the kind of a row that cannot be read.
const UNREADABLE: &str = "unreadable";

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glance {
    /// The name of the [`WorkItem`](crate::providers::WorkItem) variant, of a later one, too.
    pub(crate) kind: String,
    /// Whose queue it is in.
    pub(crate) instance: Option<String>,
    /// The activity, orchestration, event or queue that it names.
    pub(crate) name: Option<String>,
    /// The version of the orchestration that it asks for.
    pub(crate) version: Option<String>,
    /// The schedule event in the history of `instance` that it answers or runs.
    pub(crate) event_id: Option<u64>,
}

/// The fields that matter, of whatever kind; all others are passed over where they stand.
#[derive(Default)]
struct Fields {
    instance: Option<String>,
    parent_instance: Option<String>,
    orchestration: Option<String>,
    name: Option<String>,
    version: Option<String>,
    id: Option<u64>,
    parent_id: Option<u64>,
}

impl Glance {
    /// What there is to see of a row, however damaged, or cut off behind what was asked for.
    pub(crate) fn at(json: &str) -> Glance {
        let (mut kind, mut fields) = (None, Fields::default());
        // Where it stops being readable, what was seen before still counts.
        let _ = Kind(&mut kind, &mut fields).deserialize(&mut serde_json::Deserializer::from_str(json));
        Glance::of(kind.unwrap_or_else(|| UNREADABLE.to_owned()), fields)
    }

    fn of(kind: String, fields: Fields) -> Glance {
        let event_id = match &fields.instance {
            // A child's start names an event of its parent, which is not in its own history.
            Some(_) => fields.id,
            None => fields.parent_id,
        };
        Glance {
            kind,
            instance: fields.instance.or(fields.parent_instance),
            name: fields.orchestration.or(fields.name),
            version: fields.version,
            event_id,
        }
    }

    /// Whether an execution begins with it.
    pub(crate) fn begins_execution(&self) -> bool {
        matches!(self.kind.as_str(), "StartOrchestration" | "ContinueAsNew")
    }
}

/// Reads the kind and, below it, the fields.
struct Kind<'a>(&'a mut Option<String>, &'a mut Fields);

impl<'de> DeserializeSeed<'de> for Kind<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Kind<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a work item")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Kind(kind, fields) = self;
        while let Some(key) = map.next_key()? {
            *kind = Some(key);
            map.next_value_seed(&mut *fields)?;
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Fields {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Fields {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fields of a work item")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "instance" => self.instance = map.next_value()?,
                "parent_instance" => self.parent_instance = map.next_value()?,
                "orchestration" => self.orchestration = map.next_value()?,
                "name" => self.name = map.next_value()?,
                "version" => self.version = map.next_value()?,
                "id" => self.id = map.next_value()?,
                "parent_id" => self.parent_id = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_tells_whose_it_is_and_what_it_names() {
        // Text, then kind, instance, name, version and event.
        let rows: &[(&str, [&str; 4], Option<u64>)] = &[
            (
                r#"{"StartOrchestration":{"instance":"c","orchestration":"Ship","input":"{}","version":"2.0.0",
                    "parent_instance":"p","parent_id":7,"execution_id":1}}"#,
                ["StartOrchestration", "c", "Ship", "2.0.0"],
                None,
            ),
            (
                r#"{"ActivityExecute":{"instance":"i","execution_id":1,"id":4,"name":"charge","input":"x"}}"#,
                ["ActivityExecute", "i", "charge", ""],
                Some(4),
            ),
            (
                r#"{"SubOrchCompleted":{"parent_instance":"p","parent_execution_id":1,"parent_id":7,"result":"r"}}"#,
                ["SubOrchCompleted", "p", "", ""],
                Some(7),
            ),
            (r#"{"QueueMessage":{"instance":"i","name":"mail","data":"d"}}"#, ["QueueMessage", "i", "mail", ""], None),
            (r#"{"PauseInstance":{"instance":"i"}}"#, ["PauseInstance", "i", "", ""], None),
            // Cut off: what stands before that is seen.
            (r#"{"CancelInstance":{"insta"#, ["CancelInstance", "", "", ""], None),
            (
                r#"{"ActivityExecute":{"instance":"i","execution_id":1,"id":4,"name":"charge","input":"x..."#,
                ["ActivityExecute", "i", "charge", ""],
                Some(4),
            ),
            (r#"{"ActivityExecute":{"instance":7}}"#, ["ActivityExecute", "", "", ""], None),
            ("[]", ["unreadable", "", "", ""], None),
            ("{}", ["unreadable", "", "", ""], None),
        ];
        for (json, [kind, instance, name, version], event_id) in rows {
            let given = |text: &&str| (!text.is_empty()).then(|| (*text).to_owned());
            let expected = Glance {
                kind: (*kind).to_owned(),
                instance: given(instance),
                name: given(name),
                version: given(version),
                event_id: *event_id,
            };
            assert_eq!(Glance::at(json), expected, "{json}");
        }
    }
}
