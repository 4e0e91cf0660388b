#![no_main]

#[path = "../bodies/tile.rs"]
mod tile;

libfuzzer_sys::fuzz_target!(|data: &[u8]| tile::check(data));
