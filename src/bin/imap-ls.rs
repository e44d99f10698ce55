//! imap-ls(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::imap_ls::ImapLs>("imap-ls")
}
