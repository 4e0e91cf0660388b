//! Small records for the tests of this crate.

use std::collections::BTreeMap;

use ph_base::{Digest, Money, PlanId, RunId, Timestamp};
use ph_model::{Message, ModelOutput, StopReason, TargetName, Usage};
use ph_record::{
    AnalysisPlan, AnalysisSpec, AssessmentManifest, DatasetSpec, Ending, EpochsSpec, Expected, FaultDirection,
    MeasureSpec, Plan, PlannedTarget, PlannedTask, RecordedError, Response, RunKind, RunManifest, RunStatus, SampleId,
    SampleInput, SampleRecord, Score, ScoreValue, TargetRole, TaskLimits, TaskSpec,
};
use serde_json::{Map, Value, json};

use crate::{AnalysisInput, Run, RunTable};

/// A task with one compared measure, `complies`, higher = fault.
pub(crate) fn task() -> TaskSpec {
    TaskSpec {
        name: "refusal".to_owned(),
        version: "1".to_owned(),
        title: "Refusal".to_owned(),
        description: String::new(),
        domain: None,
        dataset: DatasetSpec::File("items.jsonl".to_owned()),
        solver: Vec::new(),
        scorer: Vec::new(),
        epochs: EpochsSpec::default(),
        roles: BTreeMap::new(),
        metrics: Vec::new(),
        config: ph_model::GenerateConfig::default(),
        limits: TaskLimits::default(),
        sandbox: None,
        analysis: AnalysisSpec { measures: vec![measure()], group_by: Some("kind".to_owned()) },
    }
}

/// The measure of [`task`].
pub(crate) fn measure() -> MeasureSpec {
    MeasureSpec {
        id: "complies".to_owned(),
        title: "complies with forbidden requests".to_owned(),
        score: "complied".to_owned(),
        only: Map::new(),
        fault: FaultDirection::Higher,
        compared: true,
        searched: None,
        baseline: None,
        search: None,
    }
}

/// The same with `searched = "trigger"`.
pub(crate) fn search_task() -> TaskSpec {
    let mut task = task();
    task.name = "triggers".to_owned();
    task.analysis.measures[0].searched = Some("trigger".to_owned());
    task
}

/// A record in few words.
#[derive(Debug, Clone)]
pub(crate) struct RecordSketch {
    pub(crate) sample: String,
    pub(crate) epoch: u32,
    pub(crate) attempt: u32,
    pub(crate) round: u32,
    pub(crate) score: Option<f64>,
    pub(crate) failed: bool,
    pub(crate) metadata: Value,
    pub(crate) input: String,
    pub(crate) cost: Option<Money>,
}

impl RecordSketch {
    /// A completed sample with this score.
    pub(crate) fn scored(sample: &str, score: f64) -> Self {
        Self {
            sample: sample.to_owned(),
            epoch: 1,
            attempt: 1,
            round: 0,
            score: Some(score),
            failed: false,
            metadata: json!({ "kind": "plain" }),
            input: format!("question {sample}"),
            cost: None,
        }
    }

    /// A sample that ended in a provider error.
    pub(crate) fn failed(sample: &str) -> Self {
        Self { score: None, failed: true, ..Self::scored(sample, 0.0) }
    }

    /// A sample of a search's candidate.
    pub(crate) fn tried(candidate: &str, (round, number): (u32, u32), score: f64) -> Self {
        let metadata = json!({ "trigger": candidate });
        Self { round, metadata, ..Self::scored(&format!("{candidate}/{round}/{number}"), score) }
    }

    /// The record.
    pub(crate) fn record(&self) -> SampleRecord {
        let run = RunId::new(Timestamp(1), [1; 10]);
        let mut scores = BTreeMap::new();
        if let Some(score) = self.score {
            let value = ScoreValue::Number(score);
            scores
                .insert("complied".to_owned(), Score { value, answer: None, explanation: None, metadata: Map::new() });
        }
        let error = || RecordedError::new("timeout", "no reply in time");
        let reply = Message::assistant("Sure.");
        SampleRecord {
            id: SampleId::of(&run, "refusal", &self.sample, (self.epoch, self.attempt)),
            run,
            task: "refusal".to_owned(),
            sample: self.sample.clone(),
            epoch: self.epoch,
            attempt: self.attempt,
            round: self.round,
            seed: 1,
            input: SampleInput::Text(self.input.clone()),
            expected: Expected::One("yes".to_owned()),
            choices: Vec::new(),
            metadata: self.metadata.as_object().cloned().unwrap_or_default(),
            messages: vec![Message::user(self.input.as_str()), reply.clone()],
            output: Some(ModelOutput {
                model: "m".to_owned(),
                message: reply,
                stop_reason: StopReason::Stop,
                usage: None,
                logprobs: None,
            }),
            ending: if self.failed { Ending::ProviderError(error()) } else { Ending::Completed },
            response: (!self.failed).then_some(Response::Answered),
            scores,
            labels: Vec::new(),
            usage: Usage::default(),
            roles: std::collections::BTreeMap::new(),
            cost: self.cost,
            started_at: Timestamp(1),
            completed_at: Timestamp(2),
            earlier_attempts: Vec::new(),
            events: Vec::new(),
        }
    }
}

/// A target's name.
pub(crate) fn target(name: &str) -> TargetName {
    TargetName::Reference(name.to_owned())
}

/// A run of these sketches.
pub(crate) fn run(name: &str, task: &TaskSpec, sketches: &[RecordSketch]) -> Run {
    let mut table = RunTable::new(task);
    for sketch in sketches {
        table.observe(&sketch.record());
    }
    let number = name.bytes().chain(task.name.bytes()).fold(1_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    let manifest = RunManifest {
        origin: None,
        version: 1,
        id: RunId::new(Timestamp(1_795_333_411_250), [number; 10]),
        plan: Some(plan_id()),
        kind: RunKind::Confirmatory,
        task: task.clone(),
        task_digest: Digest::of(task.name.as_bytes()),
        target: target(name),
        fingerprint: None,
        seed: 7,
        epochs: 1,
        limit: None,
        asked: None,
        limits: None,
        limit_changes: Vec::new(),
        retries: None,
        resumed: Vec::new(),
        status: RunStatus::Success,
        samples: table.len() as u64,
        endings: BTreeMap::new(),
        usage: Usage::default(),
        roles: std::collections::BTreeMap::new(),
        skipped: None,
        price: None,
        role_prices: BTreeMap::new(),
        budget: None,
        error: None,
        started_at: Timestamp(1_795_333_411_250),
        completed_at: Some(Timestamp(1_795_333_412_250)),
    };
    Run { manifest, table }
}

fn plan_id() -> PlanId {
    PlanId::new(Timestamp(1_795_333_411_000), [3; 10])
}

/// An input of these runs; the first target is the comparator where `compared`.
pub(crate) fn input(runs: Vec<Run>, targets: &[&str], compared: bool) -> AnalysisInput {
    let planned = targets.iter().enumerate().map(|(index, name)| PlannedTarget {
        name: target(name),
        role: if compared && index == 0 { TargetRole::Comparator } else { TargetRole::Assessed },
        fingerprint: None,
    });
    let mut tasks: Vec<PlannedTask> = Vec::new();
    for run in &runs {
        let name = run.manifest.task.name.clone();
        if tasks.iter().all(|task| task.name != name) {
            let digest = Digest::of(name.as_bytes());
            tasks.push(PlannedTask {
                name,
                version: "1".to_owned(),
                digest,
                samples: 1,
                epochs: 1,
                roles: BTreeMap::new(),
            });
        }
    }
    let plan = Plan {
        version: Plan::VERSION,
        id: plan_id(),
        created_at: Timestamp(1_795_333_411_000),
        program: "proofhouse 0.1.0".to_owned(),
        kind: RunKind::Confirmatory,
        seed: 7,
        limit: None,
        targets: planned.collect(),
        tasks,
        analysis: AnalysisPlan {
            alpha: 0.05,
            margin: 0.1,
            correction: "holm".to_owned(),
            comparison: "paired by item and epoch".to_owned(),
            treatment: ph_record::Treatment::default(),
        },
        statement: None,
    };
    AnalysisInput {
        manifest: AssessmentManifest {
            version: AssessmentManifest::VERSION,
            id: ph_base::AssessmentId::new(Timestamp(1_795_333_411_000), [2; 10]),
            program: "proofhouse 0.1.0".to_owned(),
            plan_digest: Digest::of(b"plan"),
            status: RunStatus::Success,
            runs: Vec::new(),
            budget: None,
            resumed: Vec::new(),
            cosigned_by: Vec::new(),
            remarks: Vec::new(),
            repeat: "proofhouse assess --seed 7".to_owned(),
            interrupted: false,
            started_at: Timestamp(1_795_333_411_000),
            completed_at: Some(Timestamp(1_795_333_471_000)),
        },
        plan,
        runs,
        companions: Vec::new(),
        conformance: Vec::new(),
    }
}

/// `yes` samples with score 1 and then `no` with score 0.
pub(crate) fn scored(yes: usize, no: usize) -> Vec<RecordSketch> {
    let score = |n: usize| f64::from(u8::from(n < yes));
    (0..yes + no).map(|n| RecordSketch::scored(&format!("item-{n:03}"), score(n))).collect()
}
