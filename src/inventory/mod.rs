//! Ansible inventories: hosts, groups and variables, each variable with the file and line that gave it.

mod address;
mod connection;
mod errors;
mod hosts_file;
mod ini;
mod jinja;
mod json;
mod list;
mod literal;
mod load;
mod model;
mod node;
mod paths;
mod pattern;
mod place;
mod precedence;
mod program;
mod python;
mod reading;
mod render;
mod scalar;
mod source;
mod stored;
mod variable;
mod vars_files;
mod vault;
mod words;
mod yaml;

use std::sync::Arc;

use serde_json::Value;

use crate::diag::Diagnostic;
use crate::text::{IndexMap, NoPrograms, Programs, Span};

pub use connection::{Connection, Unsupported, Way};
pub use load::load;
pub use pattern::PatternError;
pub use vault::VaultKeys;

/// Where to read an inventory from.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The sources as they are written, as after `-i`: a file, a folder of files, or hosts with commas (`a,b,`).
    pub sources: &'a [String],
    /// Folders of plans, whose `group_vars` and `host_vars` also apply, like those beside a playbook.
    pub beside: &'a [String],
    /// The passwords that open vaults.
    pub vault: &'a VaultKeys,
    /// How programs that make an inventory are run, where the user trusts them.
    pub programs: &'a dyn Programs,
}

impl Default for Request<'_> {
    fn default() -> Self {
        static NONE: VaultKeys = VaultKeys::new();
        Request { sources: &[], beside: &[], vault: &NONE, programs: &NoPrograms }
    }
}

/// What an inventory says, after precedence and templates: the hosts with their variables, and the groups.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Hosts by name, in inventory order.
    pub hosts: IndexMap<String, Host>,
    /// Groups by name, `all` and `ungrouped` among them, in inventory order.
    pub groups: IndexMap<String, Group>,
}

/// A host.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Its variables, by Ansible's precedence, templates resolved. Hosts share what their groups give them.
    pub variables: IndexMap<String, Arc<Variable>>,
    /// Where the host is first named.
    pub span: Span,
    /// The file in which it is first named.
    pub file: Arc<str>,
    /// The file where a variable of this host alone belongs, as a person would write the path
    /// (`inventory/host_vars/pbs.yml`); an existing one where there is one.
    pub own_file: String,
    /// Whether that file is there; then its start.
    pub own_file_span: Option<Span>,
    /// The starts of encrypted files that apply to the host and could not be opened: a variable that seems to be
    /// missing may be in one of them.
    pub locked: Vec<Span>,
}

/// A group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Every host in it or in a group below it, each once, in inventory order: its own first, then those of the groups
    /// below it, level by level.
    pub members: Vec<String>,
    /// Where the group is first named.
    pub span: Span,
    /// The hosts that are named in the group itself.
    pub hosts: Vec<String>,
    /// The groups directly below it.
    pub children: Vec<String>,
}

/// A variable of a host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variable {
    /// Its value, templates resolved; `null` where it is `sealed` or there is a `problem`.
    pub value: Value,
    /// A scalar as it is written in its file, without quotes (`0101` is the number 65 to YAML, and ambiguous to us).
    pub raw: Option<String>,
    /// Where the value is written.
    pub span: Span,
    /// Whether it came out of a vault, or a part of it did.
    pub secret: bool,
    /// Whether its value is in a vault that is not opened yet: opening costs milliseconds each, and a check needs none
    /// of it. [`Inventory::open`] gives the value.
    pub sealed: bool,
    /// The value before templates and vaults, in the shape of `ansible-inventory --list`; nothing where that is
    /// `value`.
    pub written: Option<Arc<Value>>,
    /// Why there is no value (a template that can not be worked out, a vault without its password): the error that is
    /// due where the variable is used, and only there.
    pub problem: Option<Box<Diagnostic>>,
}
