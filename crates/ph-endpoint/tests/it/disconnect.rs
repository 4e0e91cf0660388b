//! A client that goes away ends its call, over a real socket.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::client::serving;
use crate::staged::Staged;

async fn check(stream: bool) {
    let model = Staged { pause: Duration::from_millis(50), ..Staged::saying(&["piece"; 1000]) };
    let router = serving(model.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = async {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let body =
            json!({ "model": "m", "stream": stream, "messages": [{ "role": "user", "content": "hi" }] }).to_string();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all((head + &body).as_bytes()).await.unwrap();
        if stream {
            let mut seen = Vec::new();
            while !String::from_utf8_lossy(&seen).contains("piece") {
                assert_ne!(socket.read_buf(&mut seen).await.unwrap(), 0);
            }
        }
        wait_for(|| model.begun.load(Ordering::SeqCst) == 1).await;
        drop(socket);
        wait_for(|| model.dropped.load(Ordering::SeqCst) == 1).await;
    };
    tokio::select! {
        _ = axum::serve(listener, router).into_future() => panic!("the server ended"),
        () = client => {}
    }
}

/// Fails after ten seconds; the call itself would take fifty.
async fn wait_for(is_so: impl Fn() -> bool) {
    for _ in 0..1000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen in time");
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_ends_its_call() {
    check(true).await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_reply_ends_its_call() {
    check(false).await;
}
