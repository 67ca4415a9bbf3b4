//! Programs of the language as a machine makes them up: right in every form, laid out in every way.
//!
//! A program is made in two steps: a template in which signs stand for places between tokens, then blanks, newlines,
//! separators and comments in their stead, as each place allows them.

use proptest::prelude::*;
use proptest::strategy::Union;

/// Where at least one blank must stand, in the language and between the words of a command.
const BLANK: char = '␣';
/// Where blanks may stand.
const MAYBE: char = '·';
/// Where a newline is a blank.
const NEWLINE: char = '⏎';
/// Between two statements.
const NEXT: char = '¶';
/// Behind `{` and before `}` of a block.
const EDGE: char = '◇';

/// A whole program with its layout.
pub(crate) fn program() -> impl Strategy<Value = String> {
    let layout = proptest::collection::vec(any::<u8>(), 1..200);
    (prop_oneof![script(), plans()], layout).prop_map(|(template, layout)| laid_out(&template, &layout))
}

/// Puts blanks, newlines and comments where the template has signs.
fn laid_out(template: &str, layout: &[u8]) -> String {
    let mut choices = layout.iter().cycle().copied();
    let mut comments = 0;
    let mut text = String::new();
    for sign in template.chars() {
        let ways: &[&str] = match sign {
            BLANK => &[" ", " ", " ", "   ", "\t", " \\\n  "],
            MAYBE => &["", "", "", " ", "  ", "\\\n"],
            NEWLINE => &["", "", " ", "\n", "\n\n   ", " #@\n", "\n  #@\n\n  #@\n", "\\\n"],
            NEXT => &["\n", "\n", "\n\n\n ", ";", " ; ", "   #@\n", "\n  #@\n\n", ";\n", "; #@\n", "\r\n"],
            EDGE => &["", " ", " ", "\n", "\n\n", " #@\n", "\n   #@\n#@\n", " ; "],
            other => {
                text.push(other);
                continue;
            }
        };
        for character in ways[usize::from(choices.next().unwrap_or(0)) % ways.len()].chars() {
            if character == '@' {
                comments += 1;
                text.push_str(&format!(" {comments}"));
            } else {
                text.push(character);
            }
        }
    }
    text
}

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    proptest::sample::select(texts).prop_map(str::to_string)
}

fn listed(
    item: impl Strategy<Value = String> + Clone,
    most: usize,
    between: &'static str,
) -> impl Strategy<Value = String> + Clone {
    proptest::collection::vec(item, 1..=most).prop_map(move |items| items.join(between))
}

/// Some of the time nothing.
fn perhaps(text: impl Strategy<Value = String> + Clone) -> impl Strategy<Value = String> + Clone {
    proptest::option::of(text).prop_map(Option::unwrap_or_default)
}

fn expr() -> impl Strategy<Value = String> + Clone {
    let leaf = one_of(&[
        "42",
        "0",
        "2m30s",
        "500ms",
        "3GiB",
        "1.5GiB",
        "20%",
        "true",
        "false",
        "$x",
        "${guest.vmid}",
        "guest",
        "my-host",
        "\"\"",
        "\"a  b\"",
        "\"text $x and ${a.b} # \\\" {\"",
        "'raw  # $x'",
        "'''\n  long\n    text # no comment\n  '''",
    ]);
    leaf.prop_recursive(3, 24, 4, |inner| {
        let arg = (perhaps(one_of(&["name·:⏎", "deadline:·"])), inner.clone()).prop_map(|(name, value)| name + &value);
        let args = perhaps(listed(arg, 3, "·,⏎"));
        let comma = one_of(&["", "·,"]);
        prop_oneof![
            (listed(inner.clone(), 3, "·,⏎"), comma.clone()).prop_map(|(items, comma)| format!("[⏎{items}{comma}⏎]")),
            Just("[⏎]".to_string()),
            (one_of(&["f", "apt.g", "$x.line", "my-mod.f"]), args).prop_map(|(name, args)| format!("{name}(⏎{args}⏎)")),
            (one_of(&["f", "$x.json", "${a.b}"]), inner.clone()).prop_map(|(name, index)| format!("{name}[⏎{index}⏎]")),
            inner.clone().prop_map(|inner| format!("(⏎{inner}⏎)")),
            inner.clone().prop_map(|inner| format!("(not␣⏎{inner})")),
            inner.clone().prop_map(|inner| format!("(-·⏎{inner})")),
            (inner.clone(), one_of(&["+", "-", "*", "/"]), inner.clone())
                .prop_map(|(left, op, right)| format!("({left}␣{op}␣⏎{right})")),
            (
                inner.clone(),
                one_of(&["==", "!=", "<", "<=", ">", ">=", "in", "not  in", "contains", "matches"]),
                inner.clone()
            )
                .prop_map(|(left, op, right)| format!("({left}␣{op}␣⏎{right})")),
            (inner.clone(), one_of(&["and", "or"]), inner)
                .prop_map(|(left, op, right)| format!("{left}␣{op}␣⏎{right}")),
        ]
    })
}

fn condition() -> impl Strategy<Value = String> + Clone {
    prop_oneof![one_of(&["ssh(guest)", "$x", "not agent(guest)", "power(guest) == \"off\""]), expr()]
}

fn command() -> impl Strategy<Value = String> + Clone {
    let word = one_of(&[
        "a",
        "--opt=x",
        "x#y",
        "$x",
        "pre-$x-post",
        "${a.b}",
        "${xs...}",
        "'raw  }  # x'",
        "\"q $x  \\\" }\"",
        "esc\\ aped",
        "\\#",
        "a\\;b",
        "''",
        "'''\n  long\n   # text\n  '''",
        "http://x/#y",
        "a'b'\"c\"d",
        "[x]",
        "chown",
        "ops:",
        "--",
    ]);
    listed(word, 4, "␣").prop_map(|words| format!("cmd␣{words}"))
}

fn option() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        one_of(&["as␣root", "accept␣any", "accept␣0·,⏎124", "reading", "when␣locked␣skip", "when␣locked␣wait␣3m"]),
        one_of(&[
            "within␣5m",
            "retry␣3␣every␣10s",
            "retry␣2",
            "env␣A·=·$b",
            "stdin␣$x",
            "unguarded␣agent·,⏎unlocked␣\"why\""
        ]),
    ]
}

/// Options, each kind once.
fn options() -> impl Strategy<Value = String> + Clone {
    proptest::collection::vec(option(), 0..4).prop_map(|all| {
        let mut seen: Vec<String> = Vec::new();
        let mut shown = String::new();
        for option in all {
            let word = option.split(BLANK).next().unwrap_or_default().to_string();
            if !seen.contains(&word) {
                shown.push_str(&format!("␣{option}"));
                seen.push(word);
            }
        }
        shown
    })
}

fn on() -> impl Strategy<Value = String> + Clone {
    let place = one_of(&["guest", "hypervisor", "my-host", "host(\"a.b\")"]);
    (place, options(), command()).prop_map(|(place, options, command)| format!("on␣{place}{options}·:·{command}"))
}

fn statement() -> impl Strategy<Value = String> + Clone {
    let said = (one_of(&["fail", "skip", "warn", "confirm", "return"]), expr())
        .prop_map(|(word, said)| format!("{word}␣{said}"));
    let waits = (
        condition(),
        perhaps(one_of(&["⏎within␣5m"])),
        perhaps(one_of(&["⏎every␣5s"])),
        perhaps(one_of(&["⏎else␣\"x\""])),
    )
        .prop_map(|(condition, within, every, otherwise)| {
            let (within, every) = (within.replace('⏎', "␣⏎"), every.replace('⏎', "␣⏎"));
            format!("await␣{condition}{every}{within}{}", otherwise.replace('⏎', "␣⏎"))
        });
    let leaf = prop_oneof![
        4 => on(),
        1 => (on(), one_of(&["x", "kernel"])).prop_map(|(on, name)| format!("let␣{name}·=·⏎{on}")),
        1 => (expr(), one_of(&["x", "kernel"])).prop_map(|(value, name)| format!("let␣{name}·=·⏎{value}")),
        1 => waits,
        1 => condition().prop_map(|condition| format!("require␣{condition}␣⏎else␣⏎\"why\"")),
        1 => (one_of(&["restart", "apt.upgrade"]), listed(expr(), 2, "·,⏎")).prop_map(|(name, args)| format!("{name}(⏎{args}⏎)")),
        1 => said,
        1 => expr().prop_map(|value| format!("record␣r·=·⏎{value}")),
        1 => one_of(&["return", "keep␣off", "run␣p()", "run␣p(·a:␣1·)"]),
        1 => (expr(), expr()).prop_map(|(a, b)| format!("notify␣ops␣\"s\"␣{{⏎a·:␣{a}·,⏎b:␣{b}⏎}}")),
        1 => expr().prop_map(|a| format!("notify␣ops␣\"s\"␣{{\n a·:␣{a}\n\n b: 1 # in fields\n}}")),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        let block = proptest::collection::vec(inner, 0..3).prop_map(|list| format!("{{◇{}◇}}", list.join("¶")));
        let commands = proptest::collection::vec(command(), 1..3).prop_map(|list| format!("{{◇{}◇}}", list.join("¶")));
        prop_oneof![
            (condition(), block.clone()).prop_map(|(condition, block)| format!("if␣{condition}␣{block}")),
            (condition(), block.clone(), block.clone(), condition(), block.clone())
                .prop_map(|(a, b, c, d, e)| { format!("if␣{a}␣{b}·⏎else␣if␣{d}␣{e}⏎else␣{c}") }),
            (expr(), block.clone()).prop_map(|(list, block)| format!("for␣item␣in␣{list}␣{block}")),
            block.clone().prop_map(|block| format!("retry␣3␣every␣10s·{block}")),
            (block.clone(), block.clone(), block.clone())
                .prop_map(|(a, b, c)| format!("try·{a}⏎recover␣err·{b}·⏎finally␣{c}")),
            (block.clone(), block).prop_map(|(a, b)| format!("try␣{a}·finally␣{b}")),
            (options(), commands).prop_map(|(options, commands)| format!("on␣guest{options}␣{commands}")),
        ]
    })
}

/// A statement of a test.
fn staged() -> impl Strategy<Value = String> + Clone {
    let ran = (one_of(&["web", "a·,⏎b␣except␣c", "my-host"]), command())
        .prop_map(|(targets, command)| format!("on␣{targets}·:·{command}"));
    let many = proptest::collection::vec(ran.clone(), 0..3).prop_map(|list| format!("{{◇{}◇}}", list.join("¶")));
    let answers = (one_of(&["", "␣code␣3", "␣stdout␣\"a\"␣takes␣5m␣times␣2"]), command());
    prop_oneof![
        (expr(), perhaps(one_of(&["␣after␣5m"])))
            .prop_map(|(a, after)| format!("given␣web·,⏎db{after}␣{{⏎obeys·:␣false·,⏎lock:␣{a}⏎}}")),
        expr().prop_map(|a| format!("given␣web␣{{\n name·:␣{a}\n\n b: 1 # in fields\n}}")),
        answers.prop_map(|(options, command)| format!("answer␣on␣web{options}·:·{command}")),
        ran.clone().prop_map(|ran| format!("fault␣\"killed\"␣at␣{ran}")),
        ran.clone().prop_map(|ran| format!("fault␣'hangs'␣at␣2␣{ran}")),
        one_of(&[
            "fault␣\"unreachable\"␣at␣ssh(web)",
            "expect␣done",
            "expect␣a·,⏎b␣not␣begun",
            "expect␣never␣together␣a·,⏎b",
            "run␣p()␣for␣a␣except␣b"
        ]),
        one_of(&["expect␣web␣refused␣\"is locked\"", "expect␣all␣failed␣$x"]),
        (one_of(&["", "never␣", "once␣", "3␣times␣"]), ran).prop_map(|(times, ran)| format!("expect␣{times}{ran}")),
        many.prop_map(|many| format!("expect␣in␣order␣{many}")),
        condition().prop_map(|condition| format!("expect␣{condition}")),
    ]
}

fn script() -> impl Strategy<Value = String> {
    let head = one_of(&["", "edition␣2026¶", "edition␣2026¶use␣std.apt¶use␣./lib/dns␣as␣d¶"]);
    (head, proptest::collection::vec(statement(), 0..6)).prop_map(|(head, list)| format!("{head}{}", list.join("¶")))
}

fn param() -> impl Strategy<Value = String> + Clone {
    let ty = one_of(&["Str", "List·<·Str·>", "\"a\"␣|␣⏎'b'", "Duration"]);
    (one_of(&["x", "min_free"]), ty, perhaps(expr().prop_map(|value| format!("␣=␣⏎{value}"))))
        .prop_map(|(name, ty, default)| format!("{name}·:·⏎{ty}{default}"))
}

fn plans() -> impl Strategy<Value = String> {
    let params = perhaps(listed(param(), 3, "·,⏎")).prop_map(|params| format!("(⏎{params}⏎)"));
    let body = proptest::collection::vec(statement(), 0..4).prop_map(|list| format!("{{◇{}◇}}", list.join("¶")));
    let targets = one_of(&["pbs", "a·,⏎b␣and␣⏎c␣⏎except␣d", "(⏎a,b⏎)␣except␣host(\"x\")", "group('y')␣and␣z␣and␣(a)"]);
    let subject = perhaps(targets.prop_map(|targets| format!("␣⏎for␣guest␣in␣{targets}")));
    let clauses = proptest::sample::subsequence(
        vec![
            "needs␣vmid:VmId·,⏎tier␣:␣\"a\"|'b'␣=␣\"a\"",
            "at␣most␣3␣at␣once",
            "at␣most␣1␣per␣hypervisor",
            "never␣together␣dns_pair·,⏎x",
            "stop␣after␣1␣failure",
            "window␣\"Sun 02:00-05:00\"",
            "lock␣\"a\"",
            "deadline␣2h",
        ],
        0..5,
    )
    .prop_map(|clauses| clauses.iter().map(|clause| format!("␣⏎{clause}")).collect::<String>());
    let plan = (params.clone(), subject, clauses, body.clone())
        .prop_map(|(params, subject, clauses, body)| format!("plan␣p·{params}{subject}{clauses}␣⏎{body}"));
    let task = (params.clone(), body.clone()).prop_map(|(params, body)| format!("task␣t{params}·⏎{body}"));
    let probe = (params, perhaps(body)).prop_map(|(params, body)| format!("probe␣q{params}·->·Bool·{body}"));
    let signature = one_of(&[
        "reboot␣<·vmid·:·VmId·>␣[·-t·|·--timeout␣<·Duration␣in␣s·>·]␣->␣power␣cycle␣vmid·,␣left␣to␣finish·,·within␣5m",
        "[--f␣<0|1>?]␣[<files: Str>...]␣[<g>]...␣[-v]...␣->␣read·,as␣task␣qm-x·,within␣1m,␣ended",
        "options␣[--now]␣[-q|--quiet]",
        "not␣started␣when␣stderr␣has␣\"a b\"·,⏎'c'",
        "->␣power␣off␣self",
        "exec␣<vmid: VmId>␣--␣<cmd: Str>...␣->␣change",
    ]);
    let signatures = proptest::collection::vec(signature, 0..4).prop_map(|list| format!("{{◇{}◇}}", list.join("¶")));
    let declaration = (one_of(&["command␣qm", "command␣a·,⏎b-c␣on␣hypervisor␣as␣root"]), signatures)
        .prop_map(|(head, lines)| format!("{head}␣{lines}"));
    let driver = (task.clone(), probe.clone())
        .prop_map(|(task, probe)| format!("driver␣d␣{{◇identity␣v·:·VmId¶script␣look␣'''\n  x\n'''¶{task}¶{probe}◇}}"));
    let staged = proptest::collection::vec(staged(), 0..4).prop_map(|list| format!("{{◇{}◇}}", list.join("¶")));
    let test = (one_of(&["test␣\"a  b\"", "test␣'c'␣at␣\"2026-01-03 22:00\""]), staged)
        .prop_map(|(head, body)| format!("{head}␣⏎{body}"));
    let item =
        Union::new([plan.boxed(), task.boxed(), probe.boxed(), declaration.boxed(), driver.boxed(), test.boxed()]);
    let doc = one_of(&["", "## Says what it is.\n", "# one\n\n## two\n## three\n"]);
    let item = (doc, item).prop_map(|(doc, item)| doc + &item);
    proptest::collection::vec(item, 1..4).prop_map(|items| items.join("¶\n"))
}
