//! How long a prompt may be, and whether one that is too long is refused or silently cut.
//!
//! Prompts are made of `n` common words, so of `n` tokens at least, and begin with a code word that the last line asks
//! for. A target that cuts silently shows itself by counting fewer input tokens than words, or by no longer knowing the
//! code word that it knew in a shorter prompt.

use ph_model::{GenerateConfig, Message, ModelError, ModelErrorKind, ModelRequest, StopReason};

use super::asker::{Answer, Asker};
use super::verdict::{Verdict, quoted, told};

const WORDS_FIRST: u64 = 1_024;
const BISECTIONS: usize = 3;
const FILLER: [&str; 8] = ["red", "tree", "stone", "river", "cloud", "bird", "road", "light"];

/// One prompt of a length, and what came.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    words: u64,
    recalled: bool,
    answer: Answer,
}

impl Probe {
    fn is_accepted(&self) -> bool {
        self.answer.result.as_ref().is_ok_and(|output| output.stop_reason != StopReason::ModelLength)
    }

    /// Why the call failed, where that says nothing of the prompt's length.
    fn other_failure(&self) -> Option<&ModelError> {
        use ModelErrorKind::{ContextTooLong, InvalidRequest, Model};
        self.answer.error().filter(|error| !matches!(error.kind, ContextTooLong | InvalidRequest | Model))
    }

    /// Whether the target says that it read fewer tokens than words were sent.
    fn input_tokens(&self) -> Option<u64> {
        self.answer.result.as_ref().ok()?.usage.map(|usage| usage.input_tokens)
    }

    /// A tenth is left for tokenizers that join words.
    fn is_counted_short(&self) -> bool {
        self.input_tokens().is_some_and(|tokens| tokens > 0 && tokens < self.words - self.words / 10)
    }
}

fn prompt(code_word: &str, words: u64) -> String {
    let filler = FILLER.iter().cycle().take(usize::try_from(words).unwrap_or(0)).copied();
    let filler = filler.collect::<Vec<_>>().join(" ");
    format!(
        "The code word is {code_word}.\n\n{filler}\n\nWhat is the code word at the very beginning? Answer with the code word alone."
    )
}

async fn probe(asker: &mut Asker<'_>, words: u64) -> Probe {
    let code_word = asker.options().word(words);
    let config = GenerateConfig { max_tokens: Some(64), ..GenerateConfig::default() };
    let messages = vec![Message::user(prompt(&code_word, words))];
    let answer = asker.ask(&ModelRequest { messages, config, ..ModelRequest::default() }).await;
    let recalled = answer.text().to_lowercase().contains(&code_word);
    Probe { words, recalled, answer }
}

pub(super) async fn limit(asker: &mut Asker<'_>) -> Verdict {
    let declared = asker.model().context_tokens();
    let most = asker.options().prompt_words_max;
    let probes = match declared {
        // Longer by words than the context by tokens: too long, whatever the tokenizer.
        Some(declared) => {
            let too_long = declared.saturating_add(declared / 8).saturating_add(64);
            if too_long <= most { vec![probe(asker, too_long).await] } else { Vec::new() }
        }
        None => search(asker, most).await,
    };
    let verdict = judge_limit(declared, &probes, most);
    asker.seen.probes = probes;
    verdict
}

/// Between which lengths the limit lies.
#[derive(Debug, Default)]
struct Gap {
    accepted: u64,
    refused: Option<u64>,
    halvings: usize,
}

impl Gap {
    /// The next length to try: twice the longest accepted until one is refused, then the middle of the gap.
    fn next(&mut self, most: u64) -> Option<u64> {
        let Some(refused) = self.refused else {
            let words = if self.accepted == 0 { WORDS_FIRST } else { self.accepted.saturating_mul(2) };
            return (words <= most).then_some(words);
        };
        self.halvings += 1;
        let words = self.accepted.midpoint(refused);
        (self.halvings <= BISECTIONS && words != self.accepted).then_some(words)
    }

    fn note(&mut self, probe: &Probe) {
        if probe.is_accepted() { self.accepted = probe.words } else { self.refused = Some(probe.words) }
    }
}

/// Doubles until a prompt is refused, then halves the gap. A call that failed for another reason says nothing of
/// lengths and ends it.
async fn search(asker: &mut Asker<'_>, most: u64) -> Vec<Probe> {
    let (mut probes, mut gap) = (Vec::new(), Gap::default());
    while let Some(words) = gap.next(most) {
        if asker.stopped().is_some() {
            break;
        }
        let tried = probe(asker, words).await;
        gap.note(&tried);
        let is_over = tried.other_failure().is_some();
        probes.push(tried);
        if is_over {
            break;
        }
    }
    probes
}

fn judge_limit(declared: Option<u64>, probes: &[Probe], most: u64) -> Verdict {
    if let Some(tokens) = declared {
        return Verdict::passed(
            format!("declares {tokens} tokens"),
            "tasks longer than that end by the limit `context`",
        );
    }
    let accepted = probes.iter().filter(|probe| probe.is_accepted()).max_by_key(|probe| probe.words);
    let refused = probes.iter().filter(|probe| !probe.is_accepted()).min_by_key(|probe| probe.words);
    if let Some((failed, error)) = probes.iter().find_map(|probe| Some((probe, probe.other_failure()?))) {
        let taken = accepted.map_or_else(String::new, |accepted| format!("takes {}; ", length(accepted)));
        let came = format!("{taken}the call with {} words failed: {}", failed.words, told(error));
        return Verdict::not_checked(came, "how long tasks may be is not known");
    }
    match (accepted, refused) {
        (Some(accepted), None) => Verdict::passed(
            format!("declares nothing; takes {}", length(accepted)),
            format!("the limit is above {} words; longer prompts were not tried (at most {most})", accepted.words),
        ),
        (Some(accepted), Some(refused)) => Verdict::passed(
            format!("declares nothing; takes {}, not {} words", length(accepted), refused.words),
            "tasks longer than that end by the limit `context`",
        ),
        (None, Some(refused)) => {
            let why = refused.answer.error().map(told).unwrap_or_default();
            Verdict::failed(
                format!("does not take {} words ({why})", refused.words),
                "only very short tasks can be run",
            )
        }
        (None, None) => Verdict::not_checked("no prompt was tried", "how long tasks may be is not known"),
    }
}

fn length(probe: &Probe) -> String {
    match probe.input_tokens() {
        Some(tokens) => format!("{} words ({tokens} tokens)", probe.words),
        None => format!("{} words", probe.words),
    }
}

pub(super) fn too_long(asker: &mut Asker<'_>) -> Verdict {
    let probes = std::mem::take(&mut asker.seen.probes);
    judge_too_long(asker.model().context_tokens(), probes)
}

fn judge_too_long(declared: Option<u64>, mut probes: Vec<Probe>) -> Verdict {
    const CUT: &str = "long prompts are cut without a word: long tasks measure something else than they say";
    probes.sort_by_key(|probe| probe.words);
    let Some(longest) = probes.last() else {
        return Verdict::not_checked("no prompt was long enough", "whether long prompts are cut is not known");
    };
    if let Some(short) = probes.iter().find(|probe| probe.is_accepted() && probe.is_counted_short()) {
        let tokens = short.input_tokens().unwrap_or(0);
        return Verdict::failed(format!("of {} words {tokens} tokens were read", short.words), CUT);
    }
    if let (Some(tokens), true) = (declared, longest.is_accepted()) {
        let said = quoted(&longest.answer.text());
        let came = format!("took {} words though it declares {tokens} tokens; said {said}", longest.words);
        return Verdict::failed(came, CUT);
    }
    if let Some(lost) = forgotten(&probes) {
        let came = format!(
            "knew the first words of a shorter prompt, not of one of {} words: {}",
            lost.words,
            quoted(&lost.answer.text())
        );
        return Verdict::failed(came, CUT);
    }
    match probes.iter().rev().find_map(|probe| probe.answer.error()) {
        Some(error) => judge_refusal(error),
        None if longest.answer.result.as_ref().is_ok_and(|output| output.stop_reason == StopReason::ModelLength) => {
            Verdict::passed("ended for want of context", "too long prompts end by the limit `context`")
        }
        None if longest.recalled || longest.input_tokens().is_some() => Verdict::passed(
            format!("{} words were read whole", longest.words),
            format!("nothing was cut up to {} words; longer prompts were not tried", longest.words),
        ),
        None => Verdict::not_checked(
            "no tokens are told, and the code word was not known even in a short prompt",
            "whether long prompts are cut is not known",
        ),
    }
}

/// The shortest prompt whose code word was not known though that of a shorter one was.
fn forgotten(probes: &[Probe]) -> Option<&Probe> {
    let mut accepted = probes.iter().filter(|probe| probe.is_accepted()).skip_while(|probe| !probe.recalled);
    accepted.find(|probe| !probe.recalled)
}

fn judge_refusal(error: &ModelError) -> Verdict {
    match error.kind {
        ModelErrorKind::ContextTooLong => Verdict::passed(told(error), "too long prompts end by the limit `context`"),
        ModelErrorKind::InvalidRequest | ModelErrorKind::Model => Verdict::failed(
            told(error),
            "refused, but not as too long: such samples end as errors instead of by the limit `context`",
        ),
        _ => Verdict::not_checked(told(error), "the call failed, so this could not be told"),
    }
}
