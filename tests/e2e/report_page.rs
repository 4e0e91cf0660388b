//! The report page opened in a real browser: it renders, it asks for nothing from outside, axe finds nothing in it, in
//! light and dark; and printed it holds what is folded on the screen.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ph_testkit::skip;
use serde_json::Value;

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
    "--hide-scrollbars",
];
const DARK: &str = "--blink-settings=preferredColorScheme=0";
/// The rules of WCAG 2.2 AA and those that axe itself recommends; whatever breaks one comes into the document as JSON.
const RUN_AXE: &str = "
axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then(found => {
  const result = document.createElement('pre');
  result.id = 'axe-result';
  const broken = found.violations.map(rule => ({ rule: rule.id, first: rule.nodes[0].html.slice(0, 200) }));
  result.textContent = JSON.stringify({ broken, passed: found.passes.length }).replace(/</g, '\\\\u003c');
  document.body.append(result);
});";

fn has_chromium() -> bool {
    Command::new("chromium").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// A small assessment's page.
fn page(folder: &Path) -> PathBuf {
    let arguments = ["assess", "reference/hijackable", "--suite", "planted-instructions", "--out", "out", "--json"];
    let (code, _) = json_in(folder, &arguments);
    assert_eq!(code, Some(0));
    folder.join("out/report/report.html")
}

/// Opens a page in a browser of its own.
fn chromium(folder: &Path, page: &Path, arguments: &[&str]) -> Output {
    let profile = tempfile::tempdir_in(folder).unwrap();
    Command::new("chromium")
        .args(FLAGS)
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap()
}

#[test]
fn the_page_opens_in_a_browser() {
    if !has_chromium() {
        skip!("chromium is not installed and could not be");
    }
    let folder = tempfile::tempdir().unwrap();
    let page = page(folder.path());
    let output = chromium(folder.path(), &page, &["--dump-dom", "--enable-logging=stderr"]);
    let dom = String::from_utf8_lossy(&output.stdout);
    assert!(dom.contains("reference/hijackable") && dom.contains("</html>"), "{dom:.2000}");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!log.contains("Content Security Policy"), "the page's own style breaks its policy: {log}");
    let source = std::fs::read_to_string(&page).unwrap();
    for outside in ["<script", "http-equiv=\"refresh\"", "src=\"http", "href=\"http", "url(http", "@import"] {
        assert!(!source.contains(outside), "{outside}");
    }
}

#[test]
fn the_page_is_drawn_in_light_and_dark_and_printed_whole() {
    if !has_chromium() {
        skip!("chromium is not installed and could not be");
    }
    let folder = tempfile::tempdir().unwrap();
    let page = page(folder.path());
    let draw = |name: &str, more: &[&str]| {
        let shot = folder.path().join(name);
        let argument = format!("--screenshot={}", shot.display());
        let arguments: Vec<&str> =
            [&argument, "--window-size=1200,3000"].into_iter().chain(more.iter().copied()).collect();
        chromium(folder.path(), &page, &arguments);
        std::fs::read(&shot).unwrap()
    };
    let (light, dark) = (draw("light.png", &[]), draw("dark.png", &[DARK]));
    assert!(light.len() > 50_000 && dark.len() > 50_000 && light != dark);
    // Printed, the folded transcripts take pages: with them taken out of the page it is shorter.
    let printed = |page: &Path, name: &str| {
        let pdf = folder.path().join(name);
        chromium(folder.path(), page, &["--no-pdf-header-footer", &format!("--print-to-pdf={}", pdf.display())]);
        pages(&std::fs::read(&pdf).unwrap())
    };
    let source = std::fs::read_to_string(&page).unwrap();
    let cut = folder.path().join("cut.html");
    let (before, _) = source.split_once("<section aria-labelledby=\"transcripts\">").unwrap();
    std::fs::write(&cut, before).unwrap();
    let (whole, without) = (printed(&page, "whole.pdf"), printed(&cut, "cut.pdf"));
    assert!(whole > without + 1, "{whole} pages with transcripts, {without} without");
}

/// Pages of a PDF as the browser writes it.
fn pages(pdf: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pdf);
    text.matches("/Type /Page").count() - text.matches("/Type /Pages").count()
}

#[test]
fn axe_finds_nothing_in_light_and_dark() {
    if !has_chromium() {
        skip!("chromium is not installed and could not be");
    }
    let Some(axe) = std::env::var_os("PROOFHOUSE_AXE") else { skip!("no axe-core: set PROOFHOUSE_AXE") };
    let folder = tempfile::tempdir().unwrap();
    let source = std::fs::read_to_string(page(folder.path())).unwrap();
    let axe = std::fs::read_to_string(axe).unwrap().replace("</script", "<\\/script");
    let examined = folder.path().join("examined.html");
    // A copy without the policy, which forbids every script, and with everything unfolded, so that axe sees it.
    let open = without_policy(&source).replace("<details", "<details open");
    std::fs::write(
        &examined,
        open.replace("</body>", &format!("<script>{axe}</script><script>{RUN_AXE}</script></body>")),
    )
    .unwrap();
    for scheme in [&[][..], &[DARK]] {
        let arguments: Vec<&str> =
            ["--virtual-time-budget=60000", "--dump-dom"].into_iter().chain(scheme.iter().copied()).collect();
        let output = chromium(folder.path(), &examined, &arguments);
        let dom = String::from_utf8_lossy(&output.stdout);
        let (_, rest) = dom.rsplit_once("<pre id=\"axe-result\">").expect("axe came to its end");
        let result: Value = serde_json::from_str(rest.split("</pre>").next().unwrap()).unwrap();
        assert_eq!(result["broken"], Value::Array(Vec::new()), "{scheme:?}");
        assert!(result["passed"].as_u64().unwrap() > 20, "axe looked at nothing");
    }
}

fn without_policy(source: &str) -> String {
    let (before, rest) = source.split_once("<meta http-equiv=\"Content-Security-Policy\"").unwrap();
    let (_, after) = rest.split_once('>').unwrap();
    format!("{before}{after}")
}
