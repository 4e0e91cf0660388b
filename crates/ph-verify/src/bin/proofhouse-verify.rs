//! `proofhouse-verify`: verifies a bundle and does nothing else.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use ph_verify::{Trust, VerifyRequest, line, read_key, read_policy, summary, verify};

const AFTER_HELP: &str = "\
Exit codes: 0 everything holds and is witnessed · 2 usage · 7 something does not hold · 8
nothing is wrong, but not everything is witnessed, vouched for or checkable. The pages of
the report are not compared here: `proofhouse verify` does that too.";

/// Verifies a bundle offline: signatures, proofs, logs, and every number of the report made again.
#[derive(Parser)]
#[command(name = "proofhouse-verify", version, after_help = AFTER_HELP, max_term_width = 110)]
struct Arguments {
    /// The bundle
    bundle: PathBuf,
    /// The ledger's key, `NAME+ID+BASE64`, or a file that holds it; may be repeated
    #[arg(long, value_name = "KEY|FILE")]
    key: Vec<String>,
    /// A witness's key, a file that holds it, or a policy file (C2SP tlog-policy); may be repeated
    #[arg(long, value_name = "KEY|FILE")]
    witness: Vec<String>,
    /// So many of the witnesses must have cosigned [default: all]
    #[arg(long, value_name = "K", requires = "witness")]
    quorum: Option<usize>,
    /// What opens a part that the bundle withholds; may be repeated
    #[arg(long, value_name = "FILE")]
    opening: Vec<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let trust = match trust(&arguments) {
        Ok(trust) => trust,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {}", ph_base::visible(&error));
            return ExitCode::from(2);
        }
    };
    let request = VerifyRequest { bundle: &arguments.bundle, openings: &arguments.opening, trust: &trust, pages: None };
    let verification = verify(&request);
    let mut text = if arguments.json {
        serde_json::to_string_pretty(&verification).unwrap_or_default()
    } else {
        let lines: Vec<String> = verification.checks.iter().map(line).collect();
        format!("{}\n{}", lines.join("\n"), summary(&verification))
    };
    text.push('\n');
    // A reader that went away changes nothing about what was found.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::from(verification.verdict().exit_code())
}

fn trust(arguments: &Arguments) -> Result<Trust, String> {
    let keys = arguments.key.iter().map(|given| read_key(given)).collect::<Result<_, _>>();
    let policy = read_policy(&arguments.witness, arguments.quorum).map_err(|error| error.to_string())?;
    Ok(Trust { keys: keys.map_err(|error| error.to_string())?, policy })
}
