//! Writes the code map of ARCHITECTURE.md: every file, and why it exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::Mode;
use super::finding::{Finding, Weight};
use super::source::{Role, Source};
use crate::failure::Failure;

const PAGE: &str = "ARCHITECTURE.md";
const BEGIN: &str = "<!-- code map -->";
const END: &str = "<!-- /code map -->";

/// Brings the page up to date, or says that it is not.
pub(super) fn update(root: &Path, sources: &[Source], mode: Mode) -> Result<Option<Finding>, Failure> {
    let page = root.join(PAGE);
    let old = fs::read_to_string(&page).map_err(|error| Failure::because(format!("cannot read `{PAGE}`"), error))?;
    let Some(new) = splice(&old, &render(sources)) else {
        let instead = format!("add the two lines `{BEGIN}` and `{END}` where the map belongs");
        return Ok(Some(finding(1, "the page has no place for the code map", instead)));
    };
    if new == old {
        return Ok(None);
    }
    match mode {
        Mode::Write => {
            fs::write(&page, new).map_err(|error| Failure::because(format!("cannot write `{PAGE}`"), error))?;
            println!("{PAGE}: code map written");
            Ok(None)
        }
        Mode::Check => {
            let same = old.lines().zip(new.lines()).take_while(|(old, new)| old == new).count();
            Ok(Some(finding(same + 1, "the code map is out of date", "run `cargo xtask tidy`".to_owned())))
        }
    }
}

fn finding(line: usize, what: &str, instead: String) -> Finding {
    Finding { file: PAGE.to_owned(), line, weight: Weight::Error, what: what.to_owned(), instead }
}

/// The page with the map between its markers; `None` when they are missing.
pub(super) fn splice(page: &str, map: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{map}\n{END}{after}"))
}

/// One table for each folder, in the order of their paths.
pub(super) fn render(sources: &[Source]) -> String {
    let mut folders: BTreeMap<&str, Vec<(&str, &Source)>> = BTreeMap::new();
    for source in sources.iter().filter(|source| is_on_the_map(source)) {
        let (folder, name) = source.path.rsplit_once('/').unwrap_or((".", &source.path));
        folders.entry(folder).or_default().push((name, source));
    }
    let mut map = String::new();
    for (folder, mut files) in folders {
        // The file that opens a folder comes first, as a reader would take them.
        files.sort_by_key(|(name, _)| (!matches!(*name, "lib.rs" | "main.rs" | "mod.rs"), *name));
        map.push_str(&format!("\n**`{folder}/`**\n\n| file | why it exists |\n|---|---|\n"));
        for (name, source) in files {
            let purpose = source.first_line().trim_start_matches("//!").trim().replace('|', "\\|");
            map.push_str(&format!("| `{name}` | {purpose} |\n"));
        }
    }
    map
}

/// A file without a purpose is either exempt or already a finding; unit tests are known to be beside their module.
fn is_on_the_map(source: &Source) -> bool {
    let belongs = match source.role {
        Role::Product | Role::Example => true,
        Role::Test => !source.path.contains("/src/"),
        Role::Fixture => false,
    };
    belongs && source.first_line().starts_with("//!")
}
