//! The pages show messages of the compiler as the compiler prints them.

use std::fs;
use std::path::{Path, PathBuf};

/// Every `.stderr` below a directory.
fn printed(directory: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(directory).expect("the cases are there") {
        let path: PathBuf = entry.expect("a directory can be listed").path();
        if path.is_dir() {
            printed(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "stderr") {
            into.push(fs::read_to_string(&path).expect("a message is text"));
        }
    }
}

/// The blocks of a page that are messages.
fn shown(page: &str) -> Vec<Vec<String>> {
    let blocks = page.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next());
    let messages = blocks.filter(|block| block.starts_with("error") || block.starts_with("warning"));
    messages.map(|block| block.lines().map(|line| line.trim().to_owned()).collect()).collect()
}

/// Without the place of the case, which is not that of the reader.
fn without_place(message: &str) -> Vec<String> {
    message.lines().map(|line| line.trim().to_owned()).filter(|line| !line.starts_with("--> ")).collect()
}

#[test]
fn every_message_on_a_page_is_printed_by_a_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut messages = Vec::new();
    printed(&root.join("ui"), &mut messages);
    let printed: Vec<Vec<String>> = messages.iter().map(|message| without_place(message)).collect();
    let guide = fs::read_to_string(root.join("../docs/guide.md")).expect("the guide is there");
    let shown = shown(&guide);
    assert!(!shown.is_empty(), "the guide shows messages");
    for block in shown {
        let found = printed.iter().any(|message| message.windows(block.len()).any(|lines| lines == block));
        assert!(found, "no case prints this any more:\n{}", block.join("\n"));
    }
}
