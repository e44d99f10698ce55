//! pop3-fetch(1).
fn main() -> std::process::ExitCode {
    pipepost::tools::main("pop3-fetch")
}
