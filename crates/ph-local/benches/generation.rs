//! Generated tokens per CPU second at batch 16, for a random model of the reference models' shape (0.9 M parameters),
//! beside the floor that the matrix products alone set. `cargo bench -p ph-local --bench generation`.
//!
//! CPU time is user and system time of the whole process, from `/proc/self/stat` (hundredths of a second).

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures")]

use std::sync::Arc;
use std::time::Instant;

use candle_core::{Device, Tensor};
use ph_local::{LoadOptions, LocalModel, LocalRuntime, LocalTokenizer, ModelFiles, RuntimeOptions};
use ph_model::{GenerateConfig, Message, ModelApi, ModelRequest};

#[path = "../tests/it/tiny.rs"]
mod tiny;

const BATCH: usize = 16;
const REQUESTS: usize = 128;

fn main() {
    let shape = tiny::Shape::reference();
    let files = without_end(tiny::map(&shape));
    let model = LocalModel::load(&files, &LoadOptions::default()).unwrap();
    println!("parameters: {}", model.config().parameters());
    floor(&shape);
    for (prompt_bytes, max_tokens) in [(16, 128), (128, 128), (256, 8)] {
        generation(&model, prompt_bytes, max_tokens);
    }
}

/// A random model meets its end token by chance; this one has none, so that every reply is full length.
fn without_end(mut map: std::collections::BTreeMap<String, Vec<u8>>) -> ModelFiles {
    let strip = |bytes: &Vec<u8>, field: &str| {
        let mut value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        value.as_object_mut().unwrap().remove(field);
        value.to_string().into_bytes()
    };
    map.insert("config.json".into(), strip(&map["config.json"], "eos_token_id"));
    map.insert("tokenizer_config.json".into(), strip(&map["tokenizer_config.json"], "eos_token"));
    map.remove("generation_config.json");
    ModelFiles::embedded("bench", map)
}

fn generation(model: &LocalModel, prompt_bytes: usize, max_tokens: u32) {
    let options = RuntimeOptions { batch: BATCH, ..RuntimeOptions::new("local:bench".parse().unwrap()) };
    let runtime = Arc::new(LocalRuntime::start(model.clone(), options).unwrap());
    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    let (mut generated, mut read) = (0, 0);
    tokio.block_on(async {
        let calls = (0..REQUESTS).map(|n| {
            let runtime = Arc::clone(&runtime);
            async move {
                let text: String = (0..prompt_bytes).map(|k| char::from(b'a' + ((k * 7 + n) % 26) as u8)).collect();
                let config = GenerateConfig { max_tokens: Some(max_tokens), ..GenerateConfig::default() };
                let request = ModelRequest { messages: vec![Message::user(text)], config, ..ModelRequest::default() };
                runtime.generate(&request).await.unwrap().output.usage.unwrap()
            }
        });
        for usage in futures::future::join_all(calls).await {
            generated += usage.output_tokens;
            read += usage.input_tokens;
        }
    });
    let (cpu, wall) = (cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
    println!(
        "prompts of {:>3} tokens, replies of {max_tokens:>3}: {:>6.0} generated tokens per CPU second \
         ({:>6.0} with prompt tokens; {cpu:.2} s CPU, {wall:.2} s wall)",
        read / REQUESTS as u64,
        generated as f64 / cpu,
        (generated + read) as f64 / cpu,
    );
}

/// The same products as one step, and nothing else.
fn floor(shape: &tiny::Shape) {
    let random = |rows: usize, columns: usize| Tensor::randn(0.0_f32, 1.0, (rows, columns), &Device::Cpu).unwrap();
    let (q, kv) = (shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim);
    let widths = [
        (shape.hidden, q + 2 * kv),
        (q, shape.hidden),
        (shape.hidden, 2 * shape.intermediate),
        (shape.intermediate, shape.hidden),
    ];
    let mut weights: Vec<Tensor> =
        (0..shape.layers).flat_map(|_| widths.map(|(input, output)| random(input, output))).collect();
    weights.push(random(shape.hidden, shape.vocab));
    let inputs: Vec<Tensor> = weights.iter().map(|weight| random(BATCH, weight.dims()[0])).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    const STEPS: usize = 4000;
    let cpu = cpu_seconds();
    pool.install(|| {
        for _ in 0..STEPS {
            for (weight, input) in weights.iter().zip(&inputs) {
                std::hint::black_box(input.matmul(weight).unwrap());
            }
        }
    });
    let cpu = cpu_seconds() - cpu;
    println!("matrix products alone: {:.0} tokens per CPU second", (STEPS * BATCH) as f64 / cpu);
}

/// User and system time of this process so far: fields 14 and 15 of `/proc/self/stat`, in hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}
