//! The witness itself, and its route. Whoever serves it binds the socket.
//!
//! A head is judged, kept and cosigned while its log is held, in this order: a cosignature exists only after what it covers
//! outlives a power cut.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::post;
use ph_base::Clock;
use ph_proof::note::add_checkpoint::{self, REQUEST_BYTES_MAX};
use ph_proof::note::{NoteSignature, NoteSigner, NoteVerifier, cosignature};
use tokio::sync::Semaphore;

use super::config::AcceptedLogs;
use super::decision::{Refusal, Submission};
use super::misconduct::Conflict;
use super::state::{HeldLog, LatestHead, StateError, WitnessState};

/// How long a request's body may take.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);
/// How many requests are worked on at once; others wait.
const REQUESTS_MAX: usize = 32;
const TEXT: &str = "text/plain; charset=utf-8";
const SIZE: &str = "text/x.tlog.size";

/// What the witness answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// What the operator may want to know. Holds nothing but what the log has signed, and errors of this machine.
#[derive(Debug)]
pub enum Told {
    /// A head was cosigned.
    Cosigned {
        /// Which log.
        origin: String,
        /// The size of its tree.
        size: u64,
    },
    /// A head of a known log was refused, with its signature right.
    Refused {
        /// Which log.
        origin: String,
        /// The size that it said.
        size: u64,
        /// Why.
        refusal: Refusal,
    },
    /// The log has signed two trees of one size.
    Conflict {
        /// Which log.
        origin: String,
        /// The size of both.
        size: u64,
        /// Whether the proof was kept now (`false`: it, or enough of its kind, was kept before), or why it was not.
        kept: Result<bool, StateError>,
    },
}

/// Takes what the witness tells; called in the thread that answers.
type Listener = Box<dyn Fn(&Told) + Send + Sync>;

/// A witness. Cheap to share behind an `Arc`; its methods block on the disk.
pub struct Witness {
    signer: NoteSigner,
    logs: AcceptedLogs,
    state: WitnessState,
    clock: Arc<dyn Clock>,
    listener: Listener,
}

impl Witness {
    /// A witness that cosigns by `signer` for `logs`. The key must cosign nowhere else.
    #[must_use]
    pub fn new(signer: NoteSigner, logs: AcceptedLogs, state: WitnessState, clock: Arc<dyn Clock>) -> Self {
        Self { signer, logs, state, clock, listener: Box::new(|_| ()) }
    }

    /// The same, telling what happens.
    #[must_use]
    pub fn telling(mut self, listener: impl Fn(&Told) + Send + Sync + 'static) -> Self {
        self.listener = Box::new(listener);
        self
    }

    /// What its cosignatures are verified by.
    #[must_use]
    pub fn verifier(&self) -> NoteVerifier {
        self.signer.cosignature_verifier()
    }

    /// Answers the body of an `add-checkpoint` request.
    #[must_use]
    pub fn answer(&self, body: &[u8]) -> Answer {
        match self.cosign(body) {
            Ok(signature) => Answer { status: 200, content_type: TEXT, body: add_checkpoint::answer(&[signature]) },
            Err(Refusal::Stale { latest }) => Answer { status: 409, content_type: SIZE, body: format!("{latest}\n") },
            Err(refusal) => Answer { status: refusal.status(), content_type: TEXT, body: format!("{refusal}\n") },
        }
    }

    fn cosign(&self, body: &[u8]) -> Result<NoteSignature, Refusal> {
        let submission = Submission::read(body, &self.logs)?;
        let (origin, size) = (submission.head.origin().to_owned(), submission.head.size());
        match self.judge_and_keep(&submission) {
            Ok(signature) => {
                (self.listener)(&Told::Cosigned { origin, size });
                Ok(signature)
            }
            Err(refusal) => {
                let told = Told::Refused { origin, size, refusal };
                (self.listener)(&told);
                match told {
                    Told::Refused { refusal, .. } => Err(refusal),
                    Told::Cosigned { .. } | Told::Conflict { .. } => Err(Refusal::Cosign),
                }
            }
        }
    }

    fn judge_and_keep(&self, submission: &Submission) -> Result<NoteSignature, Refusal> {
        let now = u64::try_from(self.clock.now().0 / 1000).map_err(|_| Refusal::Cosign)?;
        let log = self.state.hold(submission.head.origin());
        let latest = log.latest()?;
        if let Some(latest) = latest.as_ref().filter(|latest| submission.contradicts(latest)) {
            self.keep_conflict(&log, &Conflict::of(submission, latest, now), latest);
        }
        submission.judge(latest.as_ref())?;
        // A later time says that no larger tree was seen before it, so times never run backwards.
        let seconds = now.max(latest.as_ref().map_or(0, |latest| latest.seconds));
        log.advance(latest.as_ref(), &LatestHead::of(submission, seconds))?;
        let text = submission.note.unverified_text();
        cosignature::sign(text, &self.signer, seconds).map_err(|_| Refusal::Cosign)
    }

    /// A conflict that cannot be kept is told, and the head is refused as it is anyway.
    fn keep_conflict(&self, log: &HeldLog<'_>, conflict: &Conflict, latest: &LatestHead) {
        let kept = conflict.keep(log);
        (self.listener)(&Told::Conflict { origin: latest.origin.clone(), size: latest.size, kept });
    }
}

struct Served {
    witness: Arc<Witness>,
    permits: Semaphore,
}

/// The route `POST /add-checkpoint`; below a submission prefix it is nested by the caller.
pub fn router(witness: Arc<Witness>) -> Router {
    let served = Arc::new(Served { witness, permits: Semaphore::new(REQUESTS_MAX) });
    Router::new().route("/add-checkpoint", post(add)).with_state(served)
}

async fn add(State(served): State<Arc<Served>>, body: Body) -> Response {
    let body = match tokio::time::timeout(BODY_TIME_MAX, to_bytes(body, REQUEST_BYTES_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return response(plain(400, "the request is too large or broke off")),
        Err(_) => return response(plain(408, "the request took too long")),
    };
    let Ok(_permit) = served.permits.acquire().await else {
        return response(plain(503, "the witness ends"));
    };
    let witness = Arc::clone(&served.witness);
    // What has begun is finished even if the asker goes away: the head is kept, and asked for again gets its cosignature.
    let answered = tokio::task::spawn_blocking(move || witness.answer(&body)).await;
    response(answered.unwrap_or_else(|_| plain(500, "the witness failed")))
}

fn plain(status: u16, text: &str) -> Answer {
    Answer { status, content_type: TEXT, body: format!("{text}\n") }
}

fn response(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    response
}
