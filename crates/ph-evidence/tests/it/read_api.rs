//! A log's tiles over HTTP, for whoever has the credential.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use ph_base::Disk;
use ph_evidence::read_api::{ReadCredential, router};
use ph_evidence::tile_dir::TileDir;
use tower::ServiceExt as _;

use crate::shared::{ledger_of, random};

fn get(dir: &std::path::Path, credential: ReadCredential, request: Request<Body>) -> Response<Body> {
    let router = router(TileDir::new(dir, Arc::new(Disk)), vec![credential]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(router.oneshot(request)).unwrap()
}

fn body(response: Response<Body>) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(to_bytes(response.into_body(), 1 << 20)).unwrap().to_vec()
}

#[test]
fn tiles_are_served_to_whoever_has_the_credential() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    ledger_of(dir, 300).head().unwrap();
    let (text, credential) = ReadCredential::new(&random());
    let authorized = |path: &str| {
        Request::builder().uri(path).header("authorization", format!("Bearer {text}")).body(Body::empty()).unwrap()
    };
    for name in ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"] {
        let response = get(dir, credential, authorized(&format!("/{name}")));
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        assert_eq!(response.headers()["content-type"], "application/octet-stream");
        assert!(response.headers()["cache-control"].to_str().unwrap().contains("immutable"));
        assert_eq!(body(response), std::fs::read(dir.join(name)).unwrap());
    }
    let response = get(dir, credential, authorized("/checkpoint"));
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(body(response), std::fs::read(dir.join("checkpoint")).unwrap());
    for path in [
        "/",
        "/tile/0/002",
        "/tile/0/001.p/45",
        "/tile/0/0",
        "/tile/0/x000/000",
        "/tile/0/000.p/256",
        "/tile/00/000",
        "/salt.key",
        "/ledger.json",
        "/entries/000001.seg",
        "/bodies/000001.seg",
        "/tile/../salt.key",
        "/tile/0/../../salt.key",
        "/tile/%2e%2e/salt.key",
        "/tile/0/..%2f..%2fsalt.key",
        "//checkpoint",
        "/checkpoint/",
        "/checkpoint?x",
        "/./checkpoint",
        "/tile/entries/../../salt.key",
        "/tile/64/000",
        "/heads/0000000300.note",
        "/tile/0/000/",
    ] {
        let response = get(dir, credential, authorized(path));
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(body(response).is_empty(), "{path}");
    }
    let mut post = authorized("/checkpoint");
    *post.method_mut() = axum::http::Method::POST;
    assert_eq!(get(dir, credential, post).status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn without_the_credential_nothing_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    ledger_of(dir, 3).head().unwrap();
    let random = random();
    let (text, credential) = ReadCredential::new(&random);
    let (other, _) = ReadCredential::new(&random);
    assert!(text.len() == 43 && credential.is(&text) && !credential.is(&other));
    assert_eq!(ReadCredential::of_digest(credential.digest()), credential);
    let short = text[..42].to_owned();
    let wrong = [
        vec![],
        vec![format!("Bearer {other}")],
        vec![format!("Bearer {short}")],
        vec![format!("Basic {text}")],
        vec![text.clone()],
        vec!["Bearer ".to_owned()],
        vec![format!("Bearer  {text}")],
        vec![format!("Bearer {text} ")],
        vec![format!("Bearer {text}"), format!("Bearer {text}")],
        vec![format!("Bearer {}", credential.digest().hex())],
    ];
    for path in ["/checkpoint", "/nothing"] {
        for headers in &wrong {
            let mut request = Request::builder().uri(path);
            for value in headers {
                request = request.header("authorization", value);
            }
            let response = get(dir, credential, request.body(Body::empty()).unwrap());
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{headers:?}");
            assert!(body(response).is_empty());
        }
    }
}
