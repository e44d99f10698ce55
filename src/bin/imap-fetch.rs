//! imap-fetch(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::imap_fetch::ImapFetch>("imap-fetch")
}
