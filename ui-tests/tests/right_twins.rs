//! What each code allows, beside its mistake in `codes/`.
#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(dead_code, unreachable_pub, unused_qualifications, clippy::all, reason = "as pages show it")]

#[path = "../ui/codes/allowed/dx0001.rs"]
mod dx0001;
#[path = "../ui/codes/allowed/dx0002.rs"]
mod dx0002;
#[path = "../ui/codes/allowed/dx0003.rs"]
mod dx0003;
#[path = "../ui/codes/allowed/dx0004.rs"]
mod dx0004;
#[path = "../ui/codes/allowed/dx0005.rs"]
mod dx0005;
#[path = "../ui/codes/allowed/dx0006.rs"]
mod dx0006;
#[path = "../ui/codes/allowed/dx0007.rs"]
mod dx0007;
#[path = "../ui/codes/allowed/dx0008.rs"]
mod dx0008;
#[path = "../ui/codes/allowed/dx0009.rs"]
mod dx0009;
#[path = "../ui/codes/allowed/dx0010.rs"]
mod dx0010;
#[path = "../ui/codes/allowed/dx0011.rs"]
mod dx0011;
#[path = "../ui/codes/allowed/dx0012.rs"]
mod dx0012;
#[path = "../ui/codes/allowed/dx0013.rs"]
mod dx0013;
#[path = "../ui/codes/allowed/dx1000.rs"]
mod dx1000;
#[path = "../ui/codes/allowed/dx1001.rs"]
mod dx1001;
#[path = "../ui/codes/allowed/dx1002.rs"]
mod dx1002;
#[path = "../ui/codes/allowed/dx1003.rs"]
mod dx1003;
#[path = "../ui/codes/allowed/dx1004.rs"]
mod dx1004;
#[path = "../ui/codes/allowed/dx1005.rs"]
mod dx1005;
#[path = "../ui/codes/allowed/dx1006.rs"]
mod dx1006;
#[path = "../ui/codes/allowed/dx1007.rs"]
mod dx1007;
#[path = "../ui/codes/allowed/dx1008.rs"]
mod dx1008;
#[path = "../ui/codes/allowed/dx1009.rs"]
mod dx1009;
#[path = "../ui/codes/allowed/dx1010.rs"]
mod dx1010;
#[path = "../ui/codes/allowed/dx1011.rs"]
mod dx1011;
#[path = "../ui/codes/allowed/dx1012.rs"]
mod dx1012;
#[path = "../ui/codes/allowed/dx2001.rs"]
mod dx2001;
#[path = "../ui/codes/allowed/dx2002.rs"]
mod dx2002;

#[test]
fn it_compiles() {}
