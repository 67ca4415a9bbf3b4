//! `hostler trust`: says which programs hostler may run for this user.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::arguments::TrustArguments;
use super::terminal::Terminal;
use super::trusted::{Standing, Trusted, digest, is_world_writable};
use super::{GOOD, REFUSED};
use crate::text::is_program;

pub(crate) fn trust(arguments: &TrustArguments, terminal: &mut Terminal) -> u8 {
    let done = Trusted::read().and_then(|list| match (arguments.list, arguments.remove) {
        (true, _) => {
            show(&list, terminal);
            Ok(())
        }
        (false, true) => remove(list, &arguments.files, terminal),
        (false, false) => add(list, &arguments.files, terminal),
    });
    match done {
        Ok(()) => GOOD,
        Err(why) => {
            terminal.remark(&format!("error: {why}"));
            REFUSED
        }
    }
}

/// Nothing is trusted where one of the files can not be.
fn add(mut list: Trusted, files: &[String], terminal: &mut Terminal) -> Result<(), String> {
    let programs = files.iter().map(|file| program(file)).collect::<Result<Vec<_>, _>>()?;
    for (path, content) in &programs {
        list.add(path, content);
    }
    list.write()?;
    for (path, content) in &programs {
        terminal.say(&format!("trusted  {}\n         SHA-256 {}", path.display(), digest(content)));
    }
    let (runs, is, changes) = match programs.as_slice() {
        [_] => ("it", "It is", "it changes"),
        _ => ("them", "They are", "one changes"),
    };
    terminal.say(&format!(
        "\nhostler runs {runs} with your rights when an inventory or a vault password comes from there, also to check a \
         plan.\n{is} trusted with this content: when {changes}, hostler refuses it until you trust it again. What a \
         program\ncalls or imports is not watched. The list is `{}`.",
        list.file.display()
    ));
    Ok(())
}

fn remove(mut list: Trusted, files: &[String], terminal: &mut Terminal) -> Result<(), String> {
    let mut removed = Vec::new();
    for file in files {
        // A file that is gone has no links to follow any more.
        let path = std::fs::canonicalize(file).or_else(|_| std::path::absolute(file)).unwrap_or_else(|_| file.into());
        if !list.remove(&path) {
            return Err(format!("`{}` is not trusted; `hostler trust --list` shows what is", path.display()));
        }
        removed.push(path);
    }
    list.write()?;
    for path in removed {
        terminal.say(&format!("removed  {}", path.display()));
    }
    Ok(())
}

fn show(list: &Trusted, terminal: &mut Terminal) {
    if list.paths().next().is_none() {
        terminal.say("No program is trusted. `hostler trust FILE` says that hostler may run one.");
    }
    for path in list.paths() {
        let standing = match std::fs::read(path) {
            Ok(content) if list.standing(Path::new(path), &content) == Standing::Trusted => "as it was",
            Ok(_) => "changed",
            Err(_) => "gone",
        };
        terminal.say(&format!("{standing:9}  {path}"));
    }
}

/// The absolute path of a program that may be trusted, and its content.
fn program(file: &str) -> Result<(PathBuf, Vec<u8>), String> {
    let failed = |error: std::io::Error| format!("`{file}` can not be read: {error}");
    let path = std::fs::canonicalize(file).map_err(failed)?;
    if path.to_str().is_none() {
        return Err(format!("the path of `{file}` is no UTF-8 text"));
    }
    let metadata = std::fs::metadata(&path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(format!("`{file}` is a folder; each program is trusted by itself"));
    }
    let content = std::fs::read(&path).map_err(failed)?;
    if !is_program(&content) {
        return Err(format!("`{file}` is a text without `#!`; hostler reads it, and never runs it"));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(format!("`{file}` may not be executed\n  help: `chmod +x {file}`"));
    }
    if is_world_writable(&path) {
        return Err(format!("`{file}` may be written by everybody on this machine\n  help: `chmod o-w {file}`"));
    }
    Ok((path, content))
}
