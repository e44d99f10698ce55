//! pop3-rm(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::pop3_rm::Pop3Rm>("pop3-rm")
}
