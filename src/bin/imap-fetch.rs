//! imap-fetch(1).
fn main() -> std::process::ExitCode {
    pipepost::tools::main("imap-fetch")
}
