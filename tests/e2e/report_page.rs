//! The report page opened in a real browser: it renders, it asks for nothing from outside.

use std::process::Command;

use ph_testkit::skip;

use crate::program::json_in;

const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--dump-dom",
];

#[test]
fn the_page_opens_in_a_browser() {
    if !Command::new("chromium").arg("--version").output().is_ok_and(|output| output.status.success()) {
        skip!("chromium is not installed and could not be");
    }
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["assess", "reference/hijackable", "--suite", "planted-instructions", "--out", "out", "--json"];
    let (code, _) = json_in(folder.path(), &arguments);
    assert_eq!(code, Some(0));
    let profile = folder.path().join("profile");
    let page = folder.path().join("out/report/report.html");
    let output = Command::new("chromium")
        .args(FLAGS)
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    assert!(dom.contains("reference/hijackable") && dom.contains("</html>"), "{dom:.2000}");
    let source = std::fs::read_to_string(&page).unwrap();
    for outside in ["<script", "http-equiv=\"refresh\"", "src=\"http", "href=\"http", "url(http", "@import"] {
        assert!(!source.contains(outside), "{outside}");
    }
}
