//! What the checker warns of.

use crate::diag::Diagnostic;
use crate::text::Span;

pub(in crate::check) fn unused(span: Span, name: &str) -> Diagnostic {
    Diagnostic::warning("name/unused", span, format!("`{name}` is not used"))
        .label("named here, and nowhere else")
        .help("take the `let` away; a command whose output nobody needs is written without it")
}

pub(in crate::check) fn unreachable(span: Span, left: Span) -> Diagnostic {
    Diagnostic::warning("flow/unreachable", span, "nothing ever gets here")
        .label("never done")
        .and(left, "every way ends here")
        .help("take it away, or put it before the statement that ends the way")
}

pub(in crate::check) fn sleep(span: Span) -> Diagnostic {
    Diagnostic::warning("flow/sleep", span, "a wait of a fixed length proves nothing")
        .label("it may be too short on a busy night, and is too long on any other")
        .help("wait for what is to be true: `await … within 5m`")
}

pub(in crate::check) fn hard_stop(span: Span, command: &str) -> Diagnostic {
    Diagnostic::warning(
        "power/hard-stop",
        span,
        format!("`{command}` takes the power away, and nobody asked the guest to shut down before"),
    )
    .label("like pulling the plug: what the guest has not written is lost")
    .help(
        "shut it down first, and stop it where it does not obey: `try { shutdown(guest) } recover err { stop(guest) }`",
    )
}

pub(in crate::check) fn old_system(span: Span, power: Span) -> Diagnostic {
    Diagnostic::warning("power/old-system", span, "this may still ask the old system, which is on its way down")
        .label("no new boot is proven before it")
        .and(power, "the power action")
        .help("wait for the new system first: `await ssh(guest)`")
}

pub(in crate::check) fn bad_allow(span: Span, why: &str) -> Diagnostic {
    Diagnostic::warning("flow/bad-allow", span, why.to_string())
        .help("write it above the line that is warned of, with the warning's code and a reason: `# allow power/hard-stop: it ignores ACPI`")
}

pub(in crate::check) fn may_be_guest_initiated(span: Span, host: &str, word: &str) -> Diagnostic {
    let message = format!("this script seems to run `{word}`, and the guest `{host}` does not change its own power");
    Diagnostic::warning("power/guest-initiated", span, message)
        .label("a script is not read as a shell reads it, so this can not be sure")
        .help("take it out of the script, and write `restart(guest)` as a step of its own")
}
