//! `proofhouse verify`: a bundle checked, offline.

use clap::Args;
use ph_analysis::ReportData;
use ph_verify::{Pages, TrustError, Verdict, VerifyArguments, VerifyRequest, line, summary, verify};

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
    #[command(flatten)]
    verify: VerifyArguments,
    /// Print `{verdict, checks}` on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let trust = arguments.verify.trust().map_err(trust_failure)?;
    let VerifyArguments { bundle, openings, .. } = &arguments.verify;
    if !bundle.is_file() {
        let text = format!("`{}` is not a file", bundle.display());
        return Err(Failure::new(Exit::Malformed, "verify::bundle", text)
            .with_hint("`proofhouse assess` writes `bundle.proof` into its output directory"));
    }
    let request = VerifyRequest { bundle, openings, trust: &trust, pages: Some(&ReportPages) };
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
