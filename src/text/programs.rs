use super::FileError;

/// How the pure rooms have a program run that the user trusts: they ask for what it prints and start nothing
/// themselves.
pub trait Programs {
    /// What a program prints on its standard output. `path` is as a person wrote it.
    ///
    /// # Errors
    /// Where it may not be run, or did not do what it should; [`Refusal`] says which.
    fn run(&self, path: &str, arguments: &[&str], purpose: Purpose) -> Result<Vec<u8>, Refusal>;
}

/// Whether a file that may be executed is meant to be: on some shared drives every text may.
pub fn is_program(content: &[u8]) -> bool {
    content.starts_with(b"#!") || std::str::from_utf8(content).is_err()
}

/// What a program is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Hosts and variables.
    Inventory,
    /// The password of vaults. A person may be asked for it, so it may take longer.
    Password,
}

/// Why there is no answer of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The user has not said that it may be run.
    NotTrusted,
    /// It is not what it was when the user said that it may be run.
    Changed,
    /// Everybody on this machine may write it.
    WorldWritable,
    /// Which programs are trusted can not be found out: the reason.
    NoList(String),
    /// It could not be read or started: the reason.
    NotStarted(FileError),
    /// It was ended after so many seconds.
    TooSlow(u64),
    /// It prints more than so many bytes.
    TooMuch(u64),
    /// It ended with another code than 0 (none: by a signal), and said this last on its standard error.
    Failed(Option<i32>, String),
}

/// Nothing is trusted: for those who have no programs to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPrograms;

impl Programs for NoPrograms {
    fn run(&self, _: &str, _: &[&str], _: Purpose) -> Result<Vec<u8>, Refusal> {
        Err(Refusal::NotTrusted)
    }
}
