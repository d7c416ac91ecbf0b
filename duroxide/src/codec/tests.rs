//! What is written, and what comes back of it.

use proptest::collection::vec;
use proptest::prelude::*;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::*;

#[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
struct Order {
    zebra: u32,
    apple: Option<String>,
}

#[test]
fn keys_are_sorted_whatever_the_field_order() {
    let json = to_json(&Order { zebra: 1, apple: None }).unwrap();
    assert_eq!(json, r#"{"apple":null,"zebra":1}"#);
}

#[test]
fn keys_that_are_numbers_are_sorted_as_the_text_they_become() {
    let map = std::collections::BTreeMap::from([(2, "b"), (10, "a")]);
    assert_eq!(to_json(&map).unwrap(), r#"{"10":"a","2":"b"}"#);
}

#[cfg(feature = "macros")]
#[test]
fn what_stood_before_stays_as_it_is() {
    let text = append_json("{z}".to_owned(), &Order { zebra: 1, apple: None }).unwrap();
    assert_eq!(text, r#"{z}{"apple":null,"zebra":1}"#);
}

#[test]
fn a_string_is_written_raw_and_read_back_either_way() {
    assert_eq!(encode("Rust").unwrap(), "Rust");
    assert_eq!(encode("a \"quoted\"\n").unwrap(), "a \"quoted\"\n");
    assert_eq!(decode::<String>("Rust").unwrap(), "Rust");
    assert_eq!(decode::<String>("\"Rust\"").unwrap(), "Rust");
    assert_eq!(from_json_or_text::<String>("42").unwrap(), "42");
    assert_eq!(from_json_or_text::<u32>("42").unwrap(), 42);
    assert!(from_json_or_text::<u32>("Rust").is_err());
}

#[test]
fn an_error_names_the_path_inside_the_payload() {
    let error = from_json::<Vec<Order>>(r#"[{"zebra":1},{"zebra":"x"}]"#).unwrap_err().to_string();
    assert!(error.starts_with("[1].zebra: invalid type"), "{error}");
    assert!(from_json::<u32>("1 2").is_err());
}

/// Any JSON, with keys in any order and more than once.
#[derive(Debug, Clone)]
enum Tree {
    Nothing,
    Whole(i64),
    Single(f32),
    Double(f64),
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Tree::Nothing => serializer.serialize_none(),
            Tree::Whole(number) => serializer.serialize_i64(*number),
            Tree::Single(number) => serializer.serialize_f32(*number),
            Tree::Double(number) => serializer.serialize_f64(*number),
            Tree::Text(text) => serializer.serialize_str(text),
            Tree::List(items) => serializer.collect_seq(items),
            Tree::Object(members) => {
                let mut map = serializer.serialize_map(None)?;
                members.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Nothing),
        any::<i64>().prop_map(Tree::Whole),
        any::<f32>().prop_map(Tree::Single),
        any::<f64>().prop_map(Tree::Double),
        ".{0,4}".prop_map(Tree::Text),
    ];
    // Few keys, so that some are there twice; some that JSON escapes, and some that begin alike.
    let key = prop_oneof!["[abc]{0,2}", "[\"\\\\\n\u{1}é]{1,2}", ".{0,3}", "a_long_beginning_[ab]?"];
    leaf.prop_recursive(4, 64, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Tree::List),
            vec((key.clone(), inner), 0..6).prop_map(Tree::Object)
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_in_one_pass_is_what_a_sorted_tree_says(tree in tree()) {
        let mut value = serde_json::to_value(&tree).unwrap();
        value.sort_all_objects();
        prop_assert_eq!(to_json(&tree).unwrap(), value.to_string());
    }
}

#[test]
fn numbers_that_would_come_back_as_others_are_refused_but_as_keys_they_are_text() {
    assert_eq!(to_json(&u128::from(u64::MAX)).unwrap(), u64::MAX.to_string());
    assert_eq!(to_json(&i128::from(i64::MIN)).unwrap(), i64::MIN.to_string());
    assert!(to_json(&u128::MAX).unwrap_err().to_string().contains("number out of range"));
    assert!(to_json(&i128::MIN).is_err());
    let map = std::collections::BTreeMap::from([(u128::MAX, 1)]);
    assert_eq!(to_json(&map).unwrap(), format!(r#"{{"{}":1}}"#, u128::MAX));
    // A key that is no text is told.
    assert!(to_json(&std::collections::BTreeMap::from([((1, 2), 3)])).is_err());
}

#[test]
fn an_error_says_what_was_found_and_not_its_value() {
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only the reading is of interest")]
    struct Card {
        number: u64,
        kind: Option<Kind>,
    }
    #[derive(Debug, serde::Deserialize)]
    enum Kind {
        Visa,
    }
    for (text, expected) in [
        (r#"{"number":"41, expected 11"}"#, "number: invalid type: string, expected u64 at line 1 column 27"),
        (r#"{"number":true}"#, "number: invalid type: boolean, expected u64 at line 1 column 14"),
        (r#"{"number":-4111}"#, "number: invalid value: integer, expected u64 at line 1 column 15"),
        (r#"{"number":[4111]}"#, "number: invalid type: sequence, expected u64 at line 1 column 10"),
        (r#"{"number":1,"kind":"s3cr3t"}"#, "kind: unknown variant, expected `Visa` at line 1 column 27"),
        (r#"{"number":1,"s3cr3t":1}"#, "unknown field, expected `number` or `kind` at line 1 column 20"),
        (r#"{}"#, "missing field `number` at line 1 column 2"),
        (r#"{"number":1"#, "EOF while parsing an object at line 1 column 11"),
    ] {
        let error = from_json::<Card>(text).unwrap_err().to_string();
        assert!(error.ends_with(expected), "{error}");
    }
    let Kind::Visa = from_json("\"Visa\"").unwrap();
}
