//! What the verifier is built from: no C, no network, no async runtime, no SQL.

use std::process::Command;

/// Crates that compile C, or bind to a library of C.
const C: [&str; 4] = ["cc", "cmake", "bindgen", "pkg-config"];
/// Named as if it were C: constants of the kernel's interface, written in Rust (the width of the terminal is asked with them).
const RUST_AFTER_ALL: [&str; 1] = ["linux-raw-sys"];
/// What a verifier has no use for.
const OTHERS: [&str; 8] = ["tokio", "reqwest", "hyper", "rusqlite", "sqlx", "aws-lc-rs", "ring", "openssl"];

#[test]
fn there_is_no_c_in_the_closure() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let tree = Command::new(cargo)
        .args(["tree", "-p", "ph-verify", "-e", "normal,build", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    let names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"ph-proof") && names.contains(&"ruzstd") && names.len() > 50, "{text}");
    let is_bad = |name: &&&str| C.contains(name) || OTHERS.contains(name) || name.ends_with("-sys");
    let bad: Vec<&&str> = names.iter().filter(is_bad).filter(|name| !RUST_AFTER_ALL.contains(name)).collect();
    assert!(bad.is_empty(), "{bad:?}");
}
