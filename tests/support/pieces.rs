//! What texts of plans and inventories are made of, and what breaks them.

/// Pieces to put together, or to sprinkle over a good text.
#[rustfmt::skip]
pub(crate) const PIECES: &[&str] = &[
    // Brackets, quotes, signs.
    "{", "}", " { ", " }", "(", ")", "[", "]", "'", "\"", "'''", "$", "${", "#", "\\", "\\\n", "\n", "\n  ", "\r\n", "\t",
    ";", ":", ": ", ",", ".", "..", "...", "-> ", "<", ">", "|", "&", "&&", "*", "!", "@", "~", "`", "=", "= ", "==", "-",
    "+",
    // Statements.
    "on ", "on guest: ", "guest", "hypervisor", "qm reboot $vmid", "sh ", "let x = ", "if ", "else ", "for ", "in ",
    "for x in ", "retry 3 ", "retry 3 every 10s", "try", "try { ", "recover err", "} recover e { ", "finally",
    "} finally { ", "fail ", "skip \"s\"", "return ", "record r = ", "notify ops \"s\" ", "await ", "await ssh(guest)",
    "require ", "within ", "within 5m ", "every ", "every 1s ", "run p()", "keep off",
    // Options of commands.
    "as root ", "accept 0, 1 ", "env A=$b ", "stdin $x ", "reading ", "when locked skip ", "unguarded agent \"w\" ",
    // Declarations.
    "edition 2026", "use std.apt", "plan p ", "plan p for g in ", "for guest in pbs ", "one at a time ", "needs a: Int ",
    "task t(", "task t(guest: Guest) ", "probe q() -> Bool ", "probe p(a: Str) -> Bool ", "driver d ", "driver d { ",
    "script s ", "identity v: VmId ", "command c { ", "command qm on h as root ", "-> read", "<a: B>", "[--x <0|1>?]",
    "List<",
    // Expressions.
    "not ", "and ", "or ", "contains ", "matches ", "true", "$x", "${a.b}", "${xs...}", "5m", "5 m", "3GiB", "3GB", "20%",
    "42", "010", "99999999999999999999", "-1", "0x1", "1e999", "a-b", "a#b", "A=b ", "# c", "## d\n",
    // Inventories.
    "all:\n  ", "hosts:\n    ", "vars: ", "children:\n", "- ", "? ", "&a ", "*a ", "<<: *a\n", "!vault |\n",
    "$ANSIBLE_VAULT;1.1;AES256\n", "[all:vars]\n", "[a:children]\n", "a[1:9]", "{{ x }}", "{% for %}", "{#", "null", "yes",
    // Characters that are rare, or that nobody sees.
    "\u{0}", "\u{a0}", "\u{feff}", "\u{200b}", "\u{202e}", "\u{201c}", "ö", "🦀", "\u{10ffff}",
];
