//! `proofhouse verify`: a bundle checked, offline.

use std::path::PathBuf;

use clap::Args;
use ph_analysis::ReportData;
use ph_verify::{Pages, Trust, TrustError, Verdict, VerifyRequest, line, read_key, read_policy, summary, verify};

use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
Examples:
  proofhouse verify bundle.proof --key lab.example/proofhouse+1ab2c3d4+AXyz… --witness witness.example/w1+…
  proofhouse verify bundle.proof --key lab.pub --witness witnesses.policy
  proofhouse verify bundle.proof --key lab.pub --opening plan.opening

Each line is a check: whether it holds, and whether witnesses or the operator alone say so.
The key says whose record it is: take it from its owner, not from whoever sent the bundle.
Nothing is fetched.

Exit codes: 0 everything holds and is witnessed · 7 something does not hold · 8 nothing is
wrong, but not everything is witnessed, vouched for or checkable.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
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
    /// Print `{verdict, checks}` on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let keys = arguments.key.iter().map(|given| read_key(given)).collect::<Result<_, _>>().map_err(trust_failure)?;
    let policy = read_policy(&arguments.witness, arguments.quorum).map_err(trust_failure)?;
    if !arguments.bundle.is_file() {
        let text = format!("`{}` is not a file", arguments.bundle.display());
        return Err(Failure::new(Exit::Malformed, "verify::bundle", text)
            .with_hint("`proofhouse assess` writes `bundle.proof` into its output directory"));
    }
    let trust = Trust { keys, policy };
    let request = VerifyRequest {
        bundle: &arguments.bundle,
        openings: &arguments.opening,
        trust: &trust,
        pages: Some(&ReportPages),
    };
    let verification = verify(&request);
    if arguments.json {
        let verdict = verification.verdict();
        output::json(&serde_json::json!({ "verdict": verdict, "checks": verification.checks }))?;
    } else {
        for check in &verification.checks {
            output::data(&format!("{}\n", line(check)))?;
        }
        output::data(&format!("{}\n", summary(&verification)))?;
    }
    Ok(match verification.verdict() {
        Verdict::Verified => Exit::Done,
        Verdict::Failed => Exit::VerificationFailed,
        Verdict::Incomplete => Exit::VerificationIncomplete,
    })
}

fn trust_failure(error: TrustError) -> Failure {
    let exit = if matches!(error, TrustError::Read { .. }) { Exit::Malformed } else { Exit::Usage };
    Failure::from_error(exit, "verify::key", error)
        .with_hint("`proofhouse key show FILE` prints the key of a ledger, with `--witness` that of a witness")
}

/// The pages as this program makes them.
struct ReportPages;

impl Pages for ReportPages {
    fn pages(&self, report: &ReportData) -> Result<Vec<(String, Vec<u8>)>, String> {
        let page = ph_report::html(report).map_err(|error| error.to_string())?;
        Ok(vec![
            ("report/report.html".to_owned(), page.into_bytes()),
            ("report/report.md".to_owned(), ph_report::markdown(report).into_bytes()),
        ])
    }
}
