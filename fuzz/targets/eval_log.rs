#![no_main]

#[path = "../bodies/eval_log.rs"]
mod eval_log;

libfuzzer_sys::fuzz_target!(|data: &[u8]| eval_log::check(data));
