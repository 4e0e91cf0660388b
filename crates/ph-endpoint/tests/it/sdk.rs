//! The official Python SDKs against the endpoint, with only the base URL changed.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use ph_endpoint::{ServedModel, router};
use ph_local::{LoadOptions, LocalModel, LocalRuntime, RuntimeOptions};
use ph_testkit::skip;
use tokio::net::TcpListener;

use crate::client::options;
use crate::tiny;

/// The Python of the tools' environment (`cargo xtask test-tools`).
fn python() -> Option<PathBuf> {
    let home = std::env::var_os("HOME")?;
    let python = PathBuf::from(home).join(".cache/proofhouse/venv/bin/python");
    python.exists().then_some(python)
}

#[tokio::test]
async fn the_official_sdks_work() {
    let Some(python) = python() else { skip!("no Python tools; make them with `cargo xtask test-tools`") };
    let model = LocalModel::load(&tiny::files(&tiny::Shape::default()), &LoadOptions::default()).unwrap();
    let runtime = LocalRuntime::start(model, RuntimeOptions::new("local:tiny".parse().unwrap())).unwrap();
    let served = ServedModel { id: "org/tiny".to_owned(), model: Arc::new(runtime) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/sdk.py");
    let client = tokio::task::spawn_blocking(move || {
        Command::new(python).args([script, &address]).stdin(Stdio::null()).output()
    });
    let server = axum::serve(listener, router(vec![served], options())).into_future();
    let output = tokio::select! {
        _ = server => panic!("the server ended"),
        output = client => output.unwrap().unwrap(),
    };
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("all well"), "{said}");
}
