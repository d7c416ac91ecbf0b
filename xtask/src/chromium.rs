//! The browser that the dashboard's tests look at its pages with.

use crate::debian::Needed;
use crate::failure::Failure;
use crate::workspace::Workspace;

/// The browser, and a font for it to write with.
const BROWSER: Needed = Needed {
    what: "Chromium is",
    packages: &["chromium", "fonts-dejavu-core"],
    is_installed: || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let is_in = |program: &&str| std::env::split_paths(&path).any(|folder| folder.join(program).exists());
        ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].iter().any(is_in)
    },
};

/// Installs the browser when it is missing and this may; says what to do otherwise.
pub(crate) fn ensure(_workspace: &Workspace) -> Result<(), Failure> {
    BROWSER.ensure()
}
