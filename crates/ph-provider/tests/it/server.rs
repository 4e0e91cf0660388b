//! A server on a thread of its own: for each request it plays the steps that the test gives.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ph_base::Timestamp;
use ph_model::wire::Dialect;
use ph_model::{GenerateConfig, Message, ModelRequest, OutputChunk, OutputSink, TargetName};
use ph_provider::{ApiKey, HttpModel, HttpModelSettings, Timeouts};
use ph_testkit::FixedClock;

/// The key that every test sends.
pub(crate) const KEY: &str = "sk-test-credential";

/// What the server does next.
#[derive(Clone)]
pub(crate) enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Waits, in milliseconds.
    Wait(u64),
    /// Ends the connection with a reset.
    Reset,
}

/// A request as it came.
#[derive(Clone)]
pub(crate) struct Received {
    /// The head, as text.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// A server that plays one script for every request.
pub(crate) struct Server {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// Starts one.
    pub(crate) fn start(script: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                play(stream, &script, &log);
            }
        });
        Self { address, received }
    }

    /// One that answers with this body.
    pub(crate) fn answering(status: &str, headers: &str, body: &str) -> Self {
        Self::start(vec![Step::Send(reply(status, headers, body))])
    }

    /// The base URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

/// A reply with a true length.
pub(crate) fn reply(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}").into_bytes()
}

/// The head of a stream of events; the connection's end ends it.
pub(crate) fn stream_head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_vec()
}

fn play(mut stream: TcpStream, script: &[Step], log: &Mutex<Vec<Received>>) {
    let Some(head) = read_head(&mut stream) else { return };
    let resets = script.iter().any(|step| matches!(step, Step::Reset));
    let mut body = Vec::new();
    // A connection closed over unread bytes is reset by the system.
    if !resets {
        let lower = head.to_ascii_lowercase();
        let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        body.resize(length.unwrap_or(0), 0);
        stream.read_exact(&mut body).unwrap();
    }
    log.lock().unwrap().push(Received { head, body });
    for step in script {
        match step {
            Step::Send(bytes) => {
                if stream.write_all(bytes).is_err() {
                    return;
                }
            }
            Step::Wait(ms) => wait(*ms),
            Step::Reset => return,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the server has a thread of its own")]
fn wait(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// The settings of a model at `url`, with short time limits.
pub(crate) fn settings(dialect: Dialect, url: &str) -> HttpModelSettings {
    let target = TargetName::OpenAiApi { service: "test".into(), model: "m".into() };
    let mut settings = HttpModelSettings::new(target, dialect, url, "m");
    settings.api_key = Some(ApiKey::new(KEY));
    settings.timeouts = Timeouts {
        connect: Duration::from_secs(2),
        first_byte: Duration::from_millis(600),
        between_chunks: Duration::from_millis(400),
        call: Duration::from_secs(5),
    };
    settings
}

/// The model of these settings; its clock stands at Sun, 22 Nov 2026 07:43:31 GMT.
pub(crate) fn model(settings: HttpModelSettings) -> HttpModel {
    HttpModel::new(settings, Arc::new(FixedClock::at(Timestamp(1_795_333_411_000)))).unwrap()
}

/// A small request.
pub(crate) fn request() -> ModelRequest {
    let config = GenerateConfig { max_tokens: Some(5), ..GenerateConfig::default() };
    ModelRequest { messages: vec![Message::user("hello")], config, ..ModelRequest::default() }
}

/// Keeps the pieces of a stream; ends the call after `pieces_max`.
pub(crate) struct Pieces {
    /// What came.
    pub(crate) seen: Vec<OutputChunk>,
    /// How many are wanted.
    pub(crate) pieces_max: usize,
}

impl Pieces {
    /// Keeps all.
    pub(crate) fn all() -> Self {
        Self { seen: Vec::new(), pieces_max: usize::MAX }
    }
}

impl OutputSink for Pieces {
    fn chunk(&mut self, chunk: OutputChunk) -> bool {
        self.seen.push(chunk);
        self.seen.len() < self.pieces_max
    }
}
