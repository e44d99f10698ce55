//! mail-check(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::mail_check::MailCheck>("mail-check")
}
