//! mailfmt(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::mailfmt::Mailfmt>("mailfmt")
}
