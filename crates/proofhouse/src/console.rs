//! Progress on stderr: bars for a person who watches, plain lines otherwise.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use ph_assess::Progress;
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
    fn planned(&self, plan: &Plan, digest: &Digest) {
        self.say(&format!("plan {} locked, {digest}", plan.id));
        for target in &plan.targets {
            let role = if target.role == TargetRole::Comparator { " (comparator)" } else { "" };
            self.say(&format!("  target {}{role}", target.name));
        }
        for task in &plan.tasks {
            let epochs = if task.epochs == 1 { String::new() } else { format!(" × {} epochs", task.epochs) };
            self.say(&format!("  task   {} {}: {} samples{epochs}", task.name, task.version, task.samples));
        }
        self.say(&format!(
            "  a finding is a difference whose adjusted interval lies beyond {:.0} points; seed {}\n",
            plan.analysis.margin * 100.0,
            plan.seed
        ));
    }

    fn run(&self, target: &TargetName, task: &TaskSpec) -> Box<dyn Reporter> {
        let name = format!("{target} {}", task.name);
        let bar = self.bars.as_ref().map(|bars| bars.add(run_bar(&name)));
        Box::new(RunLine { name, bar, errors: 0 })
    }

    fn analysing(&self) {
        self.say("all runs ended; analysing");
    }
}

fn run_bar(name: &str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(name.to_owned());
    let template = "{msg:44!} {wide_bar} {pos}/{len} {per_sec:>12} {eta:>4} left";
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// One run's line.
struct RunLine {
    name: String,
    bar: Option<ProgressBar>,
    errors: u64,
}

impl RunLine {
    fn end(&self, manifest: &RunManifest) {
        let seconds = manifest.completed_at.map_or(0.0, |end| end.ms_since(manifest.started_at) as f64 / 1000.0);
        let errors = if self.errors == 0 { String::new() } else { format!(", {} errors", self.errors) };
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
            RunEvent::RoundStarted { samples, .. } => {
                if let (Some(bar), Some(samples)) = (&self.bar, samples) {
                    bar.inc_length(*samples);
                }
            }
            RunEvent::SampleFinished(record) => {
                self.errors += u64::from(record.ending.error().is_some());
                if let Some(bar) = &self.bar {
                    bar.inc(1);
                }
            }
            RunEvent::RunFinished(manifest) => self.end(manifest),
        }
    }
}
