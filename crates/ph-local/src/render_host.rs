//! Makes prompts of a foreign model in a process of its own, so that a hostile chat template or tokenizer can take
//! neither the program's memory nor its time.
//!
//! Used by the model for a *directory*; embedded models are trusted and render in process. The process is the program
//! itself, started as [`RenderHost`] says, which then calls [`crate::serve_rendering`]. It is asked one conversation at a
//! time, as JSON lines; one that takes too long is killed, one that ended is started again for the next request, and
//! after [`FAILURES_MAX`] in a row no more. It must never be sent weights, and its answers are read up to a bound.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use ph_model::{Message, ToolDefinition};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

use crate::LocalError;
use crate::chat_template::{TEMPLATE_FILE, TOKENIZER_CONFIG};
use crate::config::clip;
use crate::files::ModelFiles;
use crate::tokenizer::TOKENIZER;

/// Failed or killed processes in a row after which no other is started.
const FAILURES_MAX: u32 = 3;
/// Bytes of address space that the process may have, besides sixteen times its tokenizer file.
const MEMORY_BYTES_MAX: u64 = 512 << 20;
/// Wall-clock time in requests after which a process is replaced by a new one, so that it never comes near its limit of
/// processor time by honest work.
const SERVICE_TIME_MAX: Duration = Duration::from_secs(600);
/// Bytes of one answer.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// How the process that makes prompts is started, and how long it may take.
#[derive(Debug, Clone)]
pub struct RenderHost {
    /// The program; its child must call [`crate::serve_rendering`].
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables of its environment beside those of this process.
    pub variables: Vec<(String, String)>,
    /// Wall-clock time for one conversation.
    pub time_max: Duration,
}

/// What the process is told first: the files that it reads and its limits.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) origin: String,
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) vocab_size: usize,
    pub(crate) memory_bytes_max: u64,
    /// Processor seconds of its whole life.
    pub(crate) seconds_max: u64,
    /// The most tokens that an answer holds.
    pub(crate) tokens_max: usize,
}

/// A conversation to be made a prompt of.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Conversation {
    pub(crate) messages: Vec<Message>,
    pub(crate) tools: Vec<ToolDefinition>,
}

/// A line of the answer: `Rendered`, then `Tokens`; or why not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// The template is through; the tokenizer is next.
    Rendered,
    /// How many tokens the prompt has, and the first of them, up to the most that is wanted.
    Tokens { count: usize, tokens: Vec<u32> },
    /// The template failed.
    Template { what: String },
    /// The tokenizer failed.
    Tokenizer { what: String },
}

/// A prompt that the process made.
#[derive(Debug)]
pub(crate) struct MadePrompt {
    /// How many tokens it has.
    pub(crate) count: usize,
    /// The first of them; all, where they fit the context.
    pub(crate) tokens: Vec<u32>,
}

/// The process of one model.
#[derive(Debug)]
pub(crate) struct RenderProcess {
    host: RenderHost,
    setup: Setup,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: Option<Running>,
    failures: u32,
}

#[derive(Debug)]
struct Running {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// Where the present request is.
    is_rendered: bool,
    /// Wall-clock time of its requests so far.
    served: Duration,
}

/// Why a request failed.
enum Failure {
    /// The model's own fault, told by the process, which goes on.
    Told(LocalError),
    /// The process ended or was killed.
    Ended(String),
    /// The process could not be started.
    Host(io::Error),
}

impl State {
    /// After a request that the process answered.
    fn after(running: Running) -> Self {
        Self { running: (running.served < SERVICE_TIME_MAX).then_some(running), failures: 0 }
    }
}

impl RenderProcess {
    /// For the template and tokenizer of `files`, read now; nothing is started yet.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn new(
        host: &RenderHost,
        files: &ModelFiles,
        (vocab_size, tokens_max): (usize, usize),
    ) -> Result<Self, LocalError> {
        let mut texts = BTreeMap::new();
        for name in [TOKENIZER, TOKENIZER_CONFIG, TEMPLATE_FILE] {
            if let Some(text) = files.read_text_if_any(name)? {
                texts.insert(name.to_owned(), text);
            }
        }
        let tokenizer_bytes = texts.get(TOKENIZER).map_or(0, |text| text.len() as u64);
        let setup = Setup {
            origin: files.origin(),
            files: texts,
            vocab_size,
            memory_bytes_max: MEMORY_BYTES_MAX + 16 * tokenizer_bytes,
            seconds_max: (SERVICE_TIME_MAX + 2 * host.time_max).as_secs(),
            tokens_max,
        };
        Ok(Self { host: host.clone(), setup, state: Mutex::default() })
    }

    /// The prompt of a conversation.
    ///
    /// # Errors
    /// What the template or tokenizer said, or that they took too much time or memory.
    pub(crate) async fn prompt(
        &self,
        messages: &[Message],
        tools: &[ToolDefinition],
    ) -> Result<MadePrompt, LocalError> {
        let conversation = Conversation { messages: messages.to_vec(), tools: tools.to_vec() };
        let mut state = self.state.lock().await;
        if state.failures >= FAILURES_MAX {
            let what =
                format!("was stopped {FAILURES_MAX} times in a row for its time or memory and is not tried again");
            return Err(self.failed(what));
        }
        // Taken out for the length of the request: a caller that goes away half-way takes the process with it.
        let mut running = match state.running.take() {
            Some(running) => running,
            None => self.start().await.map_err(|failure| self.error(failure))?,
        };
        let began = tokio::time::Instant::now();
        let result = tokio::time::timeout(self.host.time_max, running.ask(&conversation, &self.setup)).await;
        running.served += began.elapsed();
        match result {
            Ok(Ok(prompt)) => {
                *state = State::after(running);
                Ok(prompt)
            }
            Ok(Err(Failure::Told(error))) => {
                *state = State::after(running);
                Err(error)
            }
            Ok(Err(failure)) => {
                state.failures += 1;
                Err(self.error(failure))
            }
            Err(_) => {
                state.failures += 1;
                let step = running.step();
                // Killed when dropped, in any case; waiting for it here leaves no dead process behind.
                drop(running.child.kill().await);
                let seconds = self.host.time_max.as_secs_f64();
                Err(self.failed(format!("{step} took longer than {seconds} s and was stopped")))
            }
        }
    }

    async fn start(&self) -> Result<Running, Failure> {
        let mut child = Command::new(&self.host.program)
            .args(&self.host.arguments)
            .envs(self.host.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C is for the program, which finishes what is under way.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(Failure::Host)?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::Host(io::Error::other("no pipe to it")));
        };
        let mut running = Running { child, to, from: BufReader::new(from), is_rendered: false, served: Duration::ZERO };
        running.send(&self.setup).await?;
        Ok(running)
    }

    fn error(&self, failure: Failure) -> LocalError {
        match failure {
            Failure::Told(error) => error,
            Failure::Ended(what) => self.failed(what),
            Failure::Host(error) => {
                LocalError::Worker { what: format!("process that renders chat templates did not start: {error}") }
            }
        }
    }

    fn failed(&self, what: String) -> LocalError {
        LocalError::Template { origin: self.setup.origin.clone(), what }
    }
}

impl Running {
    async fn ask(&mut self, conversation: &Conversation, setup: &Setup) -> Result<MadePrompt, Failure> {
        self.is_rendered = false;
        self.send(conversation).await?;
        loop {
            match self.receive(setup).await? {
                Answer::Rendered => self.is_rendered = true,
                Answer::Tokens { count, tokens } => return Ok(MadePrompt { count, tokens }),
                Answer::Template { what } => {
                    let (origin, what) = (setup.origin.clone(), clip(&what));
                    return Err(Failure::Told(LocalError::Template { origin, what }));
                }
                Answer::Tokenizer { what } => {
                    let path = format!("{}/{TOKENIZER}", setup.origin);
                    return Err(Failure::Told(LocalError::Tokenizer { path, what: clip(&what) }));
                }
            }
        }
    }

    async fn send(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(value).map_err(|error| Failure::Host(error.into()))?;
        line.push(b'\n');
        // A process that ended meanwhile shows when its answer is read.
        drop(self.to.write_all(&line).await);
        drop(self.to.flush().await);
        Ok(())
    }

    async fn receive(&mut self, setup: &Setup) -> Result<Answer, Failure> {
        let mut line = Vec::new();
        let read = (&mut self.from).take(ANSWER_BYTES_MAX).read_until(b'\n', &mut line).await;
        if read.is_ok()
            && let Ok(answer) = serde_json::from_slice(&line)
        {
            return Ok(answer);
        }
        drop(self.child.start_kill());
        let status = self.child.wait().await.map_err(Failure::Host)?;
        Err(Failure::Ended(format!("{} {}", self.step(), how_it_ended(status, setup))))
    }

    fn step(&self) -> &'static str {
        if self.is_rendered { "rendered, but turning its text into tokens" } else { "rendering a conversation" }
    }
}

/// What the end of the process says. A failed allocation aborts it.
fn how_it_ended(status: ExitStatus, setup: &Setup) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    const ABORTED: i32 = 6;
    const OUT_OF_TIME: i32 = 24;
    let mebibytes = setup.memory_bytes_max >> 20;
    match status.signal() {
        Some(ABORTED) => format!("needed more than {mebibytes} MiB of memory and was stopped"),
        Some(OUT_OF_TIME) => format!("took more than {} s of processor time and was stopped", setup.seconds_max),
        Some(signal) => format!("was stopped by signal {signal} (out of memory or stack)"),
        None => format!("ended its process ({status})"),
    }
}
