//! smtp-queue(1).
fn main() -> std::process::ExitCode {
    pipepost::cli::main::<pipepost::tools::smtp_queue::SmtpQueue>("smtp-queue")
}
