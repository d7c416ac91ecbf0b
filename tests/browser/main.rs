//! The dashboard: its rules and pages by requests, and what a browser makes of them.

mod chromium;
mod pages;
mod request;
mod scene;
mod security;
mod seen;
