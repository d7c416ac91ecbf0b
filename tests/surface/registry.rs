//! Registries: builders, versions, policies, and what is told about mistakes.

use std::sync::Arc;

use duroxide::runtime::registry::{ActivityRegistry, ActivityRegistryBuilder, Registry, RegistryBuilder};
use duroxide::runtime::{ActivityHandler, FnActivity, FnOrchestration, OrchestrationHandler, VersionPolicy};
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry, OrchestrationRegistryBuilder};
use semver::Version;

async fn flow(_ctx: OrchestrationContext, input: String) -> Result<String, String> {
    Ok(input)
}

async fn act(_ctx: ActivityContext, input: String) -> Result<String, String> {
    Ok(input)
}

async fn typed_flow(_ctx: OrchestrationContext, input: Vec<u8>) -> Result<usize, String> {
    Ok(input.len())
}

async fn typed_act(_ctx: ActivityContext, input: u32) -> Result<u32, String> {
    Ok(input + 1)
}

#[test]
fn the_aliases_are_of_one_generic_type() {
    fn names<H: ?Sized>(registry: &Registry<H>) -> usize {
        registry.count()
    }
    let orchestrations: Registry<dyn OrchestrationHandler> =
        OrchestrationRegistry::builder().register("A", flow).build();
    let activities: Registry<dyn ActivityHandler> = ActivityRegistry::builder().register("A", act).build();
    assert_eq!((names(&orchestrations), names(&activities)), (1, 1));
    let _: RegistryBuilder<dyn ActivityHandler> = ActivityRegistryBuilder::from_registry(&activities);
    let _: OrchestrationRegistryBuilder = OrchestrationRegistry::builder_from(&orchestrations);
    assert_eq!((ActivityRegistry::default().count(), OrchestrationRegistry::default().clone().count()), (0, 0));
}

#[test]
fn handlers_are_objects_and_functions() {
    let _: Arc<dyn OrchestrationHandler> = Arc::new(FnOrchestration(flow));
    let _: Arc<dyn ActivityHandler> = Arc::new(FnActivity(act));
}

/// A closure that cannot be cloned.
#[test]
fn a_typed_activity_may_own_what_cannot_be_copied() {
    let seen = std::sync::atomic::AtomicU32::new(0);
    let registry = ActivityRegistry::builder().register_typed("Count", move |_: ActivityContext, by: u32| {
        let count = seen.fetch_add(by, std::sync::atomic::Ordering::SeqCst);
        async move { Ok::<u32, String>(count) }
    });
    assert!(registry.build().has("Count"));
}

#[test]
fn every_way_to_register_takes_strings_of_any_kind() {
    let registry = OrchestrationRegistry::builder()
        .register("A", flow)
        .register(String::from("B"), |_: OrchestrationContext, input: String| async move { Ok(input) })
        .register_typed::<Vec<u8>, usize, _, _>("C", typed_flow)
        .register_versioned("A", "2.0.0", flow)
        .register_versioned(String::from("A"), String::from("2.1.0"), flow)
        .register_versioned_typed::<Vec<u8>, usize, _, _>("C", "2.0.0", typed_flow)
        .register_all(vec![("D", flow), ("E", flow)])
        .set_policy("A", VersionPolicy::Exact(Version::new(2, 0, 0)))
        .build_result()
        .unwrap();
    let mut names: Vec<String> = registry.list_names();
    names.sort();
    assert_eq!(names, ["A", "B", "C", "D", "E"]);
    assert_eq!(registry.list_versions("A"), [Version::new(1, 0, 0), Version::new(2, 0, 0), Version::new(2, 1, 0)]);
    assert!(registry.has("C") && !registry.has("Z") && registry.count() == 5);
    let (version, _handler): (Version, Arc<dyn OrchestrationHandler>) = registry.resolve_handler("A").unwrap();
    assert_eq!(version, Version::new(2, 0, 0));
    assert!(registry.resolve_handler_exact("A", &Version::new(1, 0, 0)).is_some());
    assert_eq!(registry.resolve_version("C"), Some(Version::new(2, 0, 0)));

    let shared = registry.clone();
    registry.set_version_policy("A", VersionPolicy::Latest);
    assert_eq!(shared.resolve_version("A"), Some(Version::new(2, 1, 0)), "clones share their policies");

    let activities = ActivityRegistry::builder()
        .register("A", act)
        .register_typed::<u32, u32, _, _>(String::from("B"), typed_act)
        .register_all(vec![("C", act)])
        .merge(ActivityRegistry::builder().register("D", act).build())
        .build_result()
        .unwrap();
    assert_eq!(activities.count(), 4);
    assert_eq!(activities.resolve_version("A"), Some(Version::new(1, 0, 0)));
}

#[test]
fn mistakes_are_told_in_these_words() {
    let one = || OrchestrationRegistry::builder().register("A", flow);
    let act_one = || ActivityRegistry::builder().register("A", act);
    let table = [
        (one().register("A", flow).build_result().err(), "duplicate orchestration registration: A@1.0.0"),
        (
            one().register_versioned("A", "1.0.0", flow).build_result().err(),
            "duplicate orchestration registration: A@1.0.0",
        ),
        (one().merge(one().build()).build_result().err(), "duplicate orchestration in merge: A@1.0.0"),
        (act_one().register("A", act).build_result().err(), "duplicate activity registration: A@1.0.0"),
        (act_one().merge(act_one().build()).build_result().err(), "duplicate activity in merge: A@1.0.0"),
        (act_one().merge_registry(act_one().build(), "twice").build_result().err(), "twice: A@1.0.0"),
        (
            one().register("A", flow).register_all(vec![("A", flow)]).build_result().err(),
            "duplicate orchestration registration: A@1.0.0; duplicate orchestration registration: A@1.0.0",
        ),
    ];
    for (error, text) in table {
        assert_eq!(error.as_deref(), Some(text));
    }
    assert_eq!(one().register("A", flow).build().count(), 1, "build keeps the first and says nothing");
}

#[test]
fn a_helper_of_the_program_can_register_many() {
    let builder = OrchestrationRegistry::builder()
        .register_all_handlers(vec![("A", flow), ("B", flow)], |builder, name, f| {
            builder.register(format!("app::{name}"), f)
        });
    assert!(builder.build().has("app::B"));
}

#[test]
#[should_panic(expected = "Version should be valid semver")]
fn a_version_that_is_none_panics() {
    let _ = OrchestrationRegistry::builder().register_versioned("A", "two", flow);
}

#[test]
#[should_panic(expected = "non-monotonic orchestration version for A: 0.9.0 is not later than existing latest 1.0.0")]
fn an_earlier_version_panics() {
    let _ = OrchestrationRegistry::builder().register("A", flow).register_versioned("A", "0.9.0", flow);
}
