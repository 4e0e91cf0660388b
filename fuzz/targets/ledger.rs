#![no_main]

#[path = "../bodies/ledger.rs"]
mod ledger;

libfuzzer_sys::fuzz_target!(|data: &[u8]| ledger::check(data));
