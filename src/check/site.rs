use crate::text::IndexMap;
use serde::{Deserialize, Serialize};

/// What `hostler.toml` says. Plain data; reading it is for the command line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// The inventory host that runs the plans.
    pub controller: Option<String>,
    /// The inventory host that keeps the locks of plans.
    pub lock_host: Option<String>,
    /// An IANA time zone, for windows.
    pub timezone: Option<String>,
    /// The hypervisor of hosts that name none.
    pub hypervisor: Option<String>,
    /// Channels of `notify`.
    pub notify: IndexMap<String, Channel>,
}

/// Where a notification goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// `ntfy`, `webhook` or `mail`.
    pub kind: String,
    /// For `ntfy` and `webhook`.
    pub url: Option<String>,
    /// For `mail`.
    pub to: Option<String>,
    /// For `mail`: the sender.
    pub from: Option<String>,
}
