//! `proofhouse witness serve`: a witness of logs over HTTP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ph_base::{Disk, chain};
use ph_evidence::witness::{AcceptedLogs, Refusal, StateError, Told, Witness, WitnessState, router};
use ph_proof::note::{KeyError, NoteSigner, NoteVerifier};
use serde_json::json;

use crate::clock::SystemClock;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::{key_file, output, serving};

const AFTER_HELP: &str = "\
Examples:
  proofhouse key new witness.example/w1 --out witness.key --witness
  proofhouse witness serve --key witness.key --state ./witness --log lab.example/proofhouse+1ab2c3d4+AXyz…
  proofhouse witness serve --key witness.key --state ./witness --log logs.txt --listen 0.0.0.0 --port 8090

A log's key speaks for the origin of its own name and for all below it (NAME/…). A file has
a key a line; empty lines and those that begin with `#` are left out. On stdout come the
address and the witness's line for a policy file. Two witnesses never share a state
directory, and a state directory that is lost is a witness that has forgotten: give up its
key then. Ctrl-C finishes what is under way and ends with 0; a second one drops it and ends
with 130.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// File of the witness's secret key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Directory of what was cosigned; made if it is not there
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Verifier keys of the logs that are accepted, or files of them
    #[arg(long = "log", value_name = "VKEY|FILE", required = true, num_args = 1..)]
    logs: Vec<String>,
    /// Port to listen on; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 8090)]
    port: u16,
    /// Address to listen on; others than this machine are answered only if it is theirs to reach
    #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// Print `{address, key, logs}` on stdout once listening
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let signer = key_file::read(&arguments.key)?;
    let logs = accepted(&arguments.logs)?;
    check_own_key(&signer, &logs)?;
    let state = WitnessState::open(&arguments.state, Arc::new(Disk)).map_err(state_failure)?;
    let keys: Vec<String> = logs.keys().iter().map(ToString::to_string).collect();
    let witness = Arc::new(Witness::new(signer, logs, state, Arc::new(SystemClock)).telling(tell));
    serving::block_on(async {
        let (listener, address) = serving::listen(arguments.listen, arguments.port, "--listen").await?;
        announce(arguments, address, (&witness.verifier(), &keys))?;
        serving::serve(listener, router(witness)).await
    })
}

fn announce(arguments: &Arguments, address: SocketAddr, keys: (&NoteVerifier, &[String])) -> Result<(), Failure> {
    let (url, (key, logs)) = (format!("http://{address}"), keys);
    if arguments.json {
        return output::json(&json!({ "address": url, "key": key.to_string(), "logs": logs }));
    }
    for log in logs {
        output::say(&format!("accepting {log}"));
    }
    output::data(&format!("listening on {url}\nwitness {} {key} {url}\n", key.name()))
}

/// Says what the operator should know. What strangers can cause at will, such as a stale size, is not said.
fn tell(told: &Told) {
    match told {
        Told::Cosigned { origin, size } => output::say(&format!("cosigned {origin} at {size}")),
        Told::Conflict { origin, size, kept } => {
            let proof = match kept {
                Ok(true) => "the proof is in `evidence/`".to_owned(),
                Ok(false) => "proof of it was kept before".to_owned(),
                Err(error) => format!("the proof cannot be kept: {}", chain(error)),
            };
            output::say(&format!("MISCONDUCT: {origin} has signed two trees of {size} leaves; {proof}"));
        }
        Told::Refused { origin, size, refusal } => match refusal {
            Refusal::State(error) => output::say(&format!("refused {origin} at {size}: {}", chain(error))),
            Refusal::Cosign => output::say(&format!("refused {origin} at {size}: {refusal}")),
            _ => {}
        },
    }
}

fn accepted(arguments: &[String]) -> Result<AcceptedLogs, Failure> {
    let mut keys = Vec::new();
    for argument in arguments {
        match argument.parse() {
            Ok(key) => keys.push(key),
            Err(error) => keys.extend(keys_in(argument, &error)?),
        }
    }
    AcceptedLogs::new(keys).map_err(|error| {
        Failure::from_error(Exit::Usage, "witness::logs", error)
            .with_hint("`proofhouse key show FILE` prints a log's verifier key")
    })
}

/// The keys in a file; `error` says why the argument is not itself a key.
fn keys_in(argument: &str, error: &KeyError) -> Result<Vec<NoteVerifier>, Failure> {
    let path = Path::new(argument);
    if !path.exists() {
        return Err(Failure::new(Exit::Usage, "witness::log", format!("`{argument}` is no file and no key: {error}"))
            .with_hint("give `--log` the verifier key of a log, or a file with a key a line"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(Exit::Malformed, "witness::log_file", format!("cannot read `{argument}`: {error}"))
    })?;
    let lines = text.lines().map(str::trim).enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let parsed = lines.map(|(at, line)| {
        line.parse().map_err(|error: KeyError| {
            Failure::new(Exit::Malformed, "witness::log_file", format!("line {} of `{argument}`: {error}", at + 1))
                .with_hint("a file of logs has a verifier key a line; `#` begins a comment")
        })
    });
    parsed.collect()
}

/// A log that is its own witness shows nothing.
fn check_own_key(signer: &NoteSigner, logs: &AcceptedLogs) -> Result<(), Failure> {
    let own = signer.secret_key().public_key();
    if logs.keys().iter().all(|key| key.public_key() != own) {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, "witness::own_key", "the witness's key is that of a log which it would accept")
        .with_hint("make another one with `proofhouse key new NAME --out FILE --witness`"))
}

fn state_failure(error: StateError) -> Failure {
    let hint = match &error {
        StateError::InUse { .. } => "end the other witness, or give this one a directory and key of its own",
        _ => "choose another `--state DIR`",
    };
    Failure::from_error(Exit::Resource, "witness::state", error).with_hint(hint)
}
