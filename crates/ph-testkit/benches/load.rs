//! What a call costs the stub: CPU time of its process, system time included, over ten kept connections.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints, and ends where something is wrong")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Instant;

const CONNECTIONS: usize = 10;
const CALLS: usize = 3000;
/// Clock ticks a second in `/proc`.
const TICKS_PER_S: f64 = 100.0;

fn main() {
    let mut stub = Command::new(env!("CARGO_BIN_EXE_stub")).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(stub.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port: u16 = line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
    for (name, stream) in [("chat completion", false), ("chat completion, streamed", true)] {
        let (begun, before) = (Instant::now(), cpu_s(stub.id()));
        std::thread::scope(|scope| {
            for connection in 0..CONNECTIONS {
                scope.spawn(move || converse(port, connection, stream));
            }
        });
        let calls = (CONNECTIONS * CALLS) as f64;
        let (wall_s, cpu_s) = (begun.elapsed().as_secs_f64(), cpu_s(stub.id()) - before);
        println!("{name}: {:.1} µs CPU a call, {:.0} calls/s", cpu_s * 1e6 / calls, calls / wall_s);
    }
    stub.kill().unwrap();
    stub.wait().unwrap();
}

/// User and system time of a process.
fn cpu_s(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / TICKS_PER_S
}

fn converse(port: u16, connection: usize, stream: bool) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut received = Vec::new();
    let mut block = vec![0; 64 << 10];
    for call in 0..CALLS {
        let body = format!(
            r#"{{"model":"m","messages":[{{"role":"system","content":"Answer with one letter."}},{{"role":"user","content":"Question {connection}.{call}: which of these is a planet? A) Mars B) Moon"}}],"temperature":0,"seed":1,"max_tokens":64,"stream":{stream}}}"#
        );
        let length = body.len();
        let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: stub\r\nauthorization: Bearer k\r\ncontent-type: application/json\r\naccept: */*";
        socket.write_all(format!("{head}\r\ncontent-length: {length}\r\n\r\n{body}").as_bytes()).unwrap();
        received.clear();
        while !is_whole(&received) {
            let length = socket.read(&mut block).unwrap();
            assert!(length > 0, "the stub closed");
            received.extend_from_slice(&block[..length]);
        }
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    // Both forms of reply end so: the JSON's fingerprint, and the last chunk.
    bytes.ends_with(b"\"}") || bytes.ends_with(b"\r\n0\r\n\r\n")
}
