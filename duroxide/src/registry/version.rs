//! Which version a name resolves to.

use semver::Version;

/// What a name without version resolves to.
#[derive(Clone, Debug)]
pub enum VersionPolicy {
    /// The highest version.
    Latest,
    /// This version.
    Exact(Version),
}

/// The version that `policy` picks from `versions`, which ascend.
pub(super) fn resolve<'a>(
    policy: Option<&VersionPolicy>,
    mut versions: impl DoubleEndedIterator<Item = &'a Version>,
) -> Option<Version> {
    match policy {
        None | Some(VersionPolicy::Latest) => versions.next_back().cloned(),
        Some(VersionPolicy::Exact(wanted)) => versions.find(|version| *version == wanted).cloned(),
    }
}
