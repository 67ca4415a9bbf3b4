//! What the inventory lacks, or says otherwise.

use super::{and_list, meant};
use crate::diag::Diagnostic;
use crate::inventory::Way;
use crate::text::Span;

pub(in crate::check) fn missing_variable(span: Span, name: &str, hosts: &[String]) -> Diagnostic {
    Diagnostic::error(
        "inventory/missing-variable",
        span,
        format!("{} {} no `{name}`", and_list(hosts), if hosts.len() == 1 { "has" } else { "have" }),
    )
    .label(format!("`{name}` is needed here"))
}

const WINDOWS: &str = "a guest that runs Windows is restarted and watched from its hypervisor, with \
                       `hostler_proof: [power, agent]` among its variables; no command runs on it";

/// A variable of the inventory asks for a way to these hosts that there is not here.
pub(in crate::check) fn no_way(span: Span, name: &str, way: &Way, hosts: &[String]) -> Diagnostic {
    const CODE: &str = "inventory/connection";
    let hosts = and_list(hosts);
    match way {
        Way::Connection(kind) => {
            let message = format!("{hosts}: there is no connection `{kind}` here; hosts are reached by OpenSSH");
            let error = Diagnostic::error(CODE, span, message);
            match kind.rsplit('.').next().unwrap_or(kind) {
                "winrm" | "psrp" | "psexec" => error.help(WINDOWS),
                _ => error.help(
                    "a container is reached from the host that it runs on: `on HOST: docker exec …`; a host with an ssh \
                     server says `ansible_connection: ssh`",
                ),
            }
        }
        Way::Shell(kind) => {
            Diagnostic::error(CODE, span, format!("{hosts}: commands need a POSIX shell, and this says `{kind}`"))
                .help(WINDOWS)
        }
        Way::Password => {
            let message = format!("{hosts}: nobody logs in with a password here, and `{name}` is not used");
            Diagnostic::warning(CODE, span, message).help(
                "log in with a key, which `ssh-copy-id` installs; where it is named, nothing is said: \
                 `ansible_ssh_private_key_file: ~/.ssh/id_ed25519`",
            )
        }
        Way::BecomeMethod(method) => {
            let message = format!("{hosts}: commands become another user with `sudo` only, and this says `{method}`");
            Diagnostic::error(CODE, span, message).help(
                "install sudo there and write `ansible_become_method: sudo`, or log in as the user: `ansible_user: root`",
            )
        }
        Way::BecomePassword => {
            let message = format!("{hosts}: `sudo` is given no password here, and `{name}` is not used");
            Diagnostic::warning(CODE, span, message).help(
                "let the user become another without one (`NAME ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d/hostler), or log in as \
                 the user: `ansible_user: root`",
            )
        }
    }
}

/// A variable that these hosts seem to lack may stand in an encrypted file: `files` has those, with their starts.
pub(in crate::check) fn maybe_locked(span: Span, name: &str, hosts: &[String], files: &[(String, Span)]) -> Diagnostic {
    let named: Vec<String> = files.iter().map(|(file, _)| file.clone()).collect();
    let message = format!(
        "`{name}` of {} may stand in {}, which {} encrypted, and no password was given",
        and_list(hosts),
        and_list(&named),
        if files.len() == 1 { "is" } else { "are" },
    );
    let mut error =
        Diagnostic::error("inventory/vault-locked", span, message).label(format!("`{name}` is needed here"));
    for (_, at) in files.iter().take(3) {
        error = error.and(*at, "this file is encrypted");
    }
    error.help(
        "give the file that holds the password: `--vault-password-file FILE`, or `vault_password_file = \"FILE\"` in \
         hostler.toml",
    )
}

pub(in crate::check) fn wrong_type(span: Span, name: &str, host: &str, why: &str) -> Diagnostic {
    Diagnostic::error("inventory/wrong-type", span, format!("`{name}` of `{host}`: {why}"))
}

pub(in crate::check) fn vmid_ambiguous(span: Span, raw: &str, value: &str) -> Diagnostic {
    Diagnostic::error(
        "inventory/vmid-ambiguous",
        span,
        format!(
            "`vmid: {raw}` can be read in two ways: YAML makes it {value}, a person reads {}",
            raw.trim_start_matches('0')
        ),
    )
    .help(format!("write it without the leading zero: `vmid: {}`", raw.trim_start_matches('0')))
}

pub(in crate::check) fn vmid_out_of_range(span: Span, raw: &str) -> Diagnostic {
    Diagnostic::error("inventory/vmid-out-of-range", span, format!("no guest has the id {raw}"))
        .label("from 100 to 999999999")
        .help("`qm list` on the hypervisor shows the ids")
}

pub(in crate::check) fn duplicate_vmid(
    span: Span,
    id: &str,
    host: &str,
    other: &str,
    hypervisor: &str,
    other_span: Span,
) -> Diagnostic {
    Diagnostic::error(
        "inventory/duplicate-vmid",
        span,
        format!("`{host}` and `{other}` both are guest {id} of `{hypervisor}`"),
    )
    .and(other_span, format!("`{other}`"))
    .help(format!("`qm list` on `{hypervisor}` shows which of them it is"))
}

pub(in crate::check) fn unknown_hypervisor<'a>(
    span: Span,
    name: &str,
    host: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "inventory/unknown-hypervisor",
        span,
        format!("`{name}`, the hypervisor of `{host}`, is no host of the inventory"),
    );
    meant(
        diagnostic,
        name,
        known,
        &format!("add `{name}` to the inventory, or write `hypervisor: none` for bare metal"),
    )
}

pub(in crate::check) fn unknown_driver<'a>(
    span: Span,
    name: &str,
    host: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "inventory/unknown-driver",
        span,
        format!("`{host}` names the driver `{name}`, and there is none"),
    );
    meant(diagnostic, name, known, "`hostler_driver` is `proxmox` where nothing is said")
}

pub(in crate::check) fn no_hypervisor(span: Span, hosts: &[String]) -> Diagnostic {
    Diagnostic::error("inventory/missing-variable", span, format!("{} {} no hypervisor", and_list(hosts), if hosts.len() == 1 { "has" } else { "have" }))
        .label("the hypervisor is needed here")
        .help("name it in the inventory: `hypervisor: pve` (for all: in `group_vars/all.yml`), or `hypervisor = \"pve\"` in `hostler.toml`")
}
