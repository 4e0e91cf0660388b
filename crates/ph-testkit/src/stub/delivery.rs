//! Replies onto the socket, with the waits and the faults of the connection.

use std::io::{self, Write as _};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::config::StubConfig;
use super::fault::Fault;
use super::latency::Latency;
use super::reply::{Body, Reply, mark};

/// A reply and how it is to be sent.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) reply: Reply,
    pub(super) fault: Option<Fault>,
    pub(super) first_byte: Duration,
    pub(super) between_chunks: Latency,
    pub(super) random: ChaCha8Rng,
}

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    KeepAlive,
    Close,
}

/// How the body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
}

/// Pause before a reset, so that the client has read what came before it.
const BEFORE_RESET: Duration = Duration::from_millis(5);
/// What `huge_reply` writes at once.
const BLOCK: usize = 64 << 10;

/// Sends replies over one connection; its memory is used again.
#[derive(Debug)]
pub(super) struct Sender<'c> {
    config: &'c StubConfig,
    out: Vec<u8>,
}

impl<'c> Sender<'c> {
    pub(super) fn new(config: &'c StubConfig) -> Self {
        Self { config, out: Vec::new() }
    }

    /// Sends one reply.
    pub(super) async fn send(&mut self, socket: &mut TcpStream, mut delivery: Delivery) -> io::Result<After> {
        if !delivery.first_byte.is_zero() {
            tokio::time::sleep(delivery.first_byte).await;
        }
        match delivery.fault {
            Some(Fault::ResetBeforeHeaders) => reset(socket).await,
            Some(Fault::Hang) => wait_for_close(socket).await,
            Some(Fault::HugeReply) => self.huge(socket, &delivery.reply).await,
            Some(fault @ (Fault::LengthTooLong | Fault::LengthTooShort)) => {
                self.lie(socket, fault, delivery.reply).await
            }
            Some(fault @ (Fault::ResetMidBody | Fault::HangMidBody)) => self.half(socket, fault, delivery.reply).await,
            Some(Fault::SlowDrip) => {
                delivery.between_chunks = self.config.drip;
                self.in_pieces(socket, delivery, Some(self.config.drip_bytes)).await
            }
            _ => self.whole(socket, delivery).await,
        }
    }

    /// The plain way: one write where there is nothing to wait for.
    async fn whole(&mut self, socket: &mut TcpStream, delivery: Delivery) -> io::Result<After> {
        if matches!(delivery.reply.body, Body::Events(_)) && self.paced(&delivery) {
            return self.in_pieces(socket, delivery, self.config.chunk_bytes).await;
        }
        let huge = delivery.fault == Some(Fault::HugeHeader);
        match &delivery.reply.body {
            Body::Whole(bytes) => {
                self.head(&delivery.reply, Framing::Length(bytes.len() as u64), huge)?;
                self.out.extend_from_slice(bytes);
            }
            Body::Events(events) => {
                self.head(&delivery.reply, Framing::Chunked, huge)?;
                for event in events.iter() {
                    self.chunk(event)?;
                }
                self.out.extend_from_slice(LAST_CHUNK);
            }
        }
        socket.write_all(&self.out).await?;
        Ok(After::KeepAlive)
    }

    fn paced(&self, delivery: &Delivery) -> bool {
        self.config.chunk_bytes.is_some() || !delivery.between_chunks.is_none()
    }

    /// The head, then the body in pieces of a size, or event by event, with a wait before each.
    async fn in_pieces(
        &mut self,
        socket: &mut TcpStream,
        mut delivery: Delivery,
        size: Option<usize>,
    ) -> io::Result<After> {
        let framing = framing(&delivery.reply.body);
        self.head(&delivery.reply, framing, delivery.fault == Some(Fault::HugeHeader))?;
        socket.write_all(&self.out).await?;
        let pieces: Vec<Vec<u8>> = match (delivery.reply.body, size) {
            (Body::Events(events), None) => events.iter().map(<[u8]>::to_vec).collect(),
            (body, size) => bytes_of(body).chunks(size.unwrap_or(usize::MAX).max(1)).map(<[u8]>::to_vec).collect(),
        };
        for piece in pieces {
            tokio::time::sleep(delivery.between_chunks.draw(&mut delivery.random)).await;
            self.out.clear();
            if framing == Framing::Chunked {
                self.chunk(&piece)?;
            } else {
                self.out.extend(piece);
            }
            socket.write_all(&self.out).await?;
        }
        if framing == Framing::Chunked {
            socket.write_all(LAST_CHUNK).await?;
        }
        Ok(After::KeepAlive)
    }

    /// A `Content-Length` that is not true.
    async fn lie(&mut self, socket: &mut TcpStream, fault: Fault, mut reply: Reply) -> io::Result<After> {
        let body = bytes_of(std::mem::replace(&mut reply.body, Body::Whole(Vec::new())));
        let told = if fault == Fault::LengthTooLong { body.len() + 1000 } else { body.len() / 2 };
        self.head(&reply, Framing::Length(told as u64), false)?;
        self.out.extend_from_slice(&body);
        socket.write_all(&self.out).await?;
        Ok(After::Close)
    }

    /// Half of the body, then a reset or nothing.
    async fn half(&mut self, socket: &mut TcpStream, fault: Fault, mut reply: Reply) -> io::Result<After> {
        let framing = framing(&reply.body);
        self.head(&reply, framing, false)?;
        match &mut reply.body {
            Body::Whole(bytes) => self.out.extend_from_slice(&bytes[..bytes.len() / 2]),
            Body::Events(events) => {
                events.halve();
                for event in events.iter() {
                    self.chunk(event)?;
                }
            }
        }
        socket.write_all(&self.out).await?;
        if fault == Fault::ResetMidBody { reset(socket).await } else { wait_for_close(socket).await }
    }

    /// The reply with a filling where its text is marked: a text without end, or one delta again and again.
    async fn huge(&mut self, socket: &mut TcpStream, reply: &Reply) -> io::Result<After> {
        let filling = vec![b'a'; BLOCK];
        let blocks = self.config.huge_bytes.div_ceil(BLOCK as u64);
        match &reply.body {
            Body::Whole(bytes) => {
                let (begin, end) = mark(bytes).unwrap_or((0, 0));
                let rest = (bytes.len() - (end - begin)) as u64;
                self.head(reply, Framing::Length(rest + blocks * BLOCK as u64), false)?;
                self.out.extend_from_slice(&bytes[..begin]);
                socket.write_all(&self.out).await?;
                for _ in 0..blocks {
                    socket.write_all(&filling).await?;
                }
                socket.write_all(&bytes[end..]).await?;
            }
            Body::Events(events) => {
                self.head(reply, Framing::Chunked, false)?;
                socket.write_all(&self.out).await?;
                for event in events.iter() {
                    self.out.clear();
                    let Some((begin, end)) = mark(event) else {
                        self.chunk(event)?;
                        socket.write_all(&self.out).await?;
                        continue;
                    };
                    self.chunk(&[&event[..begin], &filling, &event[end..]].concat())?;
                    for _ in 0..blocks {
                        socket.write_all(&self.out).await?;
                    }
                }
                socket.write_all(LAST_CHUNK).await?;
            }
        }
        Ok(After::KeepAlive)
    }

    /// Begins anew with the head.
    fn head(&mut self, reply: &Reply, framing: Framing, huge: bool) -> io::Result<()> {
        self.out.clear();
        write!(
            self.out,
            "HTTP/1.1 {} {}\r\ncontent-type: {}\r\n",
            reply.status,
            phrase(reply.status),
            reply.content_type
        )?;
        for (name, value) in &reply.headers {
            write!(self.out, "{name}: {value}\r\n")?;
        }
        if huge {
            self.out.extend_from_slice(b"x-stub-huge: ");
            self.out.resize(self.out.len() + self.config.huge_header_bytes, b'a');
            self.out.extend_from_slice(b"\r\n");
        }
        match framing {
            Framing::Length(length) => write!(self.out, "content-length: {length}\r\n\r\n"),
            Framing::Chunked => write!(self.out, "transfer-encoding: chunked\r\n\r\n"),
        }
    }

    fn chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        write!(self.out, "{:x}\r\n", bytes.len())?;
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
        Ok(())
    }
}

const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

fn framing(body: &Body) -> Framing {
    match body {
        Body::Whole(bytes) => Framing::Length(bytes.len() as u64),
        Body::Events(_) => Framing::Chunked,
    }
}

fn bytes_of(body: Body) -> Vec<u8> {
    match body {
        Body::Whole(bytes) => bytes,
        Body::Events(events) => events.into_bytes(),
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        529 => "Overloaded",
        _ => "Internal Server Error",
    }
}

/// Ends the connection with RST.
async fn reset(socket: &mut TcpStream) -> io::Result<After> {
    tokio::time::sleep(BEFORE_RESET).await;
    socket.set_zero_linger()?;
    Ok(After::Close)
}

/// Sends nothing until the client gives up.
async fn wait_for_close(socket: &mut TcpStream) -> io::Result<After> {
    let mut scratch = [0; 1024];
    while socket.read(&mut scratch).await? > 0 {}
    Ok(After::Close)
}
