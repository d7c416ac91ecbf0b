//! Errors: categories, retryability and texts, exactly.

use duroxide::providers::ProviderError;
use duroxide::providers::error::ProviderError as SameByModule;
use duroxide::{AppErrorKind, ClientError, ConfigErrorKind, ErrorDetails, PoisonMessageType};

fn application(kind: AppErrorKind, message: &str, retryable: bool) -> ErrorDetails {
    ErrorDetails::Application { kind, message: message.to_string(), retryable }
}

fn poison(message_type: PoisonMessageType) -> ErrorDetails {
    ErrorDetails::Poison { attempt_count: 11, max_attempts: 10, message_type, message: "{}".to_string() }
}

fn configuration(message: Option<&str>) -> ErrorDetails {
    ErrorDetails::Configuration {
        kind: ConfigErrorKind::Nondeterminism,
        resource: "Checkout".to_string(),
        message: message.map(str::to_string),
    }
}

#[test]
fn details_have_category_retryability_and_text() {
    let infrastructure =
        ErrorDetails::Infrastructure { operation: "ack".to_string(), message: "locked".to_string(), retryable: true };
    let activity = PoisonMessageType::Activity {
        instance: "i".to_string(),
        execution_id: 1,
        activity_name: "Charge".to_string(),
        activity_id: 4,
    };
    let orchestration = PoisonMessageType::Orchestration { instance: "i".to_string(), execution_id: 1 };
    let unreadable = PoisonMessageType::FailedDeserialization {
        instance: "i".to_string(),
        execution_id: 1,
        error: "bad json".to_string(),
    };
    let cancelled = AppErrorKind::Cancelled { reason: "enough".to_string() };
    let table = [
        (infrastructure, "infrastructure", true, "infrastructure:ack: locked"),
        (configuration(Some("m")), "configuration", false, "nondeterministic: m"),
        (configuration(None), "configuration", false, "nondeterministic in Checkout"),
        (application(cancelled, "", false), "application", false, "canceled: enough"),
        (application(AppErrorKind::Panicked, "boom", false), "application", false, "orchestration panicked: boom"),
        (application(AppErrorKind::ActivityFailed, "no", true), "application", true, "no"),
        (application(AppErrorKind::OrchestrationFailed, "no", false), "application", false, "no"),
        (poison(orchestration), "poison", false, "poison: orchestration i exceeded 11 attempts (max 10)"),
        (poison(activity), "poison", false, "poison: activity Charge#4 exceeded 11 attempts (max 10)"),
        (
            poison(unreadable),
            "poison",
            false,
            "poison: orchestration i history deserialization failed after 11 attempts (max 10): bad json",
        ),
    ];
    for (details, category, retryable, text) in table {
        assert_eq!(details.category(), category);
        assert_eq!(details.is_retryable(), retryable);
        assert_eq!(details.display_message(), text);
        let json = serde_json::to_string(&details).expect("plain data");
        assert_eq!(serde_json::from_str::<ErrorDetails>(&json).expect("its own form"), details.clone());
    }
}

#[test]
fn the_wire_form_is_externally_tagged() {
    let json = serde_json::json!({"Configuration": {"kind": "Nondeterminism", "resource": "r", "surplus": 1}});
    let details: ErrorDetails = serde_json::from_value(json).expect("an absent option reads as none");
    let expected =
        ErrorDetails::Configuration { kind: ConfigErrorKind::Nondeterminism, resource: "r".to_string(), message: None };
    assert_eq!(details, expected);
}

#[test]
fn a_provider_error_is_built_and_shown() {
    let literal = ProviderError { operation: "read".to_string(), message: "gone".to_string(), retryable: false };
    assert_eq!(literal, ProviderError::permanent("read", String::from("gone")));
    assert_eq!(literal.to_string(), "read: gone");
    let retryable: SameByModule = ProviderError::retryable(String::from("ack"), "locked");
    assert!(retryable.is_retryable() && !literal.clone().is_retryable());
    let expected =
        ErrorDetails::Infrastructure { operation: "ack".to_string(), message: "locked".to_string(), retryable: true };
    assert_eq!(retryable.to_infrastructure_error(), expected);
    for unknown in [ProviderError::from("x"), ProviderError::from(String::from("x"))] {
        assert_eq!((unknown.operation.as_str(), unknown.retryable), ("unknown", true));
    }
    let _: Box<dyn std::error::Error + Send + Sync> = Box::new(literal);
}

#[test]
fn a_client_error_says_what_to_do() {
    let id = || "order".to_string();
    let table = [
        (ClientError::from(ProviderError::retryable("read", "busy")), true, "read: busy"),
        (ClientError::Provider(ProviderError::permanent("read", "gone")), false, "read: gone"),
        (
            ClientError::ManagementNotAvailable,
            false,
            "Management features not available - provider doesn't implement ProviderAdmin",
        ),
        (ClientError::InvalidInput { message: "m".into() }, false, "Invalid input: m"),
        (ClientError::Timeout, true, "Operation timed out"),
        (
            ClientError::InstanceStillRunning { instance_id: id() },
            false,
            "Instance order is still running. Use force=true or cancel first.",
        ),
        (
            ClientError::CannotDeleteSubOrchestration { instance_id: id() },
            false,
            "Cannot delete sub-orchestration order directly. Delete the root orchestration instead.",
        ),
        (ClientError::InstanceNotFound { instance_id: id() }, false, "Instance order not found"),
    ];
    for (error, retryable, text) in table {
        assert_eq!((error.is_retryable(), error.to_string().as_str()), (retryable, text));
        let _: &dyn std::error::Error = &error;
        match error.clone() {
            ClientError::Provider(_)
            | ClientError::ManagementNotAvailable
            | ClientError::InvalidInput { message: _ }
            | ClientError::Timeout
            | ClientError::InstanceStillRunning { instance_id: _ }
            | ClientError::CannotDeleteSubOrchestration { instance_id: _ }
            | ClientError::InstanceNotFound { instance_id: _ } => {}
        }
    }
}
