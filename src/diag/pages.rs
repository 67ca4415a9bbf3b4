//! Every code that a diagnostic can have, each with its page.
//!
//! The pages are files of `docs/errors/`, embedded: a code without a page does not compile. `tests/pages.rs` holds the
//! list against the codes that the source raises, and the examples of each page against what they are said to raise.

/// A page about one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// `phase/name`.
    pub code: &'static str,
    /// The page, as Markdown. Its first line is `# code: title`.
    pub text: &'static str,
}

impl Page {
    /// The code's last part.
    pub fn name(&self) -> &'static str {
        self.code.split_once('/').map_or(self.code, |(_, name)| name)
    }

    /// What the code means, in a few words.
    pub fn title(&self) -> &'static str {
        let first = self.text.lines().next().unwrap_or_default();
        first.split_once(": ").map_or(first, |(_, title)| title)
    }
}

macro_rules! pages {
    ($($code:literal,)*) => {
        /// All pages, sorted by code.
        pub const PAGES: &[Page] =
            &[$(Page { code: $code, text: include_str!(concat!("../../docs/errors/", $code, ".md")) }),*];
    };
}

pages! {
    "command/dynamic",
    "command/missing-argument",
    "command/not-reading",
    "command/option-like-value",
    "command/script-interpolation",
    "command/shell-syntax",
    "command/unexpected-argument",
    "command/unknown-option",
    "command/unknown-subcommand",
    "command/wrong-place",
    "flow/bad-allow",
    "flow/no-answer",
    "flow/probe-changes",
    "flow/recursion",
    "flow/return-outside",
    "flow/run-in-plan",
    "flow/site-plan-command",
    "flow/sleep",
    "flow/unreachable",
    "inventory/bad-pattern",
    "inventory/connection",
    "inventory/duplicate-key",
    "inventory/duplicate-vmid",
    "inventory/empty-name",
    "inventory/executable",
    "inventory/group-loop",
    "inventory/host-and-group",
    "inventory/ini",
    "inventory/json",
    "inventory/missing-variable",
    "inventory/not-found",
    "inventory/not-text",
    "inventory/plugin",
    "inventory/priority",
    "inventory/program",
    "inventory/shape",
    "inventory/stored",
    "inventory/template",
    "inventory/toml",
    "inventory/unknown-driver",
    "inventory/unknown-hypervisor",
    "inventory/unreadable",
    "inventory/vault-damaged",
    "inventory/vault-locked",
    "inventory/vault-password",
    "inventory/vault-wrong-password",
    "inventory/vmid-ambiguous",
    "inventory/vmid-out-of-range",
    "inventory/wrong-type",
    "inventory/yaml",
    "name/braces-needed",
    "name/shadows",
    "name/twice",
    "name/unknown-channel",
    "name/unknown-host",
    "name/unknown-module",
    "name/unknown-plan",
    "name/unknown-probe",
    "name/unknown-task",
    "name/unknown-value",
    "name/unused",
    "power/destroys",
    "power/guest-initiated",
    "power/hard-stop",
    "power/hidden-in-script",
    "power/left-off",
    "power/old-system",
    "power/other-guest",
    "power/wrong-hypervisor",
    "run/bad-argument",
    "run/no-target",
    "run/nothing",
    "run/unreadable",
    "run/which-plan",
    "secret/exposed",
    "site/bad-setting",
    "site/unreadable",
    "syntax/bad-dollar",
    "syntax/bad-escape",
    "syntax/bad-number",
    "syntax/mixed-script",
    "syntax/odd-character",
    "syntax/reserved-name",
    "syntax/too-deep",
    "syntax/too-large",
    "syntax/twice",
    "syntax/unclosed-block",
    "syntax/unclosed-string",
    "syntax/unexpected",
    "syntax/unknown-edition",
    "test/nobody",
    "test/outside",
    "test/runs-nothing",
    "test/statement",
    "test/unknown-fault",
    "test/unknown-setting",
    "time/bad-window",
    "time/exceeds-window",
    "type/argument-order",
    "type/argument-twice",
    "type/bad-regex",
    "type/mismatch",
    "type/missing-argument",
    "type/not-constant",
    "type/too-many-arguments",
    "type/unknown-argument",
    "type/unknown-member",
    "type/unknown-type",
}

/// The page of a code. The phase may be left out where the name alone says which.
pub fn page(code: &str) -> Option<&'static Page> {
    if let Some(page) = PAGES.iter().find(|page| page.code == code) {
        return Some(page);
    }
    let mut named = PAGES.iter().filter(|page| page.name() == code);
    let first = named.next()?;
    named.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_found_by_its_code_or_its_name() {
        assert_eq!(page("power/left-off").map(|page| page.code), Some("power/left-off"));
        assert_eq!(page("left-off").map(|page| page.code), Some("power/left-off"));
        assert_eq!(page("left"), None);
        // `unreadable` is the name of several codes.
        assert_eq!(page("unreadable"), None);
    }

    #[test]
    fn pages_are_sorted_and_begin_with_their_code() {
        assert!(PAGES.is_sorted_by(|a, b| a.code < b.code));
        for page in PAGES {
            assert!(page.text.starts_with(&format!("# {}: {}", page.code, page.title())), "{}", page.code);
            assert!(!page.title().is_empty(), "{}", page.code);
        }
    }
}
