//! `group_vars` and `host_vars`: which files apply to a host or group, and what they hold.
//!
//! The rules are those of Ansible's `plugins/vars/host_group_vars.py` and `find_vars_files` in
//! `parsing/dataloader.py`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Variable;
use super::errors;
use super::model::Vars;
use super::node::Kind;
use super::paths::{ending, join};
use super::reading::{Content, Found, Reading};
use super::variable::from_node;
use crate::text::Span;

/// The endings of variable files, in the order in which they are tried.
const ENDINGS: [&str; 4] = ["", ".yml", ".yaml", ".json"];

/// Whose variables a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    Group,
    Host,
}

impl Whose {
    pub(super) fn folder(self) -> &'static str {
        match self {
            Whose::Group => "group_vars",
            Whose::Host => "host_vars",
        }
    }
}

/// One variable file.
#[derive(Debug)]
pub(super) struct VarsFile {
    /// Its path as a person would write it.
    pub(super) path: String,
    /// The start of its text.
    pub(super) start: Span,
    pub(super) vars: Vars,
    /// Whether it is encrypted.
    pub(super) encrypted: bool,
    /// Whether it is encrypted and stayed so.
    pub(super) locked: bool,
}

/// Finds and reads variable files, each folder and each file once.
#[derive(Default)]
pub(super) struct VarsFiles {
    /// Names in a folder, and whether they are folders; nothing where there is no such folder.
    folders: BTreeMap<String, Option<BTreeMap<String, bool>>>,
    files: BTreeMap<String, Option<Arc<VarsFile>>>,
}

impl VarsFiles {
    /// The files beside `base` that apply to a host or a group, in the order in which later ones win.
    pub(super) fn of(&mut self, base: &str, whose: Whose, name: &str, reading: &mut Reading<'_>) -> Vec<Arc<VarsFile>> {
        // A host that is a path (a chroot) has no variable files.
        if name.is_empty() || name.starts_with('/') {
            return Vec::new();
        }
        let (below, last) = name.rsplit_once('/').map_or(("", name), |(below, last)| (below, last));
        let mut folder = join(base, whose.folder());
        if !below.is_empty() {
            folder = join(&folder, below);
        }
        let Some(names) = self.names(&folder, reading) else { return Vec::new() };
        let found = ENDINGS.iter().find_map(|ending| {
            let file = format!("{last}{ending}");
            names.get(&file).map(|is_folder| (join(&folder, &file), *is_folder))
        });
        let paths = match found {
            None => Vec::new(),
            Some((path, false)) => vec![path],
            Some((path, true)) => self.below(&path, reading),
        };
        paths.into_iter().filter_map(|path| self.file(path, reading)).collect()
    }

    fn names(&mut self, folder: &str, reading: &mut Reading<'_>) -> Option<&BTreeMap<String, bool>> {
        if !self.folders.contains_key(folder) {
            let entries = reading.list(folder);
            let names = entries.map(|all| all.into_iter().map(|entry| (entry.name, entry.is_folder)).collect());
            self.folders.insert(folder.to_string(), names);
        }
        self.folders.get(folder)?.as_ref()
    }

    /// Every variable file in a folder and the folders in it, by name.
    fn below(&mut self, folder: &str, reading: &mut Reading<'_>) -> Vec<String> {
        let mut paths = Vec::new();
        let mut stack = vec![(folder.to_string(), true)];
        while let Some((path, is_folder)) = stack.pop() {
            if !is_folder {
                paths.push(path);
                continue;
            }
            let Some(names) = self.names(&path, reading) else { continue };
            // The stack hands out the last first.
            for (name, is_folder) in names.iter().rev() {
                let ending = ending(name);
                let wanted = if *is_folder { ending.is_empty() } else { ENDINGS.contains(&ending) };
                if wanted && !name.starts_with('.') && !name.ends_with('~') {
                    stack.push((join(&path, name), *is_folder));
                }
            }
        }
        paths
    }

    fn file(&mut self, path: String, reading: &mut Reading<'_>) -> Option<Arc<VarsFile>> {
        if let Some(known) = self.files.get(&path) {
            return known.clone();
        }
        let file = read(&path, reading).map(Arc::new);
        self.files.insert(path, file.clone());
        file
    }
}

fn read(path: &str, reading: &mut Reading<'_>) -> Option<VarsFile> {
    let mut file = VarsFile {
        path: path.to_string(),
        start: Span::default(),
        vars: Vars::default(),
        encrypted: false,
        locked: false,
    };
    let text = match reading.text(path) {
        Found::Text(text) => text,
        Found::Locked { start, .. } => return Some(VarsFile { start, encrypted: true, locked: true, ..file }),
        Found::Bad => return None,
    };
    file.start = text.start;
    file.encrypted = text.base.is_sealed();
    let root = match reading.structure(&text) {
        Content::Value(root) => root,
        Content::Nothing => return Some(file),
        Content::Bad => return None,
    };
    let (span, what, secret) = (root.span, root.what(), file.encrypted);
    match root.kind {
        Kind::Map(entries) => {
            let variables = entries.into_iter().map(|(name, entry)| {
                let variable = from_node(entry.value, entry.key);
                (name, Arc::new(Variable { secret: secret || variable.secret, ..variable }))
            });
            file.vars = variables.collect();
        }
        Kind::Scalar(_) | Kind::List(_) => reading.problems.push(errors::vars_are_no_mapping(span, path, what)),
    }
    Some(file)
}
