//! Runs the example of transactions on a private server.
#![cfg(feature = "postgres")]

use std::path::Path;
use std::process::Command;

#[test]
fn an_order_that_is_undone_starts_nothing_and_one_that_is_committed_is_paid() {
    let this = std::env::current_exe().unwrap();
    let folder = this.parent().and_then(Path::parent).unwrap().join("examples");
    let example = folder.join(format!("08_transactions{}", std::env::consts::EXE_SUFFIX));
    let output = Command::new(example).env_remove("DATABASE_URL").output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(stdout.contains("undone: NotFound"), "{stdout}");
    assert!(stdout.contains("committed: paid by Ada, 1299 cents in the till"), "{stdout}");
}
