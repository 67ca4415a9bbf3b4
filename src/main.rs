//! The `hostler` command.

/// A long plan becomes tens of thousands of small trees. glibc gets their memory page by page, and gives some of it back
/// between two of them: a sixth of the time of a check.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    hostler::cli::main()
}
