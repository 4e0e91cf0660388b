//! Requests off the socket. The heads are parsed by `httparse`; no HTTP server stands behind, because one that keeps
//! the protocol cannot be made to break it, and because the stub shares its machine with the client under test.

use std::io;
use std::str::from_utf8;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::dialect::Problem;

const HEAD_MAX: usize = 64 << 10;
const BODY_MAX: usize = 64 << 20;
const HEADERS_MAX: usize = 100;
const READ_SIZE: usize = 16 << 10;

/// What the head of a request says, as far as the stub cares.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) method: String,
    /// With the query.
    pub(super) path: String,
    /// The connection stays open.
    pub(super) keep_alive: bool,
    /// `x-stub-fault`.
    pub(super) fault: Option<String>,
    /// The key, from whichever header.
    pub(super) key: Option<String>,
    /// There is an `anthropic-version`.
    pub(super) anthropic: bool,
    /// There is an `x-goog-api-key`.
    pub(super) google: bool,
    pub(super) length: usize,
    pub(super) chunked: bool,
    pub(super) expects_continue: bool,
}

/// No further request can be read from the connection.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The client went away.
    Closed,
    /// The client has to be told, once.
    Problem(Problem),
}

impl From<io::Error> for ReadError {
    fn from(_: io::Error) -> Self {
        ReadError::Closed
    }
}

/// Reads one request after another; its memory is used again.
#[derive(Debug, Default)]
pub(super) struct Reader {
    buffer: Vec<u8>,
    /// The body of the last request.
    pub(super) body: Vec<u8>,
}

impl Reader {
    /// The next request's head; its body is then in `body`.
    pub(super) async fn next(&mut self, socket: &mut TcpStream) -> Result<Head, ReadError> {
        let (head, length) = loop {
            if let Some(parsed) = parse(&self.buffer)? {
                break parsed;
            }
            if self.buffer.len() > HEAD_MAX {
                return Err(ReadError::Problem(Problem::TooLarge));
            }
            self.fill(socket).await?;
        };
        self.buffer.drain(..length);
        if head.expects_continue {
            use tokio::io::AsyncWriteExt as _;
            socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        self.body.clear();
        if head.chunked {
            self.chunks(socket).await?;
        } else {
            self.take(head.length, socket).await?;
        }
        Ok(head)
    }

    async fn fill(&mut self, socket: &mut TcpStream) -> Result<(), ReadError> {
        self.buffer.reserve(READ_SIZE);
        if socket.read_buf(&mut self.buffer).await? == 0 { Err(ReadError::Closed) } else { Ok(()) }
    }

    /// Moves so many bytes to the body.
    async fn take(&mut self, length: usize, socket: &mut TcpStream) -> Result<(), ReadError> {
        if self.body.len().saturating_add(length) > BODY_MAX {
            return Err(ReadError::Problem(Problem::TooLarge));
        }
        while self.buffer.len() < length {
            self.fill(socket).await?;
        }
        self.body.extend(self.buffer.drain(..length));
        Ok(())
    }

    /// Moves a chunked body, without its framing and trailers.
    async fn chunks(&mut self, socket: &mut TcpStream) -> Result<(), ReadError> {
        loop {
            let (begin, size) = match httparse::parse_chunk_size(&self.buffer) {
                Ok(httparse::Status::Complete(parsed)) => parsed,
                Ok(httparse::Status::Partial) if self.buffer.len() < HEAD_MAX => {
                    self.fill(socket).await?;
                    continue;
                }
                _ => return Err(invalid("a chunk's size")),
            };
            self.buffer.drain(..begin);
            self.take(usize::try_from(size).unwrap_or(usize::MAX), socket).await?;
            while self.buffer.len() < 2 {
                self.fill(socket).await?;
            }
            self.buffer.drain(..2);
            if size == 0 {
                return Ok(());
            }
        }
    }
}

fn invalid(what: &str) -> ReadError {
    ReadError::Problem(Problem::Invalid(format!("{what} cannot be read")))
}

/// The head and its length, once it is whole.
fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, ReadError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(invalid(&format!("the head ({error})"))),
    };
    let mut head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        path: request.path.unwrap_or_default().to_owned(),
        keep_alive: request.version == Some(1),
        ..Head::default()
    };
    for header in request.headers.iter() {
        take(&mut head, header.name, from_utf8(header.value).unwrap_or_default().trim())?;
    }
    Ok(Some((head, length)))
}

fn take(head: &mut Head, name: &str, value: &str) -> Result<(), ReadError> {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if is("content-length") {
        head.length = value.parse().map_err(|_| invalid("`Content-Length`"))?;
    } else if is("transfer-encoding") {
        head.chunked = value.eq_ignore_ascii_case("chunked");
    } else if is("connection") {
        head.keep_alive = !value.eq_ignore_ascii_case("close");
    } else if is("expect") {
        head.expects_continue = value.eq_ignore_ascii_case("100-continue");
    } else if is("x-stub-fault") {
        head.fault = Some(value.to_owned());
    } else if is("authorization") {
        head.key = Some(value.strip_prefix("Bearer ").unwrap_or(value).to_owned());
    } else if is("x-api-key") || is("x-goog-api-key") {
        head.key = Some(value.to_owned());
        head.google |= is("x-goog-api-key");
    } else if is("anthropic-version") {
        head.anthropic = true;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let whole = b"POST /v1/messages?beta=true HTTP/1.1\r\nContent-Length: 12\r\nX-Api-Key: k\r\n\r\nrest";
        for length in 0..whole.len() - 4 {
            assert!(parse(&whole[..length]).unwrap().is_none(), "{length}");
        }
        let (head, length) = parse(whole).unwrap().unwrap();
        assert_eq!((head.path.as_str(), head.length, length), ("/v1/messages?beta=true", 12, whole.len() - 4));
        assert_eq!((head.key.as_deref(), head.keep_alive), (Some("k"), true));
    }

    #[test]
    fn what_is_no_request_is_a_problem() {
        for bytes in [&b"\x16\x03\x01\x02\x00"[..], b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n"] {
            assert!(matches!(parse(bytes), Err(ReadError::Problem(Problem::Invalid(_)))));
        }
    }
}
