#![no_main]

#[path = "../checks/pop3_client.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::check(input));
