//! `--treat`: how cheated, refused, failed and limited samples count.

use clap::Args;
use ph_record::{Treatment, TreatmentPart};

use crate::exit_code::Exit;
use crate::failure::Failure;

/// How samples count in tables and comparisons.
#[derive(Args, Default)]
pub(crate) struct TreatArguments {
    /// How samples count: `cheated=fail|success|exclude`, `refusal=fail|success|exclude|as-scored`,
    /// `errors=fail|exclude`, `limit=fail|exclude|as-scored`; may be repeated or joined by commas
    /// [default: cheated=fail, refusal=as-scored, errors=exclude, limit=as-scored]
    #[arg(long, value_name = "KIND=HOW", value_delimiter = ',')]
    treat: Vec<TreatmentPart>,
}

impl TreatArguments {
    /// Whether a treatment is asked for.
    pub(crate) fn is_given(&self) -> bool {
        !self.treat.is_empty()
    }

    /// `base` with what is asked for.
    ///
    /// # Errors
    /// Where a kind is given twice.
    pub(crate) fn over(&self, base: Treatment) -> Result<Treatment, Failure> {
        for (at, part) in self.treat.iter().enumerate() {
            if self.treat[..at].iter().any(|earlier| earlier.kind == part.kind) {
                let message = format!("`--treat` says twice how `{}` samples count", part.kind);
                return Err(Failure::new(Exit::Usage, "treat::twice", message).with_hint("give each kind once"));
            }
        }
        Ok(self.treat.iter().fold(base, |treatment, part| treatment.with(part.kind, part.how)))
    }

    /// The flags again, for the command line that repeats the work.
    pub(crate) fn repeat(&self) -> impl Iterator<Item = String> + '_ {
        self.treat.iter().map(|part| format!("--treat {}={}", part.kind, part.how))
    }
}
