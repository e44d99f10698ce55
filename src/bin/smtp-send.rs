//! smtp-send(1).
fn main() -> std::process::ExitCode {
    pipepost::tools::main("smtp-send")
}
