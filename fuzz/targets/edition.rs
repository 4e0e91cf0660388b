#![no_main]

#[path = "../bodies/edition.rs"]
mod edition;

libfuzzer_sys::fuzz_target!(|data: &[u8]| edition::check(data));
