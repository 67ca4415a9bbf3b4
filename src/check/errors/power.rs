//! Power: who changes whose, and how it is left.

use crate::diag::Diagnostic;
use crate::text::Span;

pub(in crate::check) fn wrong_hypervisor(span: Span, place: &str, guest: &str, hypervisor: &str) -> Diagnostic {
    Diagnostic::error(
        "power/wrong-hypervisor",
        span,
        format!("`{place}` is not the hypervisor of `{guest}`: that is `{hypervisor}`"),
    )
    .help("write `on hypervisor: …`, which is each guest's own")
}

pub(in crate::check) fn other_guest(span: Span, what: &str, command: &str) -> Diagnostic {
    Diagnostic::error(
        "power/other-guest",
        span,
        format!("`{command}` acts on {what}, and this plan is not about that guest"),
    )
    .label("not the plan's own guest")
    .help("write `$vmid` for the guest of this plan; make the other guest a target of a plan of its own")
}

pub(in crate::check) fn subject_in_loop(span: Span, command: &str, each: &str) -> Diagnostic {
    let message = format!("each time round, `{command}` acts on the plan's own guest, and not on `{each}`");
    Diagnostic::error("power/other-guest", span, message)
        .label(format!("nothing here is about `{each}`"))
        .help(format!("write a driver's task, as `restart({each})`, or a task of your own with `{each}` as its guest"))
}

pub(in crate::check) fn other_machine(span: Span, place: &str, command: &str) -> Diagnostic {
    Diagnostic::error(
        "power/other-guest",
        span,
        format!("`{command}` changes the power of `{place}`, and this plan is not about that machine"),
    )
    .help("write a plan of its own for it: `plan … for host in …`, with `on host as root: systemctl reboot`")
}

pub(in crate::check) fn guest_initiated(span: Span, host: &str, command: &str) -> Diagnostic {
    Diagnostic::error(
        "power/guest-initiated",
        span,
        format!("`{command}` lets the guest `{host}` change its own power: the hypervisor is the authority on it"),
    )
    .help("write `restart(guest)`, or `on hypervisor: qm reboot $vmid`")
}

pub(in crate::check) fn destroys(span: Span, command: &str, why: &str) -> Diagnostic {
    Diagnostic::error("power/destroys", span, format!("`{command}` {why}"))
        .help("if that is meant, write `unguarded identity \"the reason\"` before the colon")
}

pub(in crate::check) fn left_off(span: Span) -> Diagnostic {
    Diagnostic::error("power/left-off", span, "the plan ends with the guest off")
        .label("off after this")
        .help("start it again: `on hypervisor: qm start $vmid`; or write `keep off` if that is meant")
}

pub(in crate::check) fn hidden_in_script(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error(
        "power/hidden-in-script",
        span,
        format!("the script names `{word}`, and nobody can tell what it does to which guest"),
    )
    .help(format!("write `on hypervisor: {word} …` as a command of its own"))
}
