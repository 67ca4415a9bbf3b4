//! Whatever stands in an inventory: it is read or refused, and nothing breaks.

#![allow(clippy::unwrap_used, reason = "a test that can not go on says so by a panic")]

use hostler::diag::Problems;
use hostler::inventory::{Inventory, Request, VaultKeys, load};
use hostler::text::{MemoryFiles, Sources};
use proptest::prelude::*;

/// Loads one file, and holds every place that is given to lie in a text.
fn load_text(name: &str, text: &str) -> Inventory {
    let files = MemoryFiles::new().with(name, text).with("host_vars/a.yml", text).with("group_vars/all", text);
    let (mut sources, mut problems) = (Sources::new(), Problems::new());
    let paths = [name.to_string()];
    let mut keys = VaultKeys::new();
    keys.add(None, b"x");
    let request = Request { sources: &paths, vault: &keys, ..Request::default() };
    let inventory = load(&files, &request, &mut sources, &mut problems);
    // Looking a place up takes as long as its text is: the first hundred stand for all.
    for problem in problems.iter().take(100) {
        let labels = problem.primary.iter().chain(&problem.secondary);
        assert!(labels.into_iter().all(|label| sources.place(label.span).is_some()), "{problem:?}");
    }
    for host in inventory.hosts.values() {
        assert!(sources.place(host.span).is_some());
        for variable in host.variables.values() {
            assert!(sources.place(variable.span).is_some(), "{variable:?}");
        }
    }
    let _ = inventory.list();
    inventory
}

/// Pieces of which inventories are made, so that chance comes near to them.
fn pieces(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 0..40).prop_map(|pieces| pieces.concat())
}

const YAML: &[&str] = &[
    "all",
    ":",
    " ",
    "\n",
    "\n  ",
    "\n    ",
    "hosts",
    "children",
    "vars",
    "a",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&x ",
    "*x",
    "<<: ",
    "!vault ",
    "!unsafe ",
    "|",
    ">",
    "\"",
    "'",
    "#",
    "0101",
    "12:30:00",
    "2024-01-01",
    "~",
    "yes",
    "\t",
    "{{ a }}",
    "{% if a %}",
    "ä",
    "\u{1F600}",
    "---\n",
    "...\n",
    "? ",
    "%YAML 1.1\n",
    "\\",
    "web[1:3]",
    "$ANSIBLE_VAULT;1.1;AES256",
    "\r\n",
    "!!set ",
    "!!binary ",
    "=",
    "plugin: x\n",
    "_meta: ",
];

const INI: &[&str] = &[
    "[", "]", "web", ":", "vars", "children", "\n", "a", " ", "=", "x", "'", "\"", "#", ";", "\\", "[1:3]", "[a:c]",
    "{", "}", "(", ")", "[1, 'a']", "1_0", "0x", "1e5", "-", "+", ",", "r'", "b\"", "{{ a }}", "ä", "\u{2028}", "\r",
    "::1", "[::1]:22", "---", "None", "True", "...", "\u{feff}", "'''", "\\x4", "\\u12",
];

const TEMPLATES: &[&str] = &[
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    " a ",
    " b ",
    "| default('x')",
    "| int",
    "| bool",
    "| join(',')",
    "| to_json",
    "'",
    "\"",
    "\\",
    "~",
    "+",
    "[",
    "]",
    "(",
    ")",
    ".",
    "hostvars",
    "['a']",
    "groups",
    "for i in range(3)",
    "endfor",
    "if a",
    "endif",
    "else",
    "set x = a",
    "1",
    "-1",
    "\n",
    "-",
    "ä",
    "lookup('x')",
    "none",
    "is defined",
    "raw",
    "endraw",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*|(?s).{0,60}", name in prop::sample::select(&["hosts", "hosts.yml", "hosts.ini", "hosts.json"][..])) {
        load_text(name, &text);
    }

    #[test]
    fn near_yaml_is_read_or_refused(text in pieces(YAML)) {
        load_text("hosts.yml", &text);
    }

    #[test]
    fn near_ini_is_read_or_refused(text in pieces(INI)) {
        load_text("hosts.ini", &text);
    }

    #[test]
    fn templates_give_a_value_or_a_reason(text in pieces(TEMPLATES)) {
        let quoted = serde_json::to_string(&text).unwrap();
        let inventory = load_text("hosts.json", &format!("{{\"all\": {{\"hosts\": {{\"a\": {{\"a\": 1, \"b\": {quoted}}}}}}}}}"));
        let variable = &inventory.hosts["a"].variables["b"];
        prop_assert!(variable.problem.is_none() || variable.value.is_null());
    }

    #[test]
    fn patterns_name_known_hosts_or_nothing(text in "[a-c*?\\[\\]:!&,~0-9.@^$(){}|\\\\-]{0,20}") {
        let inventory = load_text("hosts.ini", "a\nb\n[c]\nc1\nc2\n");
        if let Ok(hosts) = inventory.pattern(&text) {
            prop_assert!(hosts.iter().all(|host| inventory.hosts.contains_key(host)));
        }
    }
}

#[test]
fn deep_nesting_is_refused_and_breaks_nothing() {
    let many = 100_000;
    for opening in ["[", "{", "{a: ", "- ", "? ", "(", "[1:1]", "a: &a ", "!x "] {
        let deep = opening.repeat(many);
        load_text("hosts.yml", &format!("all: {deep}"));
        load_text("hosts.yml", &deep);
        load_text("hosts.ini", &format!("h{deep}\n[all:vars]\nx={deep}\ny={deep}1\n"));
        load_text("hosts", &deep);
    }
    for opening in ["[", "(", "{'a': ", "not ", "-", "a.a", "a|d(", "{% if a %}", "{% for x in [1] %}", "'a' ~ "] {
        let template = serde_json::to_string(&format!("{{{{ {} }}}}", opening.repeat(5_000))).unwrap();
        let hosts = format!("{{\"all\": {{\"hosts\": {{\"a\": {{\"b\": {template}}}}}}}}}");
        load_text("hosts.json", &hosts);
    }
    load_text("hosts.json", &"[".repeat(many));
    load_text("hosts.json", &"{\"a\":".repeat(many));
}

#[test]
fn what_grows_by_aliases_is_refused() {
    let mut bomb = String::from("all:\n  vars:\n    a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = level - 1;
        let items = vec![format!("*a{before}"); 10].join(", ");
        bomb.push_str(&format!("    a{level}: &a{level} [{items}]\n"));
    }
    assert!(!load_text("hosts.yml", &bomb).groups.contains_key("x"));
}

#[test]
fn a_byte_order_mark_moves_no_place() {
    let text = "\u{feff}a x=1\n";
    let inventory = load_text("hosts.ini", text);
    assert_eq!(inventory.hosts["a"].variables["x"].value.to_string(), "1");
    load_text("hosts.ini", "\u{feff}\u{feff}\t¡");
}
