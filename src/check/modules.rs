//! Which file is which module, and what its `use` lines bring.

use std::rc::Rc;

use super::errors;
use crate::diag::Problems;
use crate::stdlib;
use crate::syntax::{self, tree};
use crate::text::{Files, IndexMap, IndexSet, Sources, Span};

/// An index into [`Modules`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ModuleId(pub(super) usize);

/// Where a declaration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DeclId {
    pub(super) module: ModuleId,
    /// Index into the module's items; for a driver's item the driver, then the item within it.
    pub(super) item: usize,
    pub(super) inner: Option<usize>,
}

impl DeclId {
    /// The declaration itself, in the tree of its module.
    pub(super) fn item_of(self, tree: &tree::File) -> Option<&tree::Item> {
        match (self.inner, tree.items.get(self.item)?) {
            (None, item) => Some(item),
            (Some(inner), tree::Item::Driver(driver)) => driver.items.get(inner),
            (Some(_), _) => None,
        }
    }
}

/// What a `use` brings under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Brought {
    Module(ModuleId),
    Item(DeclId),
}

/// A file that was read.
#[derive(Debug)]
pub(super) struct Module {
    /// What stands before its names in a report: `apt`; empty for the file that is run.
    pub(super) label: String,
    /// Whether it belongs to the standard library.
    pub(super) is_std: bool,
    /// The folder of the file, for `use ./…`.
    folder: String,
    pub(super) tree: Rc<tree::File>,
    /// Tasks, probes and plans by name.
    pub(super) names: IndexMap<String, DeclId>,
    /// What `use` brought.
    pub(super) uses: IndexMap<String, (Brought, Span)>,
    /// Names that a `use` was to bring and did not: that was reported, and what they are is not asked again.
    pub(super) missing: IndexSet<String>,
}

/// All files of a program.
#[derive(Debug, Default)]
pub(super) struct Modules {
    pub(super) list: Vec<Module>,
    by_path: IndexMap<String, ModuleId>,
    /// The signatures of the standard library by command, as text: a plan needs few of them.
    pub(super) unread: IndexMap<&'static str, Unread>,
    /// Drivers of the standard library that no host has, and what identifies their guests.
    pub(super) unused_drivers: Vec<(ModuleId, &'static str, &'static str)>,
}

/// A declaration of the standard library that is read when it is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unread {
    pub(super) text: &'static str,
    /// Where it stands in the byte space of all texts.
    pub(super) base: u32,
}

impl Modules {
    pub(super) fn get(&self, id: ModuleId) -> &Module {
        &self.list[id.0]
    }

    /// The names of the tasks, or of the probes, or of the plans of a module.
    pub(super) fn names_of(&self, id: ModuleId, wanted: Wanted) -> Vec<&str> {
        let module = self.get(id);
        module
            .names
            .iter()
            .filter(|(_, decl)| self.kind(**decl) == Some(wanted))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// What a declaration is.
    pub(super) fn kind(&self, decl: DeclId) -> Option<Wanted> {
        Some(match self.item(decl)? {
            tree::Item::Task(_) => Wanted::Task,
            tree::Item::Probe(_) => Wanted::Probe,
            tree::Item::Plan(_) => Wanted::Plan,
            _ => return None,
        })
    }

    /// The declaration itself.
    pub(super) fn item(&self, decl: DeclId) -> Option<&tree::Item> {
        decl.item_of(&self.get(decl.module).tree)
    }

    /// A module of the standard library.
    pub(super) fn standard(&mut self, name: &str, reader: &mut Reader<'_>) -> Option<ModuleId> {
        let path = format!("std.{name}");
        if let Some(id) = self.by_path.get(&path) {
            return Some(*id);
        }
        let text = stdlib::text(name)?;
        let base = reader.sources.add(&format!("std/{name}.plan"), text).start;
        let mut tree = tree::File { span: Span::new(base, base + text.len() as u32), ..tree::File::default() };
        for piece in stdlib::pieces(text) {
            let base = base + piece.at as u32;
            if let Some((driver, identity)) = stdlib::lone_driver(piece.text).filter(|(name, _)| !reader.needs(name)) {
                self.unused_drivers.push((ModuleId(self.list.len()), driver, identity));
            } else if piece.commands.is_empty() {
                tree.items.extend(syntax::parse(piece.text, base, reader.problems).items);
            }
            self.unread.extend(piece.commands.iter().map(|command| (*command, Unread { text: piece.text, base })));
        }
        Some(self.add(&path, name, true, "", tree, reader))
    }

    /// The file that is checked.
    pub(super) fn entry(&mut self, name: &str, text: &str, reader: &mut Reader<'_>) -> ModuleId {
        let folder = folder_of(name);
        let tree = read(name, text, reader);
        self.add(&normal(name), "", false, &folder, tree, reader)
    }

    fn add(
        &mut self,
        path: &str,
        label: &str,
        is_std: bool,
        folder: &str,
        tree: tree::File,
        reader: &mut Reader<'_>,
    ) -> ModuleId {
        let id = ModuleId(self.list.len());
        let mut names: IndexMap<String, DeclId> = IndexMap::default();
        for (item, declaration) in tree.items.iter().enumerate() {
            let name = match declaration {
                tree::Item::Plan(plan) => &plan.name,
                tree::Item::Task(task) => &task.name,
                tree::Item::Probe(probe) => &probe.name,
                _ => continue,
            };
            let decl = DeclId { module: id, item, inner: None };
            match names.get(&name.text) {
                None => {
                    names.insert(name.text.clone(), decl);
                }
                Some(first) => {
                    let first = match tree.items.get(first.item) {
                        Some(tree::Item::Plan(plan)) => plan.name.span,
                        Some(tree::Item::Task(task)) => task.name.span,
                        Some(tree::Item::Probe(probe)) => probe.name.span,
                        _ => name.span,
                    };
                    reader.problems.push(errors::declared_twice(name.span, &name.text, first));
                }
            }
        }
        let uses: Vec<tree::Use> = tree
            .items
            .iter()
            .filter_map(|item| if let tree::Item::Use(one) = item { Some(one.clone()) } else { None })
            .collect();
        self.by_path.insert(path.to_string(), id);
        self.list.push(Module {
            label: label.to_string(),
            is_std,
            folder: folder.to_string(),
            tree: Rc::new(tree),
            names,
            uses: IndexMap::default(),
            missing: IndexSet::default(),
        });
        for one in uses {
            self.bring(id, &one, reader);
        }
        id
    }

    fn bring(&mut self, into: ModuleId, one: &tree::Use, reader: &mut Reader<'_>) {
        let written = one.path.text.as_str();
        let last = written.rsplit(['/', '.']).find(|part| !part.is_empty()).unwrap_or(written);
        let name = one.alias.as_ref().map_or(last, |alias| alias.text.as_str()).to_string();
        let Some((module, rest)) = self.find_module(into, written, reader) else {
            let looked = match written.strip_prefix("std.") {
                Some(_) => "the standard library has no such module".to_string(),
                None => format!("there is no file `{}.plan`", join(&self.get(into).folder, written)),
            };
            reader.problems.push(errors::unknown_module(one.path.span, written, &looked));
            self.list[into.0].missing.insert(name);
            return;
        };
        let brought = match rest.as_slice() {
            [] => Brought::Module(module),
            [item] => match self.get(module).names.get(item.as_str()) {
                Some(decl) => Brought::Item(*decl),
                None => {
                    let known: Vec<&str> = self.get(module).names.keys().map(String::as_str).collect();
                    let label = written.strip_suffix(item.as_str()).unwrap_or(written).trim_end_matches('.');
                    reader.problems.push(errors::unknown_in_module(one.path.span, label, item, known));
                    self.list[into.0].missing.insert(name);
                    return;
                }
            },
            _ => {
                reader.problems.push(errors::unknown_module(one.path.span, written, "no such module"));
                self.list[into.0].missing.insert(name);
                return;
            }
        };
        let already = self.get(into).uses.get(&name).map(|(_, span)| *span);
        match already {
            Some(first) => reader.problems.push(errors::declared_twice(one.span, &name, first)),
            None => {
                self.list[into.0].uses.insert(name, (brought, one.span));
            }
        }
    }

    /// The longest beginning of the path that is a module, and what is left.
    fn find_module(&mut self, from: ModuleId, path: &str, reader: &mut Reader<'_>) -> Option<(ModuleId, Vec<String>)> {
        if let Some(path) = path.strip_prefix("std.") {
            let mut parts: Vec<&str> = path.split('.').collect();
            let mut rest = Vec::new();
            while !parts.is_empty() {
                if let Some(module) = self.standard(&parts.join("."), reader) {
                    return Some((module, rest));
                }
                rest.insert(0, parts.pop()?.to_string());
            }
            return None;
        }
        if !path.starts_with("./") && !path.starts_with("../") {
            return None;
        }
        let folder = self.get(from).folder.clone();
        let (head, last) = path.rsplit_once('/')?;
        let mut parts: Vec<&str> = last.split('.').collect();
        let mut rest = Vec::new();
        while !parts.is_empty() {
            let file = format!("{}.plan", join(&folder, &format!("{head}/{}", parts.join("."))));
            if let Some(id) = self.by_path.get(&file) {
                return Some((*id, rest));
            }
            if let Ok(Some(bytes)) = reader.files.read(&file) {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let label = parts.join(".");
                let folder = folder_of(&file);
                let tree = read(&file, &text, reader);
                let id = self.add(&file, &label, false, &folder, tree, reader);
                return Some((id, rest));
            }
            rest.insert(0, parts.pop()?.to_string());
        }
        None
    }
}

/// What reading a module needs.
pub(super) struct Reader<'r> {
    pub(super) files: &'r dyn Files,
    pub(super) sources: &'r mut Sources,
    pub(super) problems: &'r mut Problems,
    /// The drivers that hosts have; nothing where any may be asked for.
    pub(super) drivers: Option<IndexSet<&'r str>>,
}

impl Reader<'_> {
    fn needs(&self, driver: &str) -> bool {
        self.drivers.as_ref().is_none_or(|drivers| drivers.contains(driver))
    }
}

/// What a name is looked up as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Task,
    Probe,
    Plan,
}

fn read(file: &str, text: &str, reader: &mut Reader<'_>) -> tree::File {
    let base = reader.sources.add(file, text).start;
    syntax::parse(text, base, reader.problems)
}

fn folder_of(file: &str) -> String {
    file.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_string())
}

fn join(folder: &str, path: &str) -> String {
    if folder.is_empty() { normal(path) } else { normal(&format!("{folder}/{path}")) }
}

/// A path without `.` and, where a folder stands before it, without `..`.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| *last != ".." && !last.is_empty()) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_the_same_however_they_are_written() {
        assert_eq!(join("site/plans", "./lib/dns"), "site/plans/lib/dns");
        assert_eq!(join("site/plans", "../lib/dns"), "site/lib/dns");
        assert_eq!(join("", "./dns"), "dns");
        assert_eq!(join("/srv", "../../x"), "/../x");
    }
}
