use std::sync::Mutex;

use ph_base::Timestamp;
use ph_model::{Message, ModelErrorKind, ModelOutput, StopReason, Usage};

use super::*;

/// Answers by the number of the call; a mock.
struct Numbered {
    target: TargetName,
    calls: Mutex<u64>,
    under_way: Mutex<(usize, usize)>,
    script: Box<dyn Fn(u64) -> Result<u64, ModelError> + Send + Sync>,
    takes: Duration,
}

impl Numbered {
    /// `script` gives the output tokens of a reply.
    fn new(takes_ms: u64, script: impl Fn(u64) -> Result<u64, ModelError> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            target: "openai/m".parse().unwrap(),
            calls: Mutex::new(0),
            under_way: Mutex::new((0, 0)),
            script: Box::new(script),
            takes: Duration::from_millis(takes_ms),
        })
    }

    fn calls(&self) -> u64 {
        *self.calls.lock().unwrap()
    }

    fn most(&self) -> usize {
        self.under_way.lock().unwrap().1
    }
}

#[async_trait]
impl ModelApi for Numbered {
    fn target(&self) -> &TargetName {
        &self.target
    }

    async fn generate(&self, _: &ModelRequest) -> Result<ModelReply, ModelError> {
        let number = {
            let mut calls = self.calls.lock().unwrap();
            *calls += 1;
            let mut under_way = self.under_way.lock().unwrap();
            under_way.0 += 1;
            under_way.1 = under_way.1.max(under_way.0);
            *calls
        };
        tokio::time::sleep(self.takes).await;
        self.under_way.lock().unwrap().0 -= 1;
        let output_tokens = (self.script)(number)?;
        Ok(ModelReply::new(ModelOutput {
            model: "m".to_owned(),
            message: Message::assistant("yes"),
            stop_reason: StopReason::Stop,
            usage: Some(Usage { input_tokens: 10, output_tokens, ..Usage::default() }),
            logprobs: None,
        }))
    }
}

struct Virtual(Instant);

impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(self.0.elapsed().as_millis()).unwrap())
    }
}

fn door(model: &Arc<Numbered>, limits: RunLimits, policy: RetryPolicy) -> Arc<Door> {
    Door::new(model.clone(), limits, policy, Arc::new(Virtual(Instant::now())))
}

fn run(number: u8) -> RunId {
    RunId::new(Timestamp(1), [number; 10])
}

async fn ask(door: &Arc<Door>, calls: usize) -> Vec<Result<ModelReply, ModelError>> {
    let model = door.enter(run(1));
    let request = ModelRequest { messages: vec![Message::user("x")], ..ModelRequest::default() };
    futures::future::join_all((0..calls).map(|_| model.generate(&request))).await
}

fn away(kind: ModelErrorKind, retry_after_ms: Option<u64>) -> ModelError {
    ModelError { retry_after_ms, ..ModelError::new(kind, "no") }
}

#[tokio::test(start_paused = true)]
async fn every_attempt_is_told_and_the_reply_is_the_last() {
    let model = Numbered::new(10, |number| match number {
        1 => Err(away(ModelErrorKind::RateLimited, Some(3_000))),
        2 => Err(away(ModelErrorKind::Unreachable, None)),
        _ => Ok(5),
    });
    let door = door(&model, RunLimits::connections(1), RetryPolicy::default());
    let reply = ask(&door, 1).await.remove(0).unwrap();
    let kinds: Vec<_> = reply.earlier.failed.iter().map(|failed| failed.error.kind).collect();
    assert_eq!(kinds, [ModelErrorKind::RateLimited, ModelErrorKind::Unreachable]);
    assert_eq!(reply.earlier.failed[0].began, Timestamp(0));
    assert!(reply.earlier.failed[1].began >= Timestamp(3_010), "it came back when it was told to");
    assert!(reply.earlier.waited_ms >= 3_250 && reply.earlier.waited_ms < 4_500, "{}", reply.earlier.waited_ms);
    assert_eq!((model.calls(), door.look().retries), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn the_last_error_tells_those_before_it() {
    let model = Numbered::new(1, |_| Err(away(ModelErrorKind::Timeout, None)));
    let policy = RetryPolicy { retries_max: 3, ..RetryPolicy::default() };
    let error = ask(&door(&model, RunLimits::connections(1), policy), 1).await.remove(0).unwrap_err();
    assert_eq!((error.earlier.failed.len(), model.calls()), (3, 4));
    let model = Numbered::new(1, |_| Err(away(ModelErrorKind::InvalidRequest, None)));
    let error = ask(&door(&model, RunLimits::connections(1), policy), 1).await.remove(0).unwrap_err();
    assert_eq!((error.earlier.failed.len(), model.calls()), (0, 1), "it would fail alike");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_to_be_tried_again_holds_no_place() {
    let model = Numbered::new(10, |number| match number {
        1 => Err(away(ModelErrorKind::Unreachable, None)),
        _ => Ok(1),
    });
    let begun = Instant::now();
    ask(&door(&model, RunLimits::connections(1), RetryPolicy::default()), 20).await;
    // 21 attempts of 10 ms; the wait of half a second at most runs beside them.
    assert!(begun.elapsed() < Duration::from_millis(720), "{:?}", begun.elapsed());
    assert_eq!(model.most(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_felt_out() {
    let model = Numbered::new(20, |_| Ok(1));
    let limits = RunLimits { adaptive: true, ..RunLimits::connections(64) };
    let door = door(&model, limits, RetryPolicy::never());
    ask(&door, 8).await;
    assert_eq!(model.most(), 8);
    ask(&door, 500).await;
    assert_eq!(model.most(), 64);
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_endpoint_is_pressed_less_until_it_answers() {
    // Takes four at once; the rest it turns away.
    let model = Arc::new(Small { calls: Mutex::default(), target: "openai/m".parse().unwrap() });
    let limits = RunLimits { adaptive: true, ..RunLimits::connections(64) };
    let clock = Arc::new(Virtual(Instant::now()));
    let door = Door::new(model.clone(), limits, RetryPolicy::default(), clock);
    let replies = ask(&door, 400).await;
    assert!(replies.iter().all(Result::is_ok), "every call gets its answer in the end");
    let (_, turned_away) = *model.calls.lock().unwrap();
    assert!(turned_away < 150, "{turned_away} of 400 were turned away");
    assert!(door.look().places <= 8, "{:?}", door.look());
}

struct Small {
    /// Under way, turned away.
    calls: Mutex<(usize, usize)>,
    target: TargetName,
}

#[async_trait]
impl ModelApi for Small {
    fn target(&self) -> &TargetName {
        &self.target
    }

    async fn generate(&self, _: &ModelRequest) -> Result<ModelReply, ModelError> {
        {
            let mut calls = self.calls.lock().unwrap();
            if calls.0 >= 4 {
                calls.1 += 1;
                return Err(away(ModelErrorKind::RateLimited, Some(200)));
            }
            calls.0 += 1;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.calls.lock().unwrap().0 -= 1;
        Ok(ModelReply::new(ModelOutput {
            model: "m".to_owned(),
            message: Message::assistant("yes"),
            stop_reason: StopReason::Stop,
            usage: None,
            logprobs: None,
        }))
    }
}

#[tokio::test(start_paused = true)]
async fn requests_and_tokens_a_minute_are_kept() {
    // Tokens are counted as estimated until the reply tells: here 15 of 20.
    for (limits, seconds_min) in [
        (RunLimits { requests_per_minute: Some(60), ..RunLimits::connections(100) }, 110),
        (RunLimits { tokens_per_minute: Some(60 * 20), ..RunLimits::connections(100) }, 90),
    ] {
        let model = Numbered::new(1, |_| Ok(10));
        let door = door(&model, limits, RetryPolicy::never());
        let begun = Instant::now();
        ask(&door, 1).await;
        ask(&door, 125).await;
        let seconds = begun.elapsed().as_secs();
        assert!((seconds_min..=130).contains(&seconds), "{limits:?}: {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_before_it_is_sent_uses_up_no_rate() {
    let model = Numbered::new(1, |_| Ok(10));
    let limits = RunLimits { requests_per_minute: Some(60), ..RunLimits::connections(1_000) };
    let door = door(&model, limits, RetryPolicy::never());
    ask(&door, 6).await;
    let given_up = tokio::time::timeout(Duration::from_millis(10), ask(&door, 600)).await;
    assert!(given_up.is_err());
    let begun = Instant::now();
    ask(&door, 1).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "it waits for none of the 600: {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_door_is_closed_no_longer_than_a_call_may_take() {
    let model = Numbered::new(1, |number| match number {
        1 => Err(away(ModelErrorKind::RateLimited, Some(86_400_000))),
        _ => Ok(1),
    });
    let policy = RetryPolicy { time_max: Duration::from_secs(60), ..RetryPolicy::default() };
    let door = door(&model, RunLimits { adaptive: true, ..RunLimits::connections(8) }, policy);
    let error = ask(&door, 1).await.remove(0).unwrap_err();
    assert_eq!(error.retry_after_ms, Some(86_400_000), "what the target asked for is told");
    let begun = Instant::now();
    ask(&door, 3).await.remove(0).unwrap();
    assert!(begun.elapsed() <= Duration::from_secs(61), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn other_limits_hold_for_calls_that_wait_already() {
    let model = Numbered::new(100, |_| Ok(1));
    let door = door(&model, RunLimits::connections(1), RetryPolicy::never());
    let (replies, ()) = tokio::join!(ask(&door, 40), async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        door.set_limits(RunLimits::connections(10));
    });
    assert_eq!((replies.len(), model.most()), (40, 10));
    assert_eq!(door.limits().connections, 10);
}
