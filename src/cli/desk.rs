//! What this machine does itself in a run: secrets, questions, notifications.

use std::io::{BufRead, IsTerminal, Write};

use crate::text::IndexMap;

use super::notify;
use crate::check::Channel;
use crate::code::SecretSource;
use crate::hosts::Desk;
use crate::inventory::{Inventory, VaultKeys};

/// The controller's own part.
pub(crate) struct Controller {
    pub(crate) channels: IndexMap<String, Channel>,
    /// For secrets out of a vault.
    pub(crate) inventory: Inventory,
    /// The passwords of its vaults.
    pub(crate) vault: VaultKeys,
    /// `--yes`
    pub(crate) yes: bool,
}

impl Desk for Controller {
    fn secret(&self, source: &SecretSource) -> Result<String, String> {
        match source {
            SecretSource::Env(name) => match std::env::var(name) {
                Ok(value) => Ok(value),
                Err(std::env::VarError::NotPresent) => {
                    Err(format!("the environment variable `{name}` is not set; the plan takes a secret from it"))
                }
                Err(std::env::VarError::NotUnicode(_)) => Err(format!("the environment variable `{name}` is no text")),
            },
            SecretSource::Vault(host, name) => {
                match self.inventory.open(host, name, &self.vault).map_err(|problem| problem.message)? {
                    Some(serde_json::Value::String(text)) => Ok(text),
                    Some(serde_json::Value::Null) | None => Err(format!("`{host}` has no secret `{name}`")),
                    Some(other) => Ok(other.to_string()),
                }
            }
        }
    }

    fn confirm(&self, question: &str) -> bool {
        if self.yes {
            return true;
        }
        if !std::io::stdin().is_terminal() {
            return false;
        }
        let _ = write!(std::io::stderr().lock(), "{question} [yes/no] ");
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "yes")
    }

    fn notify(&self, channel: &str, subject: &str, fields: &[(String, String)]) -> Result<(), String> {
        let found = self.channels.get(channel).ok_or("there is no such channel")?;
        notify::send(found, subject, fields)
    }
}
