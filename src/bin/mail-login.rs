//! mail-login(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::mail_login::MailLogin>("mail-login")
}
