//! mailfmt(1).
fn main() -> std::process::ExitCode {
    pipepost::tools::main("mailfmt")
}
