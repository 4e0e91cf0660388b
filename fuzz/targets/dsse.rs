#![no_main]

#[path = "../bodies/dsse.rs"]
mod dsse;

libfuzzer_sys::fuzz_target!(|data: &[u8]| dsse::check(data));
