//! Where a host is and how one gets there, and which of that we refuse.

use serde::{Deserialize, Serialize};

/// A host of the inventory, as its connection variables say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its name in the inventory.
    pub name: String,
    /// `ansible_host`, else the name. May be an alias of the user's `~/.ssh/config`.
    pub address: String,
    /// `ansible_port`; `None` leaves it to the user's configuration, and in the end to 22.
    pub port: Option<u16>,
    /// `ansible_user`; `None` leaves it to the user's configuration, and in the end to the local user's name.
    pub user: Option<String>,
    /// `ansible_ssh_private_key_file`; a path that `ssh -i` takes, `~` included.
    pub key_file: Option<String>,
    /// `ansible_ssh_common_args` and `ansible_ssh_extra_args`, split into words.
    pub ssh_args: Vec<String>,
    /// `ansible_connection: local`: commands run on this machine, without ssh.
    pub local: bool,
    /// Why the inventory's settings lead to no connection at all, as a sentence.
    pub objection: Option<String>,
}

/// Options of `ssh_config(5)` that an inventory may set. Others are refused: some run programs on this machine
/// (`ProxyCommand`, `LocalCommand`, `KnownHostsCommand`, `PKCS11Provider`, `Include`), some open doors.
const ALLOWED: [&str; 34] = [
    "addkeystoagent",
    "addressfamily",
    "bindaddress",
    "bindinterface",
    "casignaturealgorithms",
    "certificatefile",
    "checkhostip",
    "ciphers",
    "compression",
    "gssapiauthentication",
    "hashknownhosts",
    "hostbasedacceptedalgorithms",
    "hostkeyalgorithms",
    "hostkeyalias",
    "hostname",
    "identitiesonly",
    "identityagent",
    "identityfile",
    "ipqos",
    "kexalgorithms",
    "macs",
    "nohostauthenticationforlocalhost",
    "passwordauthentication",
    "kbdinteractiveauthentication",
    "port",
    "preferredauthentications",
    "proxyjump",
    "pubkeyacceptedalgorithms",
    "pubkeyacceptedkeytypes",
    "pubkeyauthentication",
    "rekeylimit",
    "user",
    "userknownhostsfile",
    "globalknownhostsfile",
];

/// Options that inventories often set and that we set ourselves, always and first, so that theirs have no effect.
const OURS: [&str; 14] = [
    "batchmode",
    "clearallforwardings",
    "connecttimeout",
    "connectionattempts",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "forwardagent",
    "forwardx11",
    "loglevel",
    "requesttty",
    "serveralivecountmax",
    "serveraliveinterval",
    "stricthostkeychecking",
];

/// Flags of `ssh(1)` without a value that may stand in an inventory.
const FLAGS: [&str; 8] = ["-4", "-6", "-C", "-a", "-k", "-q", "-x", "-T"];

impl Endpoint {
    /// Why nothing of this endpoint may be given to ssh, as a sentence; nothing when it may.
    pub(super) fn objection(&self) -> Option<String> {
        if self.objection.is_some() {
            return self.objection.clone();
        }
        if self.local {
            return None;
        }
        if !is_address(&self.address) {
            return Some(format!(
                "Its address `{}` is not one: letters, digits and `. : _ - %` only, and not `-` first.",
                self.address.escape_debug()
            ));
        }
        if let Some(user) = self.user.as_deref().filter(|user| !is_user(user)) {
            return Some(format!("`{}` is no name for a user to log in as.", user.escape_debug()));
        }
        if self.key_file.as_ref().is_some_and(|path| path.is_empty() || path.contains(['\0', '\n'])) {
            return Some("The path of its key file is empty or has a line break.".to_string());
        }
        objection_to_args(&self.ssh_args)
    }
}

/// A name that a login may have, `domain\user` and `user@domain` left out: the name also stands in the command line
/// that a login shell reads.
pub(super) fn is_user(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('-')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+'))
}

/// A host name, an address, or an alias of ssh's configuration.
fn is_address(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '_' | '-' | '%'))
}

/// `[user@]host[:port][,…]`; ssh gives it to a shell of this machine.
fn is_jump(text: &str) -> bool {
    !text.is_empty()
        && text.split(',').all(|hop| {
            let hop = hop.strip_prefix("ssh://").unwrap_or(hop);
            !hop.is_empty()
                && !hop.starts_with('-')
                && !hop.contains("@-")
                && hop.chars().all(|c| c.is_ascii_alphanumeric() || "._-+@:[]%".contains(c))
        })
}

fn objection_to_args(args: &[String]) -> Option<String> {
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if FLAGS.contains(&arg.as_str()) {
            continue;
        }
        let Some((flag, joined)) = split_flag(arg) else {
            return Some(refused_arg(arg));
        };
        let value = if joined.is_empty() { rest.next().map(String::as_str).unwrap_or_default() } else { joined };
        let objection = match flag {
            'o' => objection_to_option(value),
            'J' => (!is_jump(value)).then(|| odd_jump(value)),
            'l' => (!is_user(value)).then(|| format!("`{}` is no name for a user to log in as.", value.escape_debug())),
            'i' | 'p' | 'c' | 'm' | 'b' | 'B' => None,
            _ => Some(refused_arg(arg)),
        };
        if objection.is_some() {
            return objection;
        }
    }
    None
}

/// `-oX` is `('o', "X")`.
fn split_flag(arg: &str) -> Option<(char, &str)> {
    let mut chars = arg.strip_prefix('-')?.chars();
    Some((chars.next()?, chars.as_str()))
}

/// `Key=value`, `Key = value` and `Key value` are the same to ssh.
fn objection_to_option(option: &str) -> Option<String> {
    let end = option.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(option.len());
    let key = option[..end].to_ascii_lowercase();
    let value = option[end..].trim_start_matches(|c: char| c == '=' || c.is_whitespace());
    match key.as_str() {
        "proxycommand" => Some(
            "Its `ProxyCommand` stands in the inventory, and would run a program on this machine; put it into \
             ~/.ssh/config instead, or name a jump host with `-J`."
                .to_string(),
        ),
        "proxyjump" if value.eq_ignore_ascii_case("none") || is_jump(value) => None,
        "proxyjump" => Some(odd_jump(value)),
        "user" if !is_user(value) => Some(format!("`{}` is no name for a user to log in as.", value.escape_debug())),
        key if ALLOWED.contains(&key) || OURS.contains(&key) => None,
        _ => Some(refused_arg(&option[..end])),
    }
}

fn odd_jump(value: &str) -> String {
    format!("`{}` is no jump host: write [user@]host[:port].", value.escape_debug())
}

fn refused_arg(arg: &str) -> String {
    format!(
        "`{}` in its `ansible_ssh_common_args` is not for an inventory to say; put it into ~/.ssh/config instead.",
        arg.escape_debug()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(args: &[&str]) -> Option<String> {
        let ssh_args = args.iter().map(ToString::to_string).collect();
        Endpoint { name: "h".into(), address: "h".into(), ssh_args, ..Endpoint::default() }.objection()
    }

    #[test]
    fn what_inventories_commonly_say_is_taken() {
        for args in [
            &["-o", "ProxyJump=root@bastion:2222"][..],
            &["-J", "a,b"],
            &["-oProxyJump=none"],
            &["-C", "-o", "ControlMaster=auto", "-o", "ControlPersist=60s"],
            &["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"],
            &["-o", "IdentitiesOnly yes", "-i", "~/.ssh/deploy", "-p", "2222"],
        ] {
            assert_eq!(with(args), None, "{args:?}");
        }
    }

    #[test]
    fn what_runs_programs_here_is_refused() {
        for args in [
            &["-o", "ProxyCommand=nc %h %p"][..],
            &["-oproxycommand nc %h %p"],
            &["-o", "LocalCommand=id"],
            &["-o", "KnownHostsCommand=/x"],
            &["-o", "PKCS11Provider=/x.so"],
            &["-o", "Include=/tmp/x"],
            &["-o", "Match exec id"],
            &["-F", "/tmp/config"],
            &["-I", "/x.so"],
            &["-A"],
            &["-L", "1:a:2"],
            &["-J", "a$(id)"],
            &["-J", "-oProxyCommand=id"],
            &["-J", "a@-oProxyCommand=id"],
            &["-o", "ProxyJump=a;id"],
            &["-o", "User=-x"],
            &["host"],
        ] {
            assert!(with(args).is_some(), "{args:?}");
        }
    }

    #[test]
    fn names_that_are_options_or_code_are_refused() {
        for address in ["-oProxyCommand=id", "a b", "a;b", "$(id)", "a`b`", "", "a\nb", "a/b", "a'b"] {
            let endpoint = Endpoint { name: "h".into(), address: address.into(), ..Endpoint::default() };
            assert!(endpoint.objection().is_some(), "{address}");
        }
        for user in ["-x", "a b", "a;b", "$(id)", ""] {
            let user = Some(user.to_string());
            let endpoint = Endpoint { name: "h".into(), address: "h".into(), user, ..Endpoint::default() };
            assert!(endpoint.objection().is_some(), "{:?}", endpoint.user);
        }
    }
}
