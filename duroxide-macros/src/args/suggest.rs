//! What was probably meant.

/// The candidates in a sentence.
pub(super) fn listed(valid: &[&str]) -> String {
    format!("valid keys are {}", valid.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", "))
}

/// The candidate that was probably meant, as a help line; empty when none is near.
pub(super) fn nearest(written: &str, candidates: &[&str]) -> String {
    candidates
        .iter()
        .map(|candidate| (distance(&written.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(steps, candidate)| *steps <= 2.max(candidate.len() / 3) || begin_alike(written, candidate))
        .min()
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
        .unwrap_or_default()
}

/// `retries` for `retry`.
fn begin_alike(a: &str, b: &str) -> bool {
    a.chars().zip(b.chars()).take_while(|(left, right)| left == right).count() >= 4
}

/// How many letters must change to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
