#![no_main]

#[path = "../bodies/note.rs"]
mod note;

libfuzzer_sys::fuzz_target!(|data: &[u8]| note::check(data));
