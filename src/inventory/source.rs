//! One file that names hosts.

use std::sync::Arc;

use serde_json::Value;

use super::Variable;
use super::model::{GroupId, HostId, Model};
use super::node::Node;
use super::variable::{from_node, variable};
use crate::text::Span;

/// Which file names hosts, and by which of the sources that were asked for it is read.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The file's path.
    pub(super) path: Arc<str>,
    /// The number of the source that led to it.
    pub(super) request: usize,
    /// Whether it came out of a vault.
    pub(super) is_secret: bool,
}

impl Origin {
    /// A variable that the file gives under a key.
    pub(super) fn variable(&self, node: Node, key: Span) -> Variable {
        let variable = from_node(node, key);
        Variable { secret: self.is_secret || variable.secret, ..variable }
    }

    /// Puts a host into a group; a port counts only where the host is named first, as Ansible has it.
    pub(super) fn add_host(
        &self,
        model: &mut Model,
        name: &str,
        group: GroupId,
        span: Span,
        port: Option<u32>,
    ) -> HostId {
        let known = model.hosts.contains_key(name);
        let host = model.add_host(name, span, &self.path, self.request);
        if let (false, Some(port)) = (known, port) {
            let variable = variable(Value::from(port), Some(&port.to_string()), span, span);
            model.hosts[host].vars.insert("ansible_port".to_string(), Arc::new(variable));
        }
        model.join(group, host);
        host
    }
}
