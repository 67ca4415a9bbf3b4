//! Ansible inventories: hosts, groups and variables, each variable with the file and line that gave it.
use indexmap::IndexMap;
use serde_json::Value;

use crate::text::Span;

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
    /// Its variables, by Ansible's precedence, templates resolved.
    pub variables: IndexMap<String, Variable>,
    /// Where the host is first named.
    pub span: Span,
    /// The file where a variable of this host alone belongs, as a person would write the path
    /// (`inventory/host_vars/pbs.yml`); an existing one where there is one.
    pub own_file: String,
    /// Whether that file is there; then its start.
    pub own_file_span: Option<Span>,
}

/// A group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Every host in it or in a group below it, each once, in inventory order.
    pub members: Vec<String>,
    /// Where the group is first named.
    pub span: Span,
}

/// A variable of a host.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its value.
    pub value: Value,
    /// A scalar as it is written in its file (`0101` is the number 65 to YAML, and ambiguous to us).
    pub raw: Option<String>,
    /// Where the value is written.
    pub span: Span,
    /// Whether it came out of a vault.
    pub secret: bool,
}

