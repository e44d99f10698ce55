//! pop3-ls(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::pop3_ls::Pop3Ls>("pop3-ls")
}
