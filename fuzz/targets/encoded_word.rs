#![no_main]

#[path = "../checks/encoded_word.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::check(input));
