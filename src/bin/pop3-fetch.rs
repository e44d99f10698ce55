//! pop3-fetch(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::pop3_fetch::Pop3Fetch>("pop3-fetch")
}
