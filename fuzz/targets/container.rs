#![no_main]

#[path = "../bodies/container.rs"]
mod container;

libfuzzer_sys::fuzz_target!(|data: &[u8]| container::check(data));
