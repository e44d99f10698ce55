//! pop3-ls(1).
fn main() -> std::process::ExitCode {
    pipepost::tools::main("pop3-ls")
}
