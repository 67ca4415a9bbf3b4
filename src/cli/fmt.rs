//! `hostler fmt`.

use std::fs;
use std::io::Read;
use std::path::Path;

use similar::TextDiff;

use super::arguments::FmtArguments;
use super::files::{ENDING, STDIN, add_files};
use super::show_guards::show_guards;
use super::terminal::Terminal;
use super::{DIFFERENT, GOOD, REFUSED};
use crate::diag::Diagnostic;
use crate::fmt;
use crate::text::Sources;

/// What became of one file.
enum Outcome {
    AsItWas,
    Other,
    Refused,
}

pub(crate) fn fmt(arguments: &FmtArguments, terminal: &mut Terminal) -> u8 {
    if arguments.show_guards {
        return show_guards(arguments, terminal);
    }
    let everything = [".".to_string()];
    let paths = if arguments.paths.is_empty() { &everything } else { arguments.paths.as_slice() };
    let mut files = Vec::new();
    let mut refused = false;
    for path in paths {
        if let Err(why) = add_files(path, &mut files) {
            terminal.remark(&format!("error: {why}"));
            refused = true;
        }
    }
    files.dedup();
    let mut different = 0;
    for file in &files {
        match one(file, arguments.check, terminal) {
            Outcome::AsItWas => {}
            Outcome::Other => different += 1,
            Outcome::Refused => refused = true,
        }
    }
    if files.is_empty() && !refused {
        terminal.remark(&format!("there is no file that ends in .{ENDING} in `{}`", paths.join("`, `")));
    }
    if arguments.check && different > 0 {
        let count = if different == 1 { "1 file is".to_string() } else { format!("{different} files are") };
        terminal.remark(&format!("{count} not laid out; `hostler fmt` does it"));
    }
    match (refused, arguments.check && different > 0) {
        (true, _) => REFUSED,
        (false, true) => DIFFERENT,
        (false, false) => GOOD,
    }
}

fn one(file: &str, check: bool, terminal: &mut Terminal) -> Outcome {
    let text = match read(file) {
        Ok(text) => text,
        Err(diagnostic) => {
            terminal.problems(&Sources::new(), &[*diagnostic]);
            return Outcome::Refused;
        }
    };
    let formatted = match fmt::format(&text) {
        Ok(formatted) => formatted,
        Err(diagnostics) => {
            let mut sources = Sources::new();
            sources.add(file, &text);
            terminal.problems(&sources, &diagnostics);
            return Outcome::Refused;
        }
    };
    if check {
        if formatted == text {
            return Outcome::AsItWas;
        }
        let diff = TextDiff::from_lines(&text, &formatted);
        terminal.write(&diff.unified_diff().header(file, &format!("{file}, laid out")).to_string());
        return Outcome::Other;
    }
    if file == STDIN {
        terminal.write(&formatted);
        return Outcome::AsItWas;
    }
    if formatted == text {
        return Outcome::AsItWas;
    }
    match replace(Path::new(file), &formatted) {
        Ok(()) => {
            terminal.say(file);
            Outcome::Other
        }
        Err(error) => {
            terminal.remark(&format!("error: `{file}` can not be written: {error}"));
            Outcome::Refused
        }
    }
}

fn read(file: &str) -> Result<String, Box<Diagnostic>> {
    if file != STDIN {
        return super::check::read(file);
    }
    let mut text = String::new();
    let unreadable = |error| Box::new(Diagnostic::nowhere("run/unreadable", format!("the standard input: {error}")));
    std::io::stdin().read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// Puts a text in the place of a file in one step, so that a full disk or a killed process leaves the old one.
/// A link stays one: what it leads to is replaced.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let file = fs::canonicalize(file)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let beside = file.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = fs::write(&beside, text)
        .and_then(|()| fs::set_permissions(&beside, fs::metadata(&file)?.permissions()))
        .and_then(|()| fs::rename(&beside, &file));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}
