//! The mistakes are there only when the net is tested: everywhere else this crate has to be clean.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(mistakes)");
    println!("cargo::rerun-if-env-changed=DUROXIDE_CLIPPY_NET");
    if std::env::var_os("DUROXIDE_CLIPPY_NET").is_some() {
        println!("cargo::rustc-cfg=mistakes");
    }
}
