//! The fault-injecting model server by itself: prints `{"port":N}`, then serves until it is ended.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use ph_testkit::stub::{Fault, Latency, Stub, StubConfig, StubError};

/// A model server on 127.0.0.1 that answers and fails to order, in OpenAI's, Anthropic's and Google's dialects.
#[derive(Parser)]
#[command(name = "stub")]
struct Arguments {
    /// The port; 0 for a free one.
    #[arg(long)]
    port: Option<u16>,
    /// Changes which calls fail, how long they wait and which of several replies they get.
    #[arg(long)]
    seed: Option<u64>,
    /// A configuration, TOML or JSON; the options here go over it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The share of calls that meets a fault, for instance `rate_limited=0.1`.
    #[arg(long, value_name = "NAME=RATE", value_parser = rate)]
    fault: Vec<(Fault, f64)>,
    /// The wait before the first byte: `fixed:20`, `uniform:10,50` or `lognormal:50,0.4`, in ms.
    #[arg(long, value_name = "LATENCY")]
    first_byte: Option<Latency>,
    /// The wait between the events of a stream.
    #[arg(long, value_name = "LATENCY")]
    between_chunks: Option<Latency>,
    /// List the faults and end.
    #[arg(long)]
    list_faults: bool,
}

fn rate(text: &str) -> Result<(Fault, f64), String> {
    let (name, rate) = text.split_once('=').ok_or("write it as `NAME=RATE`")?;
    let fault = name.parse::<Fault>().map_err(|error| error.to_string())?;
    let rate = rate.parse().map_err(|_| format!("`{rate}` is no number from 0 to 1"))?;
    Ok((fault, rate))
}

impl Arguments {
    fn into_config(self) -> Result<StubConfig, StubError> {
        let mut config = self.config.map_or_else(|| Ok(StubConfig::default()), |path| StubConfig::read(&path))?;
        config.port = self.port.unwrap_or(config.port);
        config.seed = self.seed.unwrap_or(config.seed);
        config.first_byte = self.first_byte.unwrap_or(config.first_byte);
        config.between_chunks = self.between_chunks.unwrap_or(config.between_chunks);
        config.faults.extend(self.fault.into_iter().collect::<BTreeMap<_, _>>());
        Ok(config)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = std::io::stdout();
    if arguments.list_faults {
        let names = Fault::ALL.map(Fault::name).join("\n");
        return if writeln!(out, "{names}").is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let started = arguments.into_config().and_then(Stub::start);
    match started {
        Ok(stub) => {
            // Whoever started the stub may not care for the port; it serves all the same.
            let _ = writeln!(out, "{{\"port\":{}}}", stub.port()).and_then(|()| out.flush());
            stub.wait();
            ExitCode::SUCCESS
        }
        Err(error) => {
            let mut err = std::io::stderr();
            let _ = writeln!(err, "stub: {error}");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                let _ = writeln!(err, "  because: {cause}");
                source = cause.source();
            }
            ExitCode::from(2)
        }
    }
}
