//! The official SDKs read the stub's replies.

use std::path::Path;
use std::process::Command;

use ph_testkit::stub::{Stub, StubConfig};

/// Names the Python that has the SDKs; `cargo xtask test-tools` prepares one.
const PYTHON_VARIABLE: &str = "PROOFHOUSE_PYTHON";

fn python() -> Option<String> {
    let python = std::env::var(PYTHON_VARIABLE).unwrap_or_else(|_| "python3".to_owned());
    let imports = "import openai, anthropic, google.genai";
    let found = Command::new(&python).args(["-c", imports]).output().ok()?.status.success();
    found.then_some(python)
}

#[test]
fn the_official_sdks_read_every_dialect() {
    let Some(python) = python() else {
        ph_testkit::skip!("no Python with the model SDKs: run `cargo xtask test-tools` and set PROOFHOUSE_PYTHON");
    };
    let stub = Stub::start(StubConfig::default()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/check_stub.py");
    let output = Command::new(python)
        .arg(script)
        .arg(stub.port().to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let checks: u32 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    assert!(checks >= 130, "only {checks} checks ran");
}
