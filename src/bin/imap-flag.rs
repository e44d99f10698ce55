//! imap-flag(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::imap_flag::ImapFlag>("imap-flag")
}
