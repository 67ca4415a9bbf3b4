//! Files to texts to values: the one place where the inventory asks for files.

use std::sync::Arc;

use super::errors;
use super::node::Node;
use super::{json, yaml};
use crate::diag::{Diagnostic, Problems};
use crate::text::{Entry, Files, Sources, Span};

/// What is needed to read a file and to say what is wrong with it.
pub(super) struct Reading<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) sources: &'a mut Sources,
    pub(super) problems: &'a mut Problems,
}

/// A file's text, and its place.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) path: Arc<str>,
    pub(super) text: Arc<str>,
    pub(super) at: Span,
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
    /// What a folder holds; `None` where there is no such folder.
    pub(super) fn list(&mut self, path: &str) -> Option<Vec<Entry>> {
        self.files.list(path).ok().flatten()
    }

    /// Whether a file that may be executed is a program, and not a text that happens to have the right.
    pub(super) fn is_program(&mut self, path: &str) -> bool {
        match self.files.read(path) {
            Ok(Some(bytes)) => bytes.starts_with(b"#!") || std::str::from_utf8(&bytes).is_err(),
            Ok(None) | Err(_) => false,
        }
    }

    /// A file's text; what hinders is reported, and so is a file that is not there.
    pub(super) fn text(&mut self, path: &str) -> Option<Text> {
        let bytes = match self.files.read(path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                self.problems.push(errors::not_found(path));
                return None;
            }
            Err(error) => {
                self.problems.push(errors::unreadable(&error));
                return None;
            }
        };
        match String::from_utf8(bytes) {
            Ok(text) => Some(self.add(path, &text)),
            Err(_) => {
                self.problems.push(errors::not_text(path));
                None
            }
        }
    }

    fn add(&mut self, path: &str, text: &str) -> Text {
        let at = self.sources.add(path, text);
        let source = self.sources.find(at);
        let (path, text) = match source {
            Some(source) => (source.name.clone(), source.text.clone()),
            None => (path.into(), text.into()),
        };
        Text { path, text, at }
    }

    /// The values of a text of YAML or JSON; what is wrong is reported.
    pub(super) fn structure(&mut self, text: &Text) -> Content {
        let found = match json::looks_like(&text.text).then(|| json::read(&text.text, text.at)) {
            Some(Ok(root)) => Ok(Some(root)),
            // What ends in `.json` and is neither JSON nor YAML was meant to be JSON.
            Some(Err(error)) if text.path.ends_with(".json") => yaml::read(&text.text, text.at, self.problems)
                .map_err(|_| Box::new(errors::json(text.at, &text.text, &error))),
            Some(Err(_)) | None => yaml::read(&text.text, text.at, self.problems),
        };
        match found {
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
pub(super) fn parse(text: &str, at: Span, problems: &mut Problems) -> Result<Option<Node>, Box<Diagnostic>> {
    if json::looks_like(text)
        && let Ok(node) = json::read(text, at)
    {
        return Ok(Some(node));
    }
    yaml::read(text, at, problems)
}
