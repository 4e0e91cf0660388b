//! What a whole reply means.

use ph_model::wire::{Dialect, WireError};
use ph_model::{ModelErrorKind, ModelOutput, StopReason, Usage};
use serde_json::json;

use crate::corpus;

fn decode(dialect: Dialect, name: &str) -> ModelOutput {
    let body = corpus::read(dialect, &format!("{name}.json"));
    dialect.decode(&body).unwrap_or_else(|error| panic!("{dialect} {name}: {error}"))
}

#[test]
fn text_usage_and_logprobs() {
    for dialect in Dialect::ALL {
        let output = decode(dialect, "text");
        assert_eq!(output.message.text(), "Grüße 👋", "{dialect}");
        assert_eq!(output.stop_reason, StopReason::Stop);
        assert!(output.model.ends_with("-x") || output.model.ends_with("-x-2026"), "{}", output.model);
        let usage = output.usage.unwrap();
        assert_eq!((usage.input_tokens, usage.output_tokens), (20, 9), "{dialect}");
        if dialect == Dialect::AnthropicMessages {
            let want = (Some(10), Some(6), None);
            assert_eq!((usage.input_tokens_cache_read, usage.input_tokens_cache_write, usage.reasoning_tokens), want);
            assert_eq!(output.logprobs, None);
        } else {
            assert_eq!((usage.input_tokens_cache_read, usage.reasoning_tokens), (Some(16), Some(4)), "{dialect}");
            let logprobs = output.logprobs.unwrap();
            assert_eq!((logprobs[1].chosen.token.as_str(), logprobs[1].chosen.logprob), (" 👋", -0.5));
            assert_eq!((logprobs[0].top.len(), logprobs[0].top[1].token.as_str()), (2, "No"));
        }
    }
}

#[test]
fn tool_calls_and_malformed_arguments() {
    for dialect in Dialect::ALL {
        let output = decode(dialect, "tools");
        assert_eq!(output.stop_reason, StopReason::ToolCalls, "{dialect}");
        let calls = &output.message.tool_calls;
        assert_eq!((calls[0].function.as_str(), &calls[0].arguments), ("look", &json!({ "at": "x", "n": [1, 2.5] })));
        assert_eq!((calls[1].function.as_str(), &calls[1].arguments), ("stop", &json!({})));
        assert_eq!((&calls[0].parse_error, &calls[1].parse_error), (&None, &None));
        let ids: std::collections::BTreeSet<&str> = calls.iter().map(|call| call.id.as_str()).collect();
        assert_eq!(ids.len(), calls.len());
        assert!(ids.iter().all(|id| !id.is_empty()));
        // Google gives arguments as a value: they cannot be malformed.
        if dialect != Dialect::GoogleGenerateContent {
            assert_eq!(calls[2].arguments, json!("{\"at\": "));
            assert!(calls[2].parse_error.as_ref().unwrap().contains("not JSON"));
        }
        let shown = serde_json::to_string(&output.message.content).unwrap();
        assert!(shown.contains(r#""reasoning":"I need both.""#), "{dialect}: {shown}");
        assert!(!output.message.text().contains("need"), "{dialect}");
    }
}

#[test]
fn stop_reasons() {
    use Dialect::*;
    for (dialect, name, want) in [
        (OpenAiChat, "refused", StopReason::Stop),
        (OpenAiChat, "filtered", StopReason::ContentFilter),
        (OpenAiChat, "vendor", StopReason::Unknown),
        (OpenAiResponses, "refused", StopReason::Stop),
        (OpenAiResponses, "cut", StopReason::MaxTokens),
        (AnthropicMessages, "blocked", StopReason::ContentFilter),
        (AnthropicMessages, "full", StopReason::ModelLength),
        (AnthropicMessages, "vendor", StopReason::Unknown),
        (GoogleGenerateContent, "blocked", StopReason::ContentFilter),
        (GoogleGenerateContent, "safety", StopReason::ContentFilter),
        (GoogleGenerateContent, "signed", StopReason::MaxTokens),
    ] {
        assert_eq!(decode(dialect, name).stop_reason, want, "{dialect} {name}");
    }
}

#[test]
fn a_models_own_refusal_is_its_text() {
    for dialect in [Dialect::OpenAiChat, Dialect::OpenAiResponses] {
        assert_eq!(decode(dialect, "refused").message.text(), "I cannot.");
    }
}

#[test]
fn unknown_fields_survive() {
    use Dialect::*;
    for (dialect, name, pointer, want) in [
        (OpenAiChat, "text", "/openai_chat/reply/system_fingerprint", json!("fp_1")),
        (OpenAiChat, "vendor", "/openai_chat/reply/provider", json!("Acme")),
        (OpenAiChat, "vendor", "/openai_chat/reply/finish_reason", json!("eos")),
        (OpenAiChat, "vendor", "/openai_chat/message/reasoning_details/0/text", json!("2+2")),
        (OpenAiResponses, "text", "/content/0/item/phase", json!("final_answer")),
        (OpenAiResponses, "vendor", "/content/0/type", json!("web_search_call")),
        (AnthropicMessages, "blocked", "/anthropic_messages/reply/stop_details/category", json!("bio")),
        (AnthropicMessages, "vendor", "/content/2/citations/0/cited_text", json!("a")),
        (AnthropicMessages, "vendor", "/anthropic_messages/reply/stop_reason", json!("pause_turn")),
        (GoogleGenerateContent, "vendor", "/content/0/executableCode/code", json!("1")),
        (GoogleGenerateContent, "safety", "/google_generate_content/reply/finishReason", json!("SAFETY")),
    ] {
        let message = serde_json::to_value(decode(dialect, name).message).unwrap();
        assert_eq!(message.pointer(pointer), Some(&want), "{dialect} {name} {message:#}");
    }
}

#[test]
fn usage_of_other_servers() {
    let usage = decode(Dialect::OpenAiChat, "vendor").usage.unwrap();
    let want = Usage { input_tokens: 1, output_tokens: 2, input_tokens_cache_read: Some(1), ..Usage::default() };
    assert_eq!(usage, want);
}

#[test]
fn what_is_no_reply_says_why() {
    let check = |body: &str, said: &str| {
        for dialect in Dialect::ALL {
            let error = dialect.decode(body.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ModelErrorKind::MalformedReply, "{dialect} {body}");
            assert!(error.to_string().contains(said), "{dialect}: {error}");
        }
    };
    check("", "not JSON");
    check("<html>", "not JSON");
    check("[]", "not an object");
    check("{}", "has no `");
}

#[test]
fn a_failure_in_a_reply_that_began_well_is_classified() {
    let body =
        r#"{"type":"error","status":"failed","error":{"type":"server_error","code":"server_error","message":"broke"}}"#;
    for dialect in Dialect::ALL {
        let error = dialect.decode(body.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ModelErrorKind::Overloaded, "{dialect}");
        assert!(matches!(error, WireError::Reported(reply) if reply.message == "broke"));
    }
}
