#![no_main]

#[path = "../bodies/vault.rs"]
mod vault;

libfuzzer_sys::fuzz_target!(|data: &[u8]| vault::check(data));
