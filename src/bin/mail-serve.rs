//! mail-serve(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::mail_serve::MailServe>("mail-serve")
}
