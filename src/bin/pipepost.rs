//! All programs in one executable, for packages.
fn main() -> std::process::ExitCode {
    pipepost::tools::main_of_all()
}
