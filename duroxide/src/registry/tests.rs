//! What names resolve to, and which registrations are refused.

use semver::Version;

use super::*;
use crate::context::orchestration::OrchestrationContext;

async fn echo(_: OrchestrationContext, input: String) -> Result<String, String> {
    Ok(input)
}

fn three() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("a", echo)
        .register_versioned("a", "1.2.0", echo)
        .register_versioned("a", "2.0.0", echo)
        .build()
}

#[test]
fn a_name_resolves_to_its_highest_version_unless_a_policy_says_otherwise() {
    let registry = three();
    let clone = registry.clone();
    assert_eq!(registry.resolve_version("a"), Some(Version::new(2, 0, 0)));
    registry.set_version_policy("a", VersionPolicy::Exact(Version::new(1, 2, 0)));
    assert_eq!(clone.resolve_version("a"), Some(Version::new(1, 2, 0)), "clones share policies");
    registry.set_version_policy("a", VersionPolicy::Exact(Version::new(9, 0, 0)));
    assert!(registry.resolve_handler("a").is_none(), "an exact version that is not there is no other version");
    assert!(registry.resolve_handler("b").is_none());
}

#[test]
fn duplicates_are_recorded_and_the_first_stays() {
    let twice = || OrchestrationRegistry::builder().register("a", echo).register("a", echo);
    assert_eq!(twice().build().count(), 1);
    assert_eq!(
        twice().merge(three()).build_result().err().unwrap(),
        "duplicate orchestration registration: a@1.0.0; duplicate orchestration in merge: a@1.0.0"
    );
}

#[test]
fn versions_must_grow_and_must_be_versions() {
    let message = |version: &'static str| {
        let panic = std::panic::catch_unwind(|| {
            let _ = OrchestrationRegistry::builder()
                .register_versioned("a", "2.0.0", echo)
                .register_versioned("a", version, echo);
        });
        *panic.unwrap_err().downcast::<String>().unwrap()
    };
    assert_eq!(
        message("1.0.0"),
        "non-monotonic orchestration version for a: 1.0.0 is not later than existing latest 2.0.0"
    );
    assert!(message("two").contains("Version should be valid semver"));
    let again = OrchestrationRegistry::builder().register_versioned("a", "2.0.0", echo);
    let again = again.register_versioned("a", "2.0.0", echo).build_result();
    assert_eq!(again.err().unwrap(), "duplicate orchestration registration: a@2.0.0");
}
