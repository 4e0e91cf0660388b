//! The first hour with an unreleased endpoint: a few dozen small calls that show what it does with the simplest requests,
//! before a plan is locked and anything is measured. Called by `model check` and first by an assessment of endpoints.
//!
//! Every check asks through `asker::Asker`, which holds it to the calls, tokens, budget and time that it may use, and
//! then judges what came in a function of its own that asks nothing. Only a target that cannot be reached, or refuses
//! the credential, stops anything: a check that fails says what it means for the assessment and blocks nothing.

mod about;
mod asker;
mod behaviour;
mod context;
mod determinism;
mod fingerprint;
mod rate;
mod reach;
mod stop;
mod stream;
mod tool;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use ph_analysis::{CheckStatus, Conformance, ConformanceCheck};
use ph_base::Digest;
use ph_eval::Spending;
use ph_model::ModelApi;
use ph_provider::Timeouts;
use ph_record::RecordedError;

use self::about::{Check, ORDER};
use self::asker::Asker;
use self::verdict::Verdict;
use crate::house::House;

/// How much a check may do.
#[derive(Debug, Clone)]
pub struct ConformanceOptions {
    /// Fewer calls: what a reachable endpoint shows within a minute.
    pub quick: bool,
    /// The most calls.
    pub calls_max: u32,
    /// No call is made once this many tokens are used.
    pub tokens_max: u64,
    /// The longest prompt that is tried, in words (a word is a token at least).
    pub prompt_words_max: u64,
    /// The longest that one call may take; as long as any other call to the target unless told otherwise.
    pub call_timeout: Duration,
    /// Makes the random words; nothing else depends on it.
    pub seed: u64,
}

impl ConformanceOptions {
    /// What `model check` does unless told otherwise.
    #[must_use]
    pub fn full(seed: u64) -> Self {
        Self {
            quick: false,
            calls_max: 60,
            tokens_max: 250_000,
            prompt_words_max: 36_000,
            call_timeout: Timeouts::default().call,
            seed,
        }
    }

    /// The short form.
    #[must_use]
    pub fn quick(seed: u64) -> Self {
        Self { quick: true, calls_max: 40, tokens_max: 50_000, prompt_words_max: 4_600, ..Self::full(seed) }
    }

    /// A random word of eight letters; another `number` gives another word.
    fn word(&self, number: u64) -> String {
        const LETTERS: [&[u8]; 2] = [b"bdfgklmnprstvz", b"aeiou"];
        let digest = Digest::of_parts([&self.seed.to_le_bytes()[..], &number.to_le_bytes()[..]]);
        let letter = |(place, byte): (usize, &u8)| {
            let letters = LETTERS[place % 2];
            char::from(letters[usize::from(*byte) % letters.len()])
        };
        digest.bytes().iter().take(8).enumerate().map(letter).collect()
    }
}

/// What is checked.
#[derive(Clone)]
pub struct CheckSubject {
    /// The target.
    pub model: Arc<dyn ModelApi>,
    /// The same endpoint opened with a credential that is not valid, or why there is none.
    pub stranger: Result<Arc<dyn ModelApi>, String>,
}

/// Checks a target. Never fails: what went wrong is in the result.
pub async fn check_conformance(
    subject: &CheckSubject,
    options: &ConformanceOptions,
    house: &House,
    spending: &Spending,
) -> Conformance {
    let started_at = house.clock.now();
    let meter = spending.meter(&subject.model.target().to_string());
    let mut asker = Asker::new(subject, options, (house.clock.as_ref(), &house.cancellation, meter));
    let mut checks = Vec::with_capacity(ORDER.len());
    let mut unreachable = None;
    for check in ORDER {
        asker.begin(check.id());
        let verdict = match &unreachable {
            Some(_) => Verdict::not_checked("the target cannot be asked", "nothing can be said"),
            None if options.quick && !check.is_quick() => Verdict::not_checked(
                "left out by the short form",
                "run the whole check before an assessment that counts",
            ),
            None => look(check, &mut asker).await,
        };
        let verdict = asker.stopped().map_or(verdict, |why| Verdict::not_checked(why, "nothing can be said"));
        // What was stopped before it was answered is not known to be out of reach.
        if check == Check::Reachability && verdict.status != CheckStatus::Passed && asker.stopped().is_none() {
            unreachable = reach::why_unreachable(&asker);
        }
        checks.push(row(check, verdict, &asker));
    }
    result((house, started_at), (checks, unreachable), &asker)
}

async fn look(check: Check, asker: &mut Asker<'_>) -> Verdict {
    match check {
        Check::Reachability => reach::reachability(asker).await,
        Check::Auth => reach::auth(asker).await,
        Check::StopNatural => stop::natural(asker).await,
        Check::StopText => stop::text(asker).await,
        Check::StopMaxTokens => stop::max_tokens(asker).await,
        Check::Streaming => stream::streaming(asker).await,
        Check::SameSeed => determinism::same_seed(asker).await,
        Check::OtherSeeds => determinism::other_seeds(asker).await,
        Check::ToolCall => tool::call(asker).await,
        Check::ToolResult => tool::result(asker).await,
        Check::ContextLimit => context::limit(asker).await,
        Check::ContextTooLong => context::too_long(asker),
        Check::Rate => rate::rate(asker).await,
        Check::BenignRefusal => behaviour::benign(asker).await,
        Check::Arithmetic => behaviour::arithmetic(asker).await,
        Check::Echo => behaviour::echo(asker).await,
        Check::Instruction => behaviour::instruction(asker).await,
        Check::Fingerprint => fingerprint::fingerprint(asker).await,
    }
}

fn row(check: Check, verdict: Verdict, asker: &Asker<'_>) -> ConformanceCheck {
    let about = check.about();
    let (calls, tokens) = asker.used_by_check();
    ConformanceCheck {
        id: check.id().to_owned(),
        title: about.title.to_owned(),
        area: about.area,
        status: verdict.status,
        asked: about.asked.to_owned(),
        came: verdict.came,
        meaning: verdict.meaning,
        calls,
        tokens,
    }
}

fn result(
    (house, started_at): (&House, ph_base::Timestamp),
    (checks, unreachable): (Vec<ConformanceCheck>, Option<RecordedError>),
    asker: &Asker<'_>,
) -> Conformance {
    Conformance {
        version: Conformance::VERSION,
        program: house.program.clone(),
        target: asker.model().target().clone(),
        started_at,
        completed_at: asker.now(),
        quick: asker.options().quick,
        unreachable,
        reported_model: asker.seen.reported_model.clone(),
        declared_fingerprint: asker.model().fingerprint(),
        answers_fingerprint: asker.seen.answers_fingerprint,
        checks,
        tokens: asker.tokens(),
        cost: asker.cost(),
        calls: asker.calls().to_vec(),
    }
}
