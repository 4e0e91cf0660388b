//! Every fault of the model server for tests, in every dialect, streamed and not.

use std::time::Duration;

use ph_model::wire::Dialect;
use ph_model::{ModelApi, ModelErrorKind as K, ModelReply};
use ph_testkit::stub::{Dialect as Stubbed, Fault, Stub, StubConfig};

use crate::server::{KEY, Pieces, model, request, settings};

/// What a fault must be classified as; nothing where the reply can be read all the same.
fn wanted(fault: Fault) -> &'static [K] {
    match fault {
        Fault::ContextTooLong => &[K::ContextTooLong],
        Fault::Unauthorized | Fault::Forbidden => &[K::Unauthorized],
        Fault::NotFound => &[K::NotFound],
        Fault::RateLimited | Fault::RateLimitedDate => &[K::RateLimited],
        Fault::ServerError | Fault::BadGateway | Fault::Unavailable | Fault::Overloaded | Fault::ErrorInBody => {
            &[K::Overloaded]
        }
        Fault::ResetBeforeHeaders | Fault::ResetMidBody | Fault::LengthTooLong => &[K::Unreachable],
        Fault::SlowDrip | Fault::Hang | Fault::HangMidBody => &[K::Timeout],
        Fault::DuplicateKeys => &[],
        _ => &[K::MalformedReply],
    }
}

fn stubbed(dialect: Dialect) -> Stubbed {
    match dialect {
        Dialect::OpenAiChat => Stubbed::OpenAiChat,
        Dialect::OpenAiResponses => Stubbed::OpenAiResponses,
        Dialect::AnthropicMessages => Stubbed::Anthropic,
        Dialect::GoogleGenerateContent => Stubbed::Google,
    }
}

async fn check(dialect: Dialect, fault: Fault, stream: bool) {
    let config = StubConfig { huge_bytes: 4 << 20, ..StubConfig::default() };
    let stub = Stub::start(config.with_fault(fault, 1.0)).unwrap();
    let mut settings = settings(dialect, &stub.base_url(stubbed(dialect)));
    settings.reply_bytes_max = 1 << 20;
    settings.timeouts.call = Duration::from_millis(1_500);
    let model = model(settings);
    let result = match stream {
        true => model.stream(&request(), &mut Pieces::all()).await,
        false => model.generate(&request()).await,
    };
    let told = format!("{dialect} {fault} {stream}: {result:?}");
    assert!(!told.contains(KEY));
    match result {
        Ok(ModelReply { .. }) => {
            // A stream whose end was announced is whole, whatever its length claimed.
            let is_whole = wanted(fault).is_empty() || (stream && fault == Fault::LengthTooLong);
            assert!(is_whole, "{told}");
        }
        Err(error) => {
            assert!(wanted(fault).contains(&error.kind), "{told}");
            match fault {
                Fault::RateLimited => assert_eq!(error.retry_after_ms, Some(1_000), "{told}"),
                // The test's clock stands still, so only that there is a date can be seen here.
                Fault::RateLimitedDate => assert!(error.retry_after_ms.is_some(), "{told}"),
                _ => {}
            }
            assert_eq!(error.exchange.unwrap().status, fault.status().filter(|_| fault != Fault::HugeHeader));
        }
    }
    assert_eq!(stub.stats().requests, 1, "{dialect} {fault}: exactly one attempt");
}

#[tokio::test]
async fn every_fault_in_every_dialect() {
    for dialect in Dialect::ALL {
        for stream in [false, true] {
            futures::future::join_all(Fault::ALL.into_iter().map(|fault| check(dialect, fault, stream))).await;
        }
    }
}

#[tokio::test]
async fn what_the_stub_says_is_read_the_same_streamed_and_not() {
    let said = "[[stub:say=Grüße]] [[stub:reasoning=I think]] [[stub:cached=3]]";
    for dialect in Dialect::ALL {
        let stub = Stub::start(StubConfig { chunk_bytes: Some(7), ..StubConfig::default() }).unwrap();
        let model = model(settings(dialect, &stub.base_url(stubbed(dialect))));
        let mut request = request();
        request.config.max_tokens = Some(500);
        request.messages = vec![ph_model::Message::user(said)];
        let whole = model.generate(&request).await.unwrap().output;
        let mut pieces = Pieces::all();
        let streamed = model.stream(&request, &mut pieces).await.unwrap().output;
        assert_eq!(whole.message.text(), "Grüße", "{dialect}");
        assert_eq!((streamed.message.text(), streamed.stop_reason), (whole.message.text(), whole.stop_reason));
        assert_eq!(streamed.usage, whole.usage, "{dialect}");
        assert!(whole.usage.unwrap().output_tokens > 0);
        assert!(pieces.seen.len() >= 3, "{dialect}: {:?}", pieces.seen);
    }
}
