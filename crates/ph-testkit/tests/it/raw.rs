//! A client that sees every byte: a plain socket.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use ph_testkit::stub::{Dialect, Stub};
use serde_json::{Value, json};

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The server closed it.
    Closed,
    /// The server reset it.
    Reset,
    /// Nothing came for the time we waited.
    Silent,
}

/// Everything that came.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: End,
}

impl Received {
    /// The head's lines, and what follows it.
    pub(crate) fn split(&self) -> (&str, &[u8]) {
        let at = self.bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("no end of the head");
        (std::str::from_utf8(&self.bytes[..at]).unwrap(), &self.bytes[at + 4..])
    }

    pub(crate) fn status(&self) -> u16 {
        self.split().0.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.split().0.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// The body without its chunks' framing.
    pub(crate) fn body(&self) -> Vec<u8> {
        let (_, mut rest) = self.split();
        if self.header("transfer-encoding").is_none() {
            return rest.to_vec();
        }
        let mut body = Vec::new();
        while let Ok(httparse::Status::Complete((begin, size))) = httparse::parse_chunk_size(rest) {
            let end = begin + usize::try_from(size).unwrap();
            body.extend_from_slice(&rest[begin..end]);
            rest = &rest[end + 2..];
        }
        body
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body()).unwrap()
    }

    /// The documents of a stream's events, without `[DONE]`.
    pub(crate) fn documents(&self) -> Vec<Value> {
        let text = self.text();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
        data.map(|data| serde_json::from_str(data).unwrap()).collect()
    }
}

/// Path and body of a call with one user message.
pub(crate) fn call(dialect: Dialect, model: &str, prompt: &str, stream: bool) -> (String, Value) {
    let messages = json!([{"role": "user", "content": prompt}]);
    match dialect {
        Dialect::OpenAiChat => {
            ("/v1/chat/completions".to_owned(), json!({"model": model, "messages": messages, "stream": stream}))
        }
        Dialect::OpenAiResponses => {
            ("/v1/responses".to_owned(), json!({"model": model, "input": prompt, "stream": stream}))
        }
        Dialect::Anthropic => (
            "/v1/messages".to_owned(),
            json!({"model": model, "messages": messages, "stream": stream, "max_tokens": 1000}),
        ),
        Dialect::Google => {
            let verb = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
            let contents = json!([{"role": "user", "parts": [{"text": prompt}]}]);
            (format!("/v1beta/models/{model}:{verb}"), json!({"contents": contents}))
        }
    }
}

/// The bytes of a request.
pub(crate) fn post(path: &str, body: &Value, headers: &str) -> Vec<u8> {
    let body = body.to_string();
    format!("POST {path} HTTP/1.1\r\nhost: stub\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Sends bytes and reads until the end, or until nothing came for `patience`.
pub(crate) fn exchange(stub: &Stub, request: &[u8], patience: Duration) -> Received {
    let mut socket = TcpStream::connect(stub.address()).unwrap();
    socket.set_read_timeout(Some(patience)).unwrap();
    socket.write_all(request).unwrap();
    let mut bytes = Vec::new();
    let mut block = vec![0; 64 << 10];
    let end = loop {
        match socket.read(&mut block) {
            Ok(0) => break End::Closed,
            Ok(length) => bytes.extend_from_slice(&block[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break End::Reset,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break End::Silent,
            Err(error) => panic!("{error}"),
        }
    };
    Received { bytes, end }
}

/// Long enough for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One call on a connection of its own, which the server closes after it.
pub(crate) fn ask(stub: &Stub, dialect: Dialect, model: &str, prompt: &str, stream: bool) -> Received {
    let (path, body) = call(dialect, model, prompt, stream);
    exchange(stub, &post(&path, &body, "connection: close\r\n"), PATIENCE)
}

/// The text of a whole reply.
pub(crate) fn text_of(dialect: Dialect, reply: &Value) -> String {
    let text = match dialect {
        Dialect::OpenAiChat => &reply["choices"][0]["message"]["content"],
        Dialect::OpenAiResponses => &reply["output"][0]["content"][0]["text"],
        Dialect::Anthropic => &reply["content"][0]["text"],
        Dialect::Google => &reply["candidates"][0]["content"]["parts"][0]["text"],
    };
    text.as_str().unwrap_or_default().to_owned()
}

/// The text of a stream's documents.
pub(crate) fn streamed_text(dialect: Dialect, documents: &[Value]) -> String {
    let delta = |document: &Value| match dialect {
        Dialect::OpenAiChat => document["choices"][0]["delta"]["content"].as_str().map(str::to_owned),
        Dialect::OpenAiResponses => document["delta"].as_str().map(str::to_owned),
        Dialect::Anthropic => document["delta"]["text"].as_str().map(str::to_owned),
        Dialect::Google => Some(text_of(Dialect::Google, document)),
    };
    documents.iter().filter_map(delta).collect()
}
