//! Files to texts to values: the one place where the inventory asks for files.

use std::sync::Arc;

use super::errors;
use super::node::Node;
use super::place::Base;
use super::vault::{Closed, VaultKeys, is_encrypted};
use super::{json, yaml};
use crate::diag::{Diagnostic, Problems};
use crate::text::{Entry, Files, Programs, Sources, Span, is_program};

/// What is needed to read a file and to say what is wrong with it.
pub(super) struct Reading<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) sources: &'a mut Sources,
    pub(super) problems: &'a mut Problems,
    pub(super) vault: &'a VaultKeys,
    pub(super) programs: &'a dyn Programs,
}

/// A file's text, and its place.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) path: Arc<str>,
    /// What it says; decrypted where the file is encrypted.
    pub(super) text: Arc<str>,
    pub(super) base: Base,
    /// The start of the file.
    pub(super) start: Span,
}

/// What came of reading a file.
pub(super) enum Found {
    Text(Text),
    /// It is encrypted, and no password was given.
    Locked {
        start: Span,
        problem: Box<Diagnostic>,
    },
    /// It could not be read; the problem is reported.
    Bad,
}

/// What a file of YAML or JSON holds.
pub(super) enum Content {
    Value(Node),
    /// The file is empty, or holds `null`.
    Nothing,
    /// It could not be read; the problem is reported.
    Bad,
}

impl Reading<'_> {
    /// What a folder holds; `None` where there is no such folder. One that can not be read is reported.
    pub(super) fn list(&mut self, path: &str) -> Option<Vec<Entry>> {
        match self.files.list(path) {
            Ok(entries) => entries,
            Err(error) => {
                self.problems.push(errors::unreadable(&error));
                None
            }
        }
    }

    /// Whether a file that may be executed is a program, and not a text that happens to have the right.
    pub(super) fn is_program(&mut self, path: &str) -> bool {
        matches!(self.files.read(path), Ok(Some(bytes)) if is_program(&bytes))
    }

    /// A file's text; what hinders is reported, and so is a file that is not there.
    pub(super) fn text(&mut self, path: &str) -> Found {
        let bytes = match self.files.read(path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return self.bad(errors::not_found(path)),
            Err(error) => return self.bad(errors::unreadable(&error)),
        };
        let Ok(text) = String::from_utf8(bytes) else { return self.bad(errors::not_text(path)) };
        let at = self.sources.add(path, &text);
        if is_encrypted(text.as_bytes()) {
            return self.decrypted(path, &text, at);
        }
        let (path, text) = match self.sources.find(at) {
            Some(source) => (source.name.clone(), source.text.clone()),
            None => (path.into(), text.into()),
        };
        Found::Text(Text { path, text, base: Base::At(at.start), start: at.before() })
    }

    fn bad(&mut self, problem: Diagnostic) -> Found {
        self.problems.push(problem);
        Found::Bad
    }

    /// The text in an encrypted file. The sources keep the encrypted one, so that nothing shows the other.
    fn decrypted(&mut self, path: &str, text: &str, at: Span) -> Found {
        let header = text.find('\n').map_or(at.end, |newline| at.start + newline as u32);
        let header = Span::new(at.start, header);
        match self.vault.open(text) {
            Ok(plain) => {
                let base = Base::Sealed(header);
                Found::Text(Text { path: path.into(), text: plain.into(), base, start: at.before() })
            }
            Err(closed) => {
                let problem = errors::vault(header, &format!("`{path}`"), &closed);
                match closed {
                    Closed::NoPassword { .. } => Found::Locked { start: at.before(), problem: Box::new(problem) },
                    _ => self.bad(problem),
                }
            }
        }
    }

    /// The values of a text of YAML or JSON; what is wrong is reported.
    pub(super) fn structure(&mut self, text: &Text) -> Content {
        match parse(text, self.problems) {
            Ok(Some(root)) if root.is_null() => Content::Nothing,
            Ok(Some(root)) => Content::Value(root),
            Ok(None) => Content::Nothing,
            Err(problem) => {
                self.problems.push(*problem);
                Content::Bad
            }
        }
    }
}

/// JSON where it is JSON, else YAML.
pub(super) fn parse(text: &Text, problems: &mut Problems) -> Result<Option<Node>, Box<Diagnostic>> {
    let Text { path, text, base, start } = text;
    let json = json::looks_like(text).then(|| json::read(text, *base));
    let found = match json {
        Some(Ok(root)) => return Ok(Some(root)),
        // What ends in `.json` and is neither JSON nor YAML was meant to be JSON.
        Some(Err(error)) if path.ends_with(".json") => {
            yaml::read(text, *base, problems).map_err(|_| Box::new(errors::json(text, *base, &error)))
        }
        Some(Err(_)) | None => yaml::read(text, *base, problems),
    };
    match base {
        Base::At(_) | Base::Printed(_) => found,
        Base::Sealed(_) => found.map_err(|_| Box::new(errors::vault_content(*start, path))),
    }
}
