//! Who may take which work: tags, versions, capabilities.

use std::collections::HashSet;
use std::time::Duration;

use semver::Version;

use super::VERSION;
use super::limits::MAX_WORKER_TAGS;

/// Which activities a worker takes, by their tag.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TagFilter {
    /// Only those without a tag.
    #[default]
    DefaultOnly,
    /// Only those with one of these tags.
    Tags(HashSet<String>),
    /// Those without a tag and those with one of these.
    DefaultAnd(HashSet<String>),
    /// All.
    Any,
    /// None: the process runs orchestrations only.
    None,
}

impl TagFilter {
    /// Only activities with one of these tags.
    ///
    /// # Panics
    /// When `tags` is empty or has more than [`MAX_WORKER_TAGS`](crate::runtime::limits::MAX_WORKER_TAGS).
    pub fn tags<I, S>(tags: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        TagFilter::Tags(checked("TagFilter::tags", tags))
    }

    /// Activities without a tag and those with one of these.
    ///
    /// # Panics
    /// When `tags` is empty or has more than [`MAX_WORKER_TAGS`](crate::runtime::limits::MAX_WORKER_TAGS).
    pub fn default_and<I, S>(tags: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        TagFilter::DefaultAnd(checked("TagFilter::default_and", tags))
    }

    /// Only activities without a tag.
    pub fn default_only() -> Self {
        TagFilter::DefaultOnly
    }

    /// No activities.
    pub fn none() -> Self {
        TagFilter::None
    }

    /// All activities.
    pub fn any() -> Self {
        TagFilter::Any
    }

    /// Whether an activity with this tag passes.
    pub fn matches(&self, tag: Option<&str>) -> bool {
        match self {
            TagFilter::DefaultOnly => tag.is_none(),
            TagFilter::Tags(tags) => tag.is_some_and(|tag| tags.contains(tag)),
            TagFilter::DefaultAnd(tags) => tag.is_none_or(|tag| tags.contains(tag)),
            TagFilter::Any => true,
            TagFilter::None => false,
        }
    }
}

fn checked<I, S>(what: &str, tags: I) -> HashSet<String>
where
    I: IntoIterator<Item = S>,
    S: Into<String>,
{
    let tags: HashSet<String> = tags.into_iter().map(Into::into).collect();
    assert!(!tags.is_empty(), "{what} requires at least one tag");
    assert!(tags.len() <= MAX_WORKER_TAGS, "{what} takes at most {MAX_WORKER_TAGS} tags, got {}", tags.len());
    tags
}

/// A range of versions, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SemverRange {
    /// Lowest.
    pub min: Version,
    /// Highest.
    pub max: Version,
}

impl SemverRange {
    /// From `min` to `max`, both included.
    pub fn new(min: Version, max: Version) -> Self {
        SemverRange { min, max }
    }

    /// Whether `version` lies inside.
    pub fn contains(&self, version: &Version) -> bool {
        *version >= self.min && *version <= self.max
    }

    /// From 0.0.0 to the version of this build.
    pub fn default_for_current_build() -> Self {
        SemverRange::new(Version::new(0, 0, 0), current_build_version())
    }
}

/// Which executions a dispatcher can replay, by the version that began them.
#[derive(Debug, Clone)]
pub struct DispatcherCapabilityFilter {
    /// Supported ranges; stores look at the first only.
    pub supported_duroxide_versions: Vec<SemverRange>,
}

impl DispatcherCapabilityFilter {
    /// Whether any range contains `version`.
    pub fn is_compatible(&self, version: &Version) -> bool {
        self.supported_duroxide_versions.iter().any(|range| range.contains(version))
    }

    /// Everything up to this build.
    pub fn default_for_current_build() -> Self {
        DispatcherCapabilityFilter { supported_duroxide_versions: vec![SemverRange::default_for_current_build()] }
    }
}

/// What a filter comes to for a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capability {
    /// All.
    Any,
    /// None.
    Nothing,
    /// Those begun by a version (major, minor, patch) in this range, both ends included, or by no recorded one.
    Range([u64; 3], [u64; 3]),
}

impl Capability {
    /// Only the first range counts, as the contract has it.
    pub(crate) fn of(filter: Option<&DispatcherCapabilityFilter>) -> Self {
        match filter.map(|filter| filter.supported_duroxide_versions.first()) {
            None => Capability::Any,
            Some(None) => Capability::Nothing,
            Some(Some(range)) => Capability::Range(numbers(&range.min), numbers(&range.max)),
        }
    }

    /// Whether an execution may be taken that this version began.
    pub(crate) fn covers(self, began: Option<&Version>) -> bool {
        match self {
            Capability::Any => true,
            Capability::Nothing => false,
            Capability::Range(min, max) => began.is_none_or(|began| (min..=max).contains(&numbers(began))),
        }
    }
}

fn numbers(version: &Version) -> [u64; 3] {
    [version.major, version.minor, version.patch]
}

/// The version of this build.
pub fn current_build_version() -> Version {
    Version::parse(VERSION).expect("cargo only builds packages with a semver version")
}

/// How a worker takes part in sessions.
#[derive(Debug, Clone)]
pub struct SessionFetchConfig {
    /// Who owns the sessions it takes.
    pub owner_id: String,
    /// How long it owns them without renewal.
    pub lock_timeout: Duration,
}
