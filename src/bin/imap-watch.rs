//! imap-watch(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::imap_watch::ImapWatch>("imap-watch")
}
