//! Reading takes steps in proportion to the text, however deep it nests and however wrong it is.
//!
//! Steps are counted, not timed: pest stops after as many calls as it is told, so that the least number with which a
//! text can be read is what it costs. That limit is one for the whole process, so that this test stands alone.

#![allow(clippy::unwrap_used, reason = "a test that can not go on should stop")]

use std::num::NonZeroUsize;

use hostler::diag::Problems;
use hostler::syntax;

/// Whether the grammar can read the text with at most this many calls.
fn reads_with(text: &str, calls: usize) -> bool {
    pest::set_call_limit(NonZeroUsize::new(calls));
    let mut problems = Problems::new();
    syntax::parse(text, 0, &mut problems);
    pest::set_call_limit(None);
    problems.iter().all(|problem| !problem.message.contains("the rest of this file"))
}

/// The calls that the text costs, to a thirtieth.
fn cost(text: &str) -> usize {
    let mut enough = 64;
    while !reads_with(text, enough) {
        enough *= 2;
        assert!(enough < 1 << 28, "this text can not be read: {}", &text[..text.len().min(200)]);
    }
    let mut too_few = enough / 2;
    while enough - too_few > enough / 30 {
        let middle = usize::midpoint(enough, too_few);
        if reads_with(text, middle) { enough = middle } else { too_few = middle }
    }
    enough
}

/// A text of a given size, and what it is called.
type Shape = (&'static str, fn(usize) -> String);

fn around(open: &str, inner: &str, close: &str, times: usize) -> String {
    format!("{}{inner}{}", open.repeat(times), close.repeat(times))
}

const NESTED: &[Shape] = &[
    ("blocks", |n| around("if $x {\n", "a(guest)\n", "}\n", n)),
    ("one-line blocks", |n| around("for x in [1] { ", "on g: a", " }", n)),
    ("try and recover", |n| around("try { a(b) } recover e {\n", "a(guest)\n", "} finally { c(d) }\n", n)),
    ("retries in tasks", |n| format!("task t(guest: Guest) {{\n{}\n}}", around("retry 3 {\n", "a(guest)\n", "}\n", n))),
    ("parentheses", |n| format!("require {}", around("(", "$x", ")", n))),
    ("lists", |n| format!("let x = {}", around("[", "1", "]", n))),
    ("calls", |n| format!("require {}", around("f(x: ", "$x", ")", n))),
    ("indexes", |n| format!("require {}", around("$x[", "0", "]", n))),
    ("targets", |n| format!("plan p for guest in {} {{ a(guest) }}", around("(", "pbs", ")", n))),
    ("types", |n| format!("task t(x: {}) {{ a(x) }}", around("List<", "Str", ">", n))),
    ("parentheses that make no sense", |n| format!("require $x {}", around("(", "+", ")", n))),
    ("heads that make no sense", |n| around("while $x = {\n", "b\n", "}\n", n)),
    ("blocks behind nothing", |n| around("if $x { } else { } else if = {\n", "b\n", "}\n", n)),
    ("words that are blocks of the shell", |n| format!("on g: {}", around("f {\n", "a\n", "}\n", n))),
    ("blocks of commands", |n| around("if $x { on g { a b; c {\n", "b\n", "}\n} }\n", n / 3)),
];

const LONG: &[Shape] = &[
    ("statements", |n| {
        "on hypervisor as root within 3m: qm reboot $vmid --timeout 120\nawait ssh(guest) within 10m\n".repeat(n)
    }),
    ("statements on one line", |n| "on hypervisor: qm status $vmid; require a(b); ".repeat(n)),
    ("statements that make no sense", |n| "awiat ssh(guest)\nrequire a b\nlet = 3\non g qm\n".repeat(n)),
    ("words", |n| format!("on g: echo{}", " a$b'c'\"d $e\"".repeat(n))),
    ("operators", |n| format!("require $a{}", " + $a".repeat(n.min(200)))),
    ("arguments", |n| format!("f({})", "a: 1, ".repeat(n))),
    ("items of a list", |n| format!("let x = [{}]", "$a, ".repeat(n))),
    ("choices", |n| format!("if $a {{ b(c) }}{}", " else if $a { b(c) }".repeat(n))),
    ("open braces in words", |n| format!("on g: echo {}", "{a ".repeat(n))),
    ("nested braces in words", |n| format!("on g: echo {}", "{{a} ".repeat(n))),
    ("dollars", |n| format!("on g: echo {}", "${ $ ${a ".repeat(n))),
    ("backslashes", |n| format!("on g: echo {}", "\\\\ \\\n".repeat(n))),
    ("comments", |n| "# comment\n## doc\n".repeat(n)),
    ("blank lines", |n| format!("a(b){}c(d)", "\n".repeat(n))),
    ("blank lines behind a wait", |n| format!("await a(b){}c(d)", "\n \n".repeat(n))),
    ("blank lines behind a head", |n| format!("plan p{}{{ a(b) }}", "\n# c\n".repeat(n))),
    ("waits before blank lines", |n| {
        "await a(b)\n\n\n\n\nif $x { a(b) }\n\n\n\ntry { a(b) } finally { c(d) }\n\n\n".repeat(n)
    }),
    ("clauses that make no sense", |n| format!("plan p\n{}{{ }}", "  banana = 3\n  window\n".repeat(n))),
    ("parameters", |n| format!("task t({}) {{ a(b) }}", "x: Str = \"a\", ".repeat(n))),
    ("parameters that make no sense", |n| format!("task t({}) {{ a(b) }}", "x = = (a), ".repeat(n))),
    ("signatures", |n| {
        format!("command c {{\n{}}}", "  a <b: C> [-d|--e <F in s>?]... -> power cycle b, ended\n".repeat(n))
    }),
    ("signatures that make no sense", |n| {
        format!("command c {{\n{}}}", "  a <b: C [-d -> x\n  a b c\n".replace("[-d", "-d").repeat(n))
    }),
    ("fields", |n| format!("notify ops \"x\" {{ {} }}", "a: $b, ".repeat(n))),
    ("fields that make no sense", |n| format!("notify ops \"x\" {{ {} }}", "a: = { }, ".repeat(n))),
    ("options that make no sense", |n| format!("on g {}: a", "within as banana 3 ".repeat(n))),
    ("text in strings", |n| format!("warn \"{}\"", "a $b \\n ".repeat(n))),
];

#[test]
fn the_cost_of_a_text_is_in_proportion_to_its_length() {
    let mut wrong = Vec::new();
    for (sizes, shapes) in [([12, 24, 48], NESTED), ([10, 20, 40], LONG)] {
        for (name, shape) in shapes {
            let [one, two, four] = sizes.map(|size| cost(&shape(size)));
            // Twice the text costs twice as much, and what it costs at all.
            let growth = (four - two) as f64 / (two - one).max(1) as f64;
            if growth > 2.6 {
                wrong.push(format!("{name}: {one}, {two}, {four} calls ({growth:.2} times more for twice the text)"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
