//! imap-cp(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::imap_cp::ImapCp>("imap-cp")
}
