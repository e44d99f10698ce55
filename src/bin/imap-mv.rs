//! imap-mv(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::imap_mv::ImapMv>("imap-mv")
}
