//! imap-mkdir(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::imap_mkdir::ImapMkdir>("imap-mkdir")
}
