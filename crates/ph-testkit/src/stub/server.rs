//! From a request to a reply, and the connections between.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::answer::Answer;
use super::call::{Call, Dialect};
use super::config::StubConfig;
use super::delivery::{After, Delivery, Sender};
use super::dialect::{Problem, anthropic, google, openai_chat, openai_responses};
use super::fault::{Fault, FaultNameError, Order};
use super::http_request::{Head, ReadError, Reader};
use super::latency::Latency;
use super::reply::{MARK, Reply};
use super::route::{Route, route};
use super::script::Script;
use super::stats::Counter;

/// A stub that runs: its behaviour and its counts.
#[derive(Debug)]
pub(super) struct Server {
    config: StubConfig,
    counter: Mutex<Counter>,
}

/// What a call meets, drawn before it is answered.
struct Fate {
    fault: Option<Fault>,
    seen: u32,
    /// A function of seed, prompt and times seen.
    random: ChaCha8Rng,
    /// What the answer is drawn from: where the call asks for a fixed answer, the times seen do not enter.
    answer: ChaCha8Rng,
}

impl Server {
    pub(super) fn new(config: StubConfig) -> Self {
        Self { config, counter: Mutex::default() }
    }

    /// The counts; a panic elsewhere leaves them usable.
    pub(super) fn counter(&self) -> MutexGuard<'_, Counter> {
        self.counter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes connections until told to stop; then all of them end at once.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener, mut stop: oneshot::Receiver<()>) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = &mut stop => return,
            };
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok((socket, _)) => drop(connections.spawn(Arc::clone(&self).connection(socket))),
                // Out of descriptors, most likely: wait until some connection ends.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    async fn connection(self: Arc<Self>, mut socket: TcpStream) {
        self.counter().stats.connections += 1;
        let _ = socket.set_nodelay(true);
        let mut reader = Reader::default();
        let mut sender = Sender::new(&self.config);
        loop {
            let (delivery, keep_alive) = match reader.next(&mut socket).await {
                Ok(head) => (self.respond(&head, &reader.body), head.keep_alive),
                Err(ReadError::Closed) => return,
                Err(ReadError::Problem(problem)) => (plain(Reply::error(Dialect::OpenAiChat, &problem)), false),
            };
            match self.deliver(&mut socket, &mut sender, delivery).await {
                Ok(After::KeepAlive) if keep_alive => {}
                _ => return,
            }
        }
    }

    async fn deliver(&self, socket: &mut TcpStream, sender: &mut Sender<'_>, delivery: Delivery) -> io::Result<After> {
        let fault = delivery.fault;
        let sent = sender.send(socket, delivery).await;
        let mut counter = self.counter();
        counter.ended();
        if sent.is_err() && fault.is_none() {
            counter.stats.abandoned += 1;
        }
        sent
    }

    /// The reply to a request, counted.
    fn respond(&self, head: &Head, body: &[u8]) -> Delivery {
        self.counter().begun();
        let route = route(head);
        match route {
            Route::Stats => return plain(Reply::json(200, &self.counter().stats.to_json())),
            Route::Reset => {
                self.counter().reset();
                return plain(Reply::json(200, &json!({"reset": true})));
            }
            _ => self.counter().stats.requests += 1,
        }
        let delivery = self.route(route, head, body);
        let mut counter = self.counter();
        counter.status(match delivery.fault {
            Some(fault) => fault.status().unwrap_or(0),
            None => delivery.reply.status,
        });
        if let Some(fault) = delivery.fault {
            counter.fault(fault);
        }
        delivery
    }

    fn route(&self, route: Route<'_>, head: &Head, body: &[u8]) -> Delivery {
        if self.config.key.is_some() && self.config.key != head.key {
            return plain(Reply::error(route.dialect(), &Problem::Unauthorized));
        }
        let models = &self.config.models;
        let refused = |dialect, problem| plain(Reply::error(dialect, &problem));
        match route {
            Route::Models(dialect) => plain(Reply::json(200, &dialect.models(models))),
            Route::Model(dialect, name) if models.iter().any(|model| model == name) => {
                plain(Reply::json(200, &dialect.model(name)))
            }
            Route::Model(dialect, name) => refused(dialect, Problem::NotFound(name.to_owned())),
            Route::WrongMethod(dialect) => refused(dialect, Problem::Method),
            Route::Unknown(dialect) => refused(dialect, Problem::NotFound(head.path.clone())),
            Route::OpenAiChat => self.call(Dialect::OpenAiChat, openai_chat::read(body), head, body),
            Route::OpenAiResponses => self.call(Dialect::OpenAiResponses, openai_responses::read(body), head, body),
            Route::Anthropic => self.call(Dialect::Anthropic, anthropic::read(body), head, body),
            Route::Google { model, stream, sse } => {
                let mut delivery = self.call(Dialect::Google, google::read(body, model, stream), head, body);
                if !sse {
                    delivery.reply = delivery.reply.into_array();
                }
                delivery
            }
            Route::Stats | Route::Reset => plain(Reply::json(200, &json!({}))),
        }
    }

    fn call(&self, dialect: Dialect, read: Result<Call<'_>, serde_json::Error>, head: &Head, body: &[u8]) -> Delivery {
        let call = match read {
            Ok(call) => call,
            Err(error) => return plain(Reply::error(dialect, &Problem::Invalid(error.to_string()))),
        };
        let script = Script::of(&call, &self.config.rules);
        match self.fate(dialect, &call, &script, (head, body)) {
            Err(error) => plain(Reply::error(dialect, &Problem::Invalid(error.to_string()))),
            Ok(fate) => self.answered(dialect, &call, &script, fate),
        }
    }

    fn fate(
        &self,
        dialect: Dialect,
        call: &Call<'_>,
        script: &Script,
        (head, body): (&Head, &[u8]),
    ) -> Result<Fate, FaultNameError> {
        let conversation = conversation(call);
        let prompt = hash(&[&conversation, dialect.name().as_bytes(), call.model.as_bytes()].concat());
        let seen = self.counter().call(dialect, call.stream, (prompt, hash(body)));
        let mut random = self.random(prompt, i64::from(seen));
        let drawn = self.drawn_fault(random.random());
        let named = call.model.split_once('~').map(|(_, order)| order);
        let fault = match (head.fault.as_deref(), named) {
            (Some(order), _) | (None, Some(order)) => order.parse::<Order>()?.at(seen),
            (None, None) => None,
        };
        let fault = fault.or(script.fault(seen)?).or(drawn).or_else(|| self.limit(call));
        let draws = if call.fixed { call.request_seed.unwrap_or(0) } else { i64::from(seen) };
        Ok(Fate { fault, seen, random, answer: self.random(hash(&conversation), draws) })
    }

    /// The fault that the rates give to a draw from 0 to 1.
    fn drawn_fault(&self, draw: f64) -> Option<Fault> {
        let mut upto = 0.0;
        self.config.faults.iter().find_map(|(fault, rate)| {
            upto += rate;
            (draw < upto).then_some(*fault)
        })
    }

    /// The fault of a call that is above a limit of the configuration.
    fn limit(&self, call: &Call<'_>) -> Option<Fault> {
        if self.config.context_tokens.is_some_and(|most| call.input_tokens() > most) {
            return Some(Fault::ContextTooLong);
        }
        let in_flight = self.counter().stats.in_flight;
        self.config.in_flight_limit.filter(|most| in_flight > *most).map(|_| Fault::RateLimited)
    }

    fn random(&self, prompt: u128, times: i64) -> ChaCha8Rng {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.config.seed.to_le_bytes());
        seed[8..24].copy_from_slice(&prompt.to_le_bytes());
        seed[24..].copy_from_slice(&times.to_le_bytes());
        ChaCha8Rng::from_seed(seed)
    }

    fn answered(&self, dialect: Dialect, call: &Call<'_>, script: &Script, mut fate: Fate) -> Delivery {
        let first_byte = self.config.first_byte.draw(&mut fate.random);
        let mut answer = script.answer(call, fate.seen, &mut fate.answer);
        answer.serial = fate.random.random();
        let reply = match fate.fault {
            None => Reply::answer(dialect, call, &answer),
            Some(Fault::BadGateway) => Reply::bad_gateway(),
            Some(fault) if fault.is_error_reply() => self.error(fault, dialect, call),
            Some(fault) => {
                mark_text(fault, &mut answer);
                let mut reply = Reply::answer(dialect, call, &answer);
                reply.spoil(fault, dialect, &mut fate.random);
                reply
            }
        };
        let between_chunks = self.config.between_chunks;
        Delivery { reply, fault: fate.fault, first_byte, between_chunks, random: fate.random }
    }

    fn error(&self, fault: Fault, dialect: Dialect, call: &Call<'_>) -> Reply {
        let mut reply = Reply::error(dialect, &Problem::of(fault, &call.model));
        let seconds = self.config.retry_after_s;
        match fault {
            Fault::RateLimited => reply.headers.push(("retry-after", seconds.to_string())),
            Fault::RateLimitedDate => reply.headers.push(("retry-after", date_after(seconds))),
            _ => {}
        }
        reply
    }
}

/// Marks the place where the fault puts its own bytes.
fn mark_text(fault: Fault, answer: &mut Answer) {
    if matches!(fault, Fault::InvalidUtf8 | Fault::HugeReply) {
        match &mut answer.tool_call {
            Some(tool_call) => tool_call.name.push(MARK),
            None => answer.text.push(MARK),
        }
    }
}

/// A reply without waits and faults.
fn plain(reply: Reply) -> Delivery {
    Delivery {
        reply,
        fault: None,
        first_byte: Duration::ZERO,
        between_chunks: Latency::None,
        random: ChaCha8Rng::from_seed([0; 32]),
    }
}

/// The conversation as bytes: speakers and texts.
fn conversation(call: &Call<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(call.turns.iter().map(|turn| turn.text.len() + 2).sum());
    for turn in &call.turns {
        bytes.extend([0, turn.speaker as u8]);
        bytes.extend_from_slice(turn.text.as_bytes());
    }
    bytes
}

fn hash(mut bytes: &[u8]) -> u128 {
    // Reading from memory does not fail.
    murmur3::murmur3_x64_128(&mut bytes, 0).unwrap_or_default()
}

/// An HTTP date so many seconds from now. The only look at the machine's clock: a date is only one if it is true.
#[expect(clippy::disallowed_methods, reason = "clients compare the date with their own clock")]
fn date_after(seconds: u64) -> String {
    let now = SystemTime::now();
    httpdate::fmt_http_date(now.checked_add(Duration::from_secs(seconds)).unwrap_or(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_shares_of_the_draws() {
        let config = StubConfig::default().with_fault(Fault::Hang, 0.25).with_fault(Fault::ServerError, 0.25);
        let server = Server::new(config);
        let drawn = |draw| server.drawn_fault(draw);
        assert_eq!([drawn(0.0), drawn(0.3), drawn(0.5)], [Some(Fault::ServerError), Some(Fault::Hang), None]);
    }
}
