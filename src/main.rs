//! The `hostler` command.

fn main() -> std::process::ExitCode {
    hostler::cli::main()
}
