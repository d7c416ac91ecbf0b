//! Which module of the library may use which: the floors, and the walls around the pure core.

mod mentions;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, Weight};
use super::source::{Role, Source};
use mentions::Mention;
use table::{BANS, CORE, FACADE, FLOORS, FOR_OTHERS, OUTSIDE, Whom};

const LIBRARY: &str = "duroxide/src/";
const TABLE: &str = "xtask/src/tidy/floors/table.rs";

/// What is wrong with a path, and what to do instead.
type Problem = (String, String);

/// Findings for a file of the library that stands on a floor.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    let Some(module) = module_of(&source.path).filter(|_| source.role == Role::Product) else {
        return Vec::new();
    };
    let finding = |line, (what, instead): Problem| Finding {
        file: source.path.clone(),
        line,
        weight: Weight::Error,
        what,
        instead,
    };
    if floor_of(&module[0]).is_none() {
        let what = format!("module `{}` has no floor", module[0]);
        return vec![finding(1, (what, format!("give it one in {TABLE}")))];
    }
    let mentions = mentions::collect(&module, &source.syntax);
    let bound = bindings(&mentions);
    // One line may name the same path twice; it is told once.
    let problems: BTreeSet<(usize, Problem)> =
        mentions.iter().filter_map(|mention| Some((mention.line, judge(mention, &bound)?))).collect();
    problems.into_iter().map(|(line, problem)| finding(line, problem)).collect()
}

/// Input: `duroxide/src/replay/turn.rs`. Output: `["replay", "turn"]`; nothing for what stands outside.
fn module_of(path: &str) -> Option<Vec<String>> {
    let inside = path.strip_prefix(LIBRARY)?.strip_suffix(".rs")?;
    let mut module: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|name| name == "mod") {
        module.pop();
    }
    (!OUTSIDE.contains(&module[0].as_str())).then_some(module)
}

/// Names that the file's `use` items bind, with the whole path behind each.
fn bindings(mentions: &[Mention]) -> BTreeMap<&str, Vec<String>> {
    let bound = mentions.iter().filter_map(|mention| Some((mention.binds.as_deref()?, absolute(mention))));
    bound.filter(|(name, path)| path[0] != *name).collect()
}

/// `super` and `self` resolved; `crate` stays the first word of a path inside the library.
fn absolute(mention: &Mention) -> Vec<String> {
    let mut module = mention.module.clone();
    let mut rest = mention.path.as_slice();
    while let Some((first, tail)) = rest.split_first() {
        match first.as_str() {
            "self" => {}
            "super" => drop(module.pop()),
            _ if rest.len() == mention.path.len() => return mention.path.clone(),
            _ => break,
        }
        rest = tail;
    }
    [&["crate".to_owned()][..], &module, rest].concat()
}

/// A path is judged as written; one that begins with a bound name is judged as what that name stands for.
fn judge(mention: &Mention, bound: &BTreeMap<&str, Vec<String>>) -> Option<Problem> {
    let path = absolute(mention);
    let own = &mention.module[0];
    match bound.get(path[0].as_str()).filter(|_| mention.binds.is_none()) {
        None => problem(own, &path),
        // When the `use` itself is a finding, its every use would only repeat it.
        Some(behind) if problem(own, behind).is_some() => None,
        Some(behind) => problem(own, &[&behind[..], &path[1..]].concat()),
    }
}

fn problem(own: &str, path: &[String]) -> Option<Problem> {
    match path {
        [root, module, ..] if root == "crate" => climbs(own, module),
        // A macro names the root for its user's sake; only a module with a floor tells where it leads.
        [root, module, ..] if root == "$crate" => floor_of(module).and_then(|_| climbs(own, module)),
        _ => banned(own, path),
    }
}

/// The floor rule.
fn climbs(own: &str, used: &str) -> Option<Problem> {
    let from = floor_of(own)?;
    if own == used {
        return None;
    }
    let Some(to) = floor_of(used) else {
        let what = format!("`crate::{used}` goes through the root, which hides the floor it comes from");
        return Some((what, format!("name the module that owns it, or give `{used}` a floor in {TABLE}")));
    };
    if FOR_OTHERS.contains(&used) && own != FACADE {
        let what = format!("`{own}` uses `{used}`, which only serves programs outside");
        return Some((what, "use what it adapts".to_owned()));
    }
    if to < from {
        return None;
    }
    let place = if to == from { "beside" } else { "above" };
    let what = format!("`{own}` (floor {from}) uses `crate::{used}` (floor {to}), which is {place} it");
    Some((what, format!("pass it in as a value, or move what both need below floor {from}")))
}

/// The walls: foreign paths that this module may not name.
fn banned(own: &str, path: &[String]) -> Option<Problem> {
    let concerned = |whom: &Whom| match whom {
        Whom::Core => CORE.contains(&own),
        Whom::AllBut(allowed) => own != *allowed,
    };
    let normal = through_std(path);
    let begins = |banned: &[&str]| banned.len() <= normal.len() && banned.iter().zip(&normal).all(|(a, b)| a == b);
    let ban = BANS.iter().find(|ban| concerned(&ban.whom) && ban.paths.iter().any(|path| begins(path)))?;
    Some((format!("`{own}` names `{}`, but {}", path.join("::"), ban.why), ban.instead.to_owned()))
}

/// The same path under the one name that the table knows.
fn through_std(path: &[String]) -> Vec<&str> {
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["std", "collections", "hash_map", "RandomState", rest @ ..] => {
            [&["std", "hash", "RandomState"][..], rest].concat()
        }
        ["core", rest @ ..] => [&["std"][..], rest].concat(),
        other => other.to_vec(),
    }
}

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}
