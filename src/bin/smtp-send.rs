//! smtp-send(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::smtp_send::SmtpSend>("smtp-send")
}
