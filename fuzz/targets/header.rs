#![no_main]

#[path = "../checks/header.rs"]
mod check;
#[path = "../checks/kit.rs"]
mod kit;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::check(input));
