//! imap-rm(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::imap_rm::ImapRm>("imap-rm")
}
