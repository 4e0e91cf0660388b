#![no_main]

#[path = "../bodies/summaries.rs"]
mod summaries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| summaries::check(data));
