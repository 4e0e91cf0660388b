//! Progress on stderr: bars for a person who watches, plain lines otherwise.

use std::fmt;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use ph_analysis::{CheckStatus, Conformance};
use ph_assess::{Cosigned, Progress};
use ph_base::Digest;
use ph_eval::Reporter;
use ph_model::TargetName;
use ph_record::{Plan, RunEvent, RunManifest, TargetRole, TaskSpec};

use crate::output::{is_watched, say};

/// Shows how things go on.
pub(crate) struct Console {
    bars: Option<MultiProgress>,
}

impl Console {
    /// Bars where a person watches, lines otherwise.
    pub(crate) fn new() -> Self {
        let bars = is_watched().then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        Self { bars }
    }

    /// Says a line without breaking the bars.
    pub(crate) fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| say(line)),
            None => say(line),
        }
    }
}

impl Progress for Console {
    fn checking(&self, target: &TargetName) {
        self.say(&format!("checking {target}"));
    }

    fn checked(&self, seen: &Conformance) {
        let count = |status| seen.count(status);
        self.say(&format!(
            "  {} checks passed, {} failed, {} not made; {} calls, {} tokens",
            count(CheckStatus::Passed),
            count(CheckStatus::Failed),
            count(CheckStatus::NotChecked),
            seen.calls.len(),
            seen.tokens
        ));
        for check in seen.checks.iter().filter(|check| check.status == CheckStatus::Failed) {
            self.say(&format!("  {} FAILED: {}", check.id, check.meaning));
        }
    }

    fn cosigned(&self, cosigned: &Cosigned) {
        if !cosigned.signed.is_empty() {
            self.say(&format!("tree head cosigned by {}", cosigned.signed.join(", ")));
        }
        for (witness, why) in &cosigned.failed {
            self.say(&format!("no cosignature of {witness}: {why}"));
        }
    }

    fn planned(&self, plan: &Plan, digest: &Digest) {
        self.say(&format!("plan {} locked, {digest}", plan.id));
        for target in &plan.targets {
            let role = if target.role == TargetRole::Comparator { " (comparator)" } else { "" };
            self.say(&format!("  target {}{role}", target.name));
        }
        for task in &plan.tasks {
            let epochs = if task.epochs == 1 { String::new() } else { format!(" × {} epochs", task.epochs) };
            self.say(&format!("  task   {} {}: at least {} samples{epochs}", task.name, task.version, task.samples));
        }
        let finding = match plan.targets.iter().any(|target| target.role == TargetRole::Comparator) {
            true => format!(
                "a finding is a difference whose adjusted interval lies beyond {:.0} points",
                plan.analysis.margin * 100.0
            ),
            false => "no comparator: bounds, no findings".to_owned(),
        };
        self.say(&format!("  {finding}; seed {}\n", plan.seed));
    }

    fn run(&self, target: &TargetName, task: &TaskSpec, items_of: Option<&TargetName>) -> Box<dyn Reporter> {
        let items = items_of.map(|assessed| format!(" (items of {assessed})")).unwrap_or_default();
        let name = format!("{target} {}{items}", task.name);
        let bar = self.bars.as_ref().map(|bars| bars.add(run_bar(&name)));
        Box::new(RunLine { name, bar, errors: 0, samples: 0, told: Instant::now() })
    }

    fn analysing(&self, interrupted: bool) {
        self.say(if interrupted { "interrupted; analysing what was recorded" } else { "all runs ended; analysing" });
    }
}

fn run_bar(name: &str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(name.to_owned());
    let template = "{msg:36!} {wide_bar} {pos}/{len} {rate:>6} {eta:>4} left";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
        // Writing to the bar's own buffer cannot fail.
        let _ = write!(out, "{:.0}/s", state.per_sec());
    };
    bar.set_style(style.with_key("rate", rate));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// One run's line.
struct RunLine {
    name: String,
    bar: Option<ProgressBar>,
    errors: u64,
    samples: u64,
    /// When it was last said how far it is; only without a bar.
    told: Instant,
}

/// How often a run without a bar says how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(30);

impl RunLine {
    fn errors_said(&self) -> String {
        if self.errors == 0 { String::new() } else { format!(", {} errors", self.errors) }
    }

    fn end(&self, manifest: &RunManifest) {
        let seconds = manifest.completed_at.map_or(0.0, |end| end.ms_since(manifest.started_at) as f64 / 1000.0);
        let errors = self.errors_said();
        let rate = if seconds > 0.0 { manifest.samples as f64 / seconds } else { 0.0 };
        let line = format!("{:<44} {:>5} samples in {seconds:.1} s ({rate:.0}/s){errors}", self.name, manifest.samples);
        match &self.bar {
            Some(bar) => {
                bar.suspend(|| say(&line));
                bar.finish_and_clear();
            }
            None => say(&line),
        }
    }
}

impl Reporter for RunLine {
    fn report(&mut self, event: &RunEvent) {
        match event {
            RunEvent::RunStarted(_) => {}
            RunEvent::RoundStarted { samples, finished, .. } => {
                if let (Some(bar), Some(samples)) = (&self.bar, samples) {
                    bar.inc_length(samples.saturating_sub(*finished));
                }
            }
            RunEvent::LimitsChanged(manifest) => {
                if let Some(limits) = &manifest.limits {
                    say(&format!("{:<44} now at most {} connections", self.name, limits.connections));
                }
            }
            RunEvent::SampleFinished(record) => {
                self.errors += u64::from(record.ending.error().is_some());
                self.samples += 1;
                match &self.bar {
                    Some(bar) => bar.inc(1),
                    None if self.told.elapsed() >= TOLD_EVERY => {
                        say(&format!("{:<44} {:>5} samples so far{}", self.name, self.samples, self.errors_said()));
                        self.told = Instant::now();
                    }
                    None => {}
                }
            }
            RunEvent::RunFinished(manifest) => self.end(manifest),
        }
    }
}
