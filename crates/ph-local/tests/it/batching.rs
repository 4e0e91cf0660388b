//! A reply depends on its own request only: not on neighbours, order, batch size, workers or threads.

use std::process::Command;

use futures::future::join_all;
use ph_local::{LoadOptions, LocalModel, LocalRuntime, RuntimeOptions};
use ph_model::{GenerateConfig, Message, ModelApi, ModelOutput, ModelRequest};

use crate::tiny;

/// Set for the child processes that print their digest.
const CHILD: &str = "PROOFHOUSE_TEST_PRINT_LOGITS";

fn model(shape: &tiny::Shape) -> LocalModel {
    LocalModel::load(&tiny::files(shape), &LoadOptions::default()).unwrap()
}

fn requests(count: usize) -> Vec<ModelRequest> {
    let one = |n: usize| ModelRequest {
        messages: vec![Message::user(format!("{n}: {}", "words and more ".repeat(n % 5)))],
        config: GenerateConfig {
            max_tokens: Some(8 + (n % 7) as u32),
            temperature: Some(if n.is_multiple_of(3) { 0.0 } else { 0.9 }),
            top_p: (n % 4 == 1).then_some(0.9),
            seed: Some(n as u64),
            top_logprobs: Some(5),
            stop: if n % 5 == 2 { vec!["zz".to_owned()] } else { Vec::new() },
            ..GenerateConfig::default()
        },
        ..ModelRequest::default()
    };
    (0..count).map(one).collect()
}

fn run(model: &LocalModel, options: (usize, usize), requests: &[ModelRequest]) -> Vec<ModelOutput> {
    let (batch, workers) = options;
    let options = RuntimeOptions { batch, workers, ..RuntimeOptions::new("local:tiny".parse().unwrap()) };
    let runtime = LocalRuntime::start(model.clone(), options).unwrap();
    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let replies = tokio.block_on(join_all(requests.iter().map(|request| runtime.generate(request))));
    replies.into_iter().map(|reply| reply.unwrap().output).collect()
}

#[test]
fn neighbours_order_batch_size_and_workers_change_nothing() {
    let model = model(&tiny::Shape::default());
    let requests = requests(24);
    let alone: Vec<ModelOutput> =
        requests.iter().flat_map(|request| run(&model, (1, 1), std::slice::from_ref(request))).collect();
    for options in [(1, 1), (3, 1), (16, 1), (40, 1), (4, 3)] {
        assert_eq!(run(&model, options, &requests), alone, "batch, workers: {options:?}");
    }
    let mut order: Vec<usize> = (0..requests.len()).rev().collect();
    order.swap(2, 9);
    let shuffled: Vec<ModelRequest> = order.iter().map(|n| requests[*n].clone()).collect();
    let outputs = run(&model, (16, 1), &shuffled);
    for (n, output) in order.iter().zip(&outputs) {
        assert_eq!(output, &alone[*n], "request {n} in another order");
    }
    let texts: std::collections::BTreeSet<String> = alone.iter().map(|output| output.message.text()).collect();
    assert!(texts.len() > 12, "the replies must differ for this test to mean something: {texts:?}");
}

#[test]
fn chunks_of_the_prompt_do_not_change_a_bit() {
    let model = model(&tiny::Shape { context: 100, ..tiny::Shape::default() });
    let tokens: Vec<u32> = (0..50).map(|n| (n * 37 % 250) as u32).collect();
    let whole = bits(&model.logits(&tokens).unwrap());
    for chunk in [1, 2, 7, 15] {
        assert_eq!(bits(&model.logits_in_chunks(&tokens, chunk).unwrap()), whole, "chunks of {chunk}");
    }
    assert_eq!(bits(&model.logits(&tokens[..31]).unwrap()), whole[..31], "later tokens");
}

fn bits(lines: &[Vec<f32>]) -> Vec<Vec<u32>> {
    lines.iter().map(|line| line.iter().map(|value| value.to_bits()).collect()).collect()
}

/// The child's part of the next test: prints a digest of logits and replies of a model whose products are large enough
/// for candle to split them over threads.
#[test]
fn logits_digest_for_the_parent() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let model = model(&tiny::Shape::reference());
    let tokens: Vec<u32> = (0..40).map(|n| (n * 29 % 256) as u32).collect();
    let mut bytes: Vec<u8> =
        bits(&model.logits(&tokens).unwrap()).concat().iter().flat_map(|b| b.to_le_bytes()).collect();
    for output in run(&model, (16, 1), &requests(6)) {
        bytes.extend(serde_json::to_vec(&output).unwrap());
    }
    println!("digest={}", ph_base::Digest::of(&bytes));
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let digest = |threads: &str| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "batching::logits_digest_for_the_parent", "--nocapture", "--test-threads=1"])
            .env(CHILD, "1")
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let start = text.find("digest=").unwrap_or_else(|| panic!("no digest in {text}"));
        text[start..].lines().next().unwrap().to_owned()
    };
    let one = digest("1");
    assert_eq!(digest("2"), one);
    assert_eq!(digest("7"), one);
}
