//! imap-put(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::imap_put::ImapPut>("imap-put")
}
