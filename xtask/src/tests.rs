//! The command line: what is understood, what is refused, and with which words.

use crate::dispatch;
use crate::failure::Failure;

fn refused(arguments: &[&str]) -> String {
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    match dispatch(&arguments) {
        Err(Failure::Usage(text)) => text,
        Err(Failure::Failed(text)) => panic!("{arguments:?} was understood, and failed: {text}"),
        Ok(()) => panic!("{arguments:?} was understood"),
    }
}

#[test]
fn an_unknown_command_is_told_the_valid_ones() {
    let text = refused(&["tset"]);
    assert!(text.starts_with("there is no command `tset`"), "{text}");
    for name in ["test", "tidy", "bless"] {
        assert!(text.contains(&format!("\n  {name} ")), "{name} is missing in {text}");
    }
}

#[test]
fn no_command_is_told_the_valid_ones() {
    assert!(refused(&[]).contains("usage: cargo xtask <command>"));
}

#[test]
fn an_unknown_step_is_told_the_valid_ones_before_any_step_runs() {
    let text = refused(&["test", "fmt", "clipy"]);
    assert!(text.starts_with("`test` has no step `clipy`"), "{text}");
    assert!(text.contains("\n  clippy "), "{text}");
}

#[test]
fn arguments_that_a_command_does_not_know_are_refused() {
    assert_eq!(refused(&["tidy", "--chek"]), "`tidy` takes `--check` or nothing, found `--chek`");
    assert_eq!(refused(&["bless", "all"]), "`bless` takes no arguments, found `all`");
    assert_eq!(refused(&["compat", "0.1"]), "`compat` takes no arguments, found `0.1`");
}

#[test]
fn help_is_not_a_failure() {
    assert!(dispatch(&["--help".to_owned()]).is_ok());
}
