//! `command {command, env, time_limit_seconds, processes}`: an external program in any language grades the reply.
//!
//! The program is started once and kept; for every sample it is given one line of JSON and answers with one line:
//! `{"id", "sample", "epoch", "input", "choices", "target", "reply", "metadata"}` in, `{"id", "value", "answer"?, "explanation"?, "metadata"?}` or `{"id", "error"}` out. It
//! runs in the task's folder with the environment that the task lists and nothing else. A program that crashes, hangs,
//! answers nonsense or for another sample, or too much, has failed for this sample alone: it is ended, with everything that
//! it started, and started anew for the next.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ph_record::{Sample, Score, ScoreValue, TaskFiles};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::Semaphore;

use super::command_host::{CommandHost, CommandLine, RunningCommand};
use super::{Scorer, ScorerError, Subject};
use crate::parameters::ParameterError;
use crate::role::RoleAsker;
use crate::task_place::is_inside;

/// The most bytes of an answer.
const LINE_BYTES_MAX: usize = 1 << 20;
/// How much of the end of what the program says on stderr is kept.
const STDERR_BYTES_MAX: usize = 1 << 10;
/// The longest time limit, in seconds.
const SECONDS_MAX: f64 = 86_400.0;
/// The most processes.
const PROCESSES_MAX: usize = 64;
/// How long the last words of a program that failed are waited for.
const LAST_WORDS: Duration = Duration::from_millis(200);

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct CommandParameters {
    /// The program and its arguments; no shell reads them. A path is relative to the task's folder.
    command: Vec<String>,
    /// Its whole environment.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// The most seconds for one sample.
    #[serde(default = "sixty")]
    time_limit_seconds: f64,
    /// The most processes of it at once.
    #[serde(default = "one")]
    processes: usize,
}

fn sixty() -> f64 {
    60.0
}

fn one() -> usize {
    1
}

pub(super) struct Command {
    line: CommandLine,
    host: Arc<dyn CommandHost>,
    time_limit: Duration,
    places: Semaphore,
    idle: Mutex<Vec<Running>>,
    asked: AtomicU64,
}

/// A process that is kept, with the end of what it said on stderr.
struct Running {
    stdin: Box<dyn tokio::io::AsyncWrite + Send + Unpin>,
    stdout: BufReader<Box<dyn tokio::io::AsyncRead + Send + Unpin>>,
    stderr: Box<dyn tokio::io::AsyncRead + Send + Unpin>,
    said: VecDeque<u8>,
    /// Dropped last: ends the process.
    _process: Box<dyn Send>,
}

impl Command {
    pub(super) fn new(
        parameters: CommandParameters,
        (host, files): (Arc<dyn CommandHost>, &Arc<dyn TaskFiles>),
    ) -> Result<Self, ParameterError> {
        let CommandParameters { command, env, time_limit_seconds, processes } = parameters;
        let wrong = |parameter: &str, problem: String| Err(ParameterError::of(parameter, problem));
        let folder = files.folder();
        match command.first() {
            None => return wrong("command", "the command is empty".to_owned()),
            Some(program) if program.is_empty() || command.iter().any(|part| part.contains('\0')) => {
                return wrong("command", "the program has no name, or a part holds a zero byte".to_owned());
            }
            Some(program) if program.contains('/') && !program.starts_with('/') => {
                let is_there = folder.as_ref().is_none_or(|folder| folder.join(program).is_file());
                if !is_inside(program) || !is_there {
                    return wrong("command", format!("there is no file `{program}` in the task's folder"));
                }
            }
            Some(_) => {}
        }
        if !(time_limit_seconds > 0.0 && time_limit_seconds <= SECONDS_MAX) {
            let problem =
                format!("`{time_limit_seconds}` is not a number of seconds above 0 and at most {SECONDS_MAX}");
            return wrong("time_limit_seconds", problem);
        }
        if !(1..=PROCESSES_MAX).contains(&processes) {
            return wrong("processes", format!("`processes` is from 1 to {PROCESSES_MAX}, not {processes}"));
        }
        let is_name = |name: &String| !name.is_empty() && !name.contains(['=', '\0']);
        if let Some((name, _)) = env.iter().find(|(name, value)| !is_name(name) || value.contains('\0')) {
            return wrong("env", format!("`{name}` is not a variable's name, or its value holds a zero byte"));
        }
        let folder = folder.unwrap_or_else(|| PathBuf::from("."));
        let folder = folder.canonicalize().unwrap_or(folder);
        Ok(Self {
            line: CommandLine { command, folder, env },
            host,
            time_limit: Duration::from_secs_f64(time_limit_seconds),
            places: Semaphore::new(processes),
            idle: Mutex::default(),
            asked: AtomicU64::new(0),
        })
    }

    /// A process that waits. One that ended or spoke unasked since its last answer is let go.
    async fn waiting(&self) -> Option<Running> {
        loop {
            let mut running = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if running.is_quiet().await {
                return Some(running);
            }
        }
    }

    /// Asks a process that waits, else a new one. One that waited may have been about to leave of itself, so where it ends
    /// without a word a new one is asked once.
    async fn ask(&self, question: &[u8]) -> Result<(Running, Result<Vec<u8>, String>), ScorerError> {
        if let Some(mut running) = self.waiting().await {
            match running.exchange_in_time(question, self.time_limit).await {
                Err(Failed::Ended) => {}
                Err(Failed::Otherwise(problem)) => return Ok((running, Err(problem))),
                Ok(line) => return Ok((running, Ok(line))),
            }
        }
        let mut running = self.started()?;
        let line = running.exchange_in_time(question, self.time_limit).await.map_err(|failed| match failed {
            Failed::Ended => "it ended, or closed its output, without an answer".to_owned(),
            Failed::Otherwise(problem) => problem,
        });
        Ok((running, line))
    }

    fn started(&self) -> Result<Running, ScorerError> {
        self.host
            .start(&self.line)
            .map(Running::new)
            .map_err(|error| ScorerError(format!("the command `{}` cannot be started: {error}", self.line.command[0])))
    }

    fn question(&self, subject: &Subject<'_>) -> (String, Vec<u8>) {
        let state = subject.state;
        let count = self.asked.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}#{}#{count}", state.sample, state.epoch);
        let question = json!({
            "id": id, "sample": state.sample, "epoch": state.epoch, "input": state.input, "choices": state.choices,
            "target": subject.expected, "reply": subject.reply, "metadata": state.metadata,
        });
        (id, format!("{question}\n").into_bytes())
    }
}

/// Why there is no answer.
enum Failed {
    /// The program ended, or closed its output, without a word.
    Ended,
    /// Anything else.
    Otherwise(String),
}

impl Running {
    fn new(command: RunningCommand) -> Self {
        let RunningCommand { stdin, stdout, stderr, process } = command;
        Self { stdin, stdout: BufReader::new(stdout), stderr, said: VecDeque::new(), _process: process }
    }

    /// Whether it runs and has nothing to say.
    async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(Duration::ZERO, self.stdout.fill_buf()).await.is_err()
    }

    async fn exchange_in_time(&mut self, question: &[u8], limit: Duration) -> Result<Vec<u8>, Failed> {
        let late = || Failed::Otherwise(format!("it gave no answer within {} s", limit.as_secs_f64()));
        tokio::time::timeout(limit, self.exchange(question)).await.unwrap_or_else(|_| Err(late()))
    }

    /// Gives the program a line and reads its answer; what it says on stderr meanwhile is kept.
    async fn exchange(&mut self, question: &[u8]) -> Result<Vec<u8>, Failed> {
        let Self { stdin, stdout, stderr, said, .. } = self;
        let write = async {
            stdin.write_all(question).await?;
            stdin.flush().await
        };
        let read = async {
            let mut line = Vec::new();
            stdout.take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line).await.map(|_| line)
        };
        // A program may answer before it has read everything, so both go on at once.
        let both = async {
            let (written, line) = futures::join!(write, read);
            let problem = match line {
                Ok(line) if line.is_empty() => return Err(Failed::Ended),
                Ok(line) if line.len() > LINE_BYTES_MAX => format!("its answer is longer than {LINE_BYTES_MAX} bytes"),
                Ok(line) if !line.ends_with(b"\n") => "it ended within its answer".to_owned(),
                Ok(line) => match written {
                    Ok(()) => return Ok(line),
                    Err(error) => format!("it does not take its input: {error}"),
                },
                Err(error) => format!("its answer cannot be read: {error}"),
            };
            Err(Failed::Otherwise(problem))
        };
        tokio::select! {
            biased;
            answer = both => answer,
            never = keep_tail(stderr, said) => match never {},
        }
    }

    /// What it said on stderr, with what still comes within a moment.
    async fn last_words(&mut self) -> String {
        let _ = tokio::time::timeout(LAST_WORDS, keep_tail(&mut self.stderr, &mut self.said)).await;
        let said: Vec<u8> = self.said.iter().copied().collect();
        String::from_utf8_lossy(&said).trim().to_owned()
    }
}

/// Reads what is said and keeps the end of it; at its end it waits for ever.
async fn keep_tail(
    stderr: &mut (dyn tokio::io::AsyncRead + Send + Unpin),
    said: &mut VecDeque<u8>,
) -> std::convert::Infallible {
    let mut buffer = [0; 4096];
    loop {
        match stderr.read(&mut buffer).await {
            Ok(read) if read > 0 => {
                said.extend(&buffer[..read]);
                let over = said.len().saturating_sub(STDERR_BYTES_MAX);
                said.drain(..over);
            }
            _ => std::future::pending().await,
        }
    }
}

/// What the program answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    id: String,
    #[serde(default)]
    value: Option<Value>,
    #[serde(default)]
    answer: Option<String>,
    #[serde(default)]
    explanation: Option<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
    #[serde(default)]
    error: Option<String>,
}

/// The answer on a line, where it is one for `id`.
fn answer(line: &[u8], id: &str) -> Result<Answer, String> {
    let answer: Answer = serde_json::from_slice(line).map_err(|error| format!("its answer is not one: {error}"))?;
    if answer.id != id {
        return Err(format!("it answers for `{}`, not for `{id}`", answer.id.chars().take(80).collect::<String>()));
    }
    match (&answer.value, &answer.error) {
        (Some(_), None) | (None, Some(_)) => Ok(answer),
        _ => Err("its answer has not either a `value` or an `error`".to_owned()),
    }
}

/// The score of an answer; a program that itself says `error` has failed and may go on.
fn score(answer: Answer) -> Result<Score, String> {
    if let Some(error) = answer.error {
        return Err(format!("it says: {error}"));
    }
    let value = match answer.value.unwrap_or_default() {
        Value::Bool(flag) => ScoreValue::Bool(flag),
        Value::Number(number) => ScoreValue::Number(number.as_f64().ok_or("its `value` is no number that counts")?),
        Value::String(word) if !word.is_empty() => ScoreValue::Text(word),
        Value::Object(several) => ScoreValue::Map(several),
        _ => return Err("its `value` is not a number, a word, true, false or an object".to_owned()),
    };
    Ok(Score { value, answer: answer.answer, explanation: answer.explanation, metadata: answer.metadata })
}

#[async_trait]
impl Scorer for Command {
    async fn score(&self, subject: &Subject<'_>, _: &mut RoleAsker<'_>) -> Result<Score, ScorerError> {
        let _place = self.places.acquire().await.map_err(|error| ScorerError(error.to_string()))?;
        let (id, question) = self.question(subject);
        let (mut running, line) = self.ask(&question).await?;
        let surplus =
            if running.stdout.buffer().is_empty() { Ok(()) } else { Err("it gave more than one line".to_owned()) };
        match line.and_then(|line| answer(&line, &id)).and_then(|answer| surplus.map(|()| answer)) {
            Ok(answer) => {
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(running);
                score(answer)
                    .map_err(|problem| ScorerError(format!("the command `{}`: {problem}", self.line.command[0])))
            }
            Err(problem) => {
                let said = running.last_words().await;
                let said = if said.is_empty() { said } else { format!("; it said: {said}") };
                Err(ScorerError(format!("the command `{}`: {problem}{said}", self.line.command[0])))
            }
        }
    }

    fn check(&self, _: &[String], _: &Sample) -> Result<(), ScorerError> {
        Ok(())
    }
}
