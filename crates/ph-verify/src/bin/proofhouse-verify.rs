//! `proofhouse-verify`: verifies a bundle and does nothing else.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use ph_verify::{VerifyArguments, VerifyRequest, line, summary, verify};

const AFTER_HELP: &str = "\
Exit codes: 0 everything holds and is witnessed · 2 usage · 7 something does not hold · 8
nothing is wrong, but not everything is witnessed, vouched for or checkable. The pages of
the report are not compared here: `proofhouse verify` does that too.";

/// Verifies a bundle offline: signatures, proofs, logs, and every number of the report made again.
#[derive(Parser)]
#[command(name = "proofhouse-verify", version, after_help = AFTER_HELP, max_term_width = 110)]
struct Arguments {
    #[command(flatten)]
    verify: VerifyArguments,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let trust = match arguments.verify.trust() {
        Ok(trust) => trust,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {}", ph_base::visible(&ph_base::chain(&error)));
            return ExitCode::from(2);
        }
    };
    let VerifyArguments { bundle, openings, .. } = &arguments.verify;
    let request = VerifyRequest { bundle, openings, trust: &trust, pages: None };
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
