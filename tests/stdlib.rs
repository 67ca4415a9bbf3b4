//! The standard library itself: all of it checks, every part is documented, and `docs/stdlib.md` says what there is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can not go on should stop")]

mod lab;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use hostler::diag::Problems;
use hostler::stdlib;
use hostler::syntax::{self, tree};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/stdlib.md");
const RENEW: &str = "RENEW=1 cargo test --test stdlib the_page";

/// A task or a probe.
struct Entry<'t> {
    name: &'t str,
    doc: &'t [String],
    params: &'t [tree::Param],
    /// What stands before the body, as written.
    signature: String,
    is_task: bool,
}

struct Module {
    name: &'static str,
    text: &'static str,
    tree: tree::File,
}

fn modules() -> Vec<Module> {
    let read = |(name, text): &(&'static str, &'static str)| {
        let mut problems = Problems::new();
        let tree = syntax::parse(text, 0, &mut problems);
        let problems = problems.sorted();
        assert!(problems.is_empty(), "{name}: {problems:?}");
        Module { name, text, tree }
    };
    stdlib::MODULES.iter().map(read).collect()
}

impl Module {
    fn entries<'t>(&'t self, items: &'t [tree::Item]) -> Vec<Entry<'t>> {
        let before = |from: u32, to: u32| {
            let text = &self.text[from as usize..to as usize];
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        items
            .iter()
            .filter_map(|item| match item {
                tree::Item::Task(task) => Some(Entry {
                    name: &task.name.text,
                    doc: &task.doc,
                    params: &task.params,
                    signature: before(task.name.span.start, task.body.span.start),
                    is_task: true,
                }),
                tree::Item::Probe(probe) => Some(Entry {
                    name: &probe.name.text,
                    doc: &probe.doc,
                    params: &probe.params,
                    signature: before(
                        probe.name.span.start,
                        probe.body.as_ref().map_or(probe.span.end, |body| body.span.start),
                    ),
                    is_task: false,
                }),
                _ => None,
            })
            .collect()
    }

    fn drivers(&self) -> impl Iterator<Item = &tree::DriverDecl> {
        self.tree
            .items
            .iter()
            .filter_map(|item| if let tree::Item::Driver(driver) = item { Some(driver) } else { None })
    }

    fn commands(&self) -> impl Iterator<Item = &tree::CommandDecl> {
        self.tree.items.iter().filter_map(|item| if let tree::Item::Command(one) = item { Some(one) } else { None })
    }

    /// The comment at its top, which says what it is about.
    fn about(&self) -> String {
        let lines =
            self.text.lines().skip_while(|line| !line.starts_with('#')).take_while(|line| line.starts_with('#'));
        let text: Vec<&str> = lines.map(|line| line.trim_start_matches('#').trim()).collect();
        let text = text.join(" ");
        text.split(" Sources: ").next().unwrap_or_default().to_string()
    }
}

/// A call of a task or probe with something for every parameter that has no default.
fn call(name: &str, params: &[tree::Param], host: &str) -> String {
    let value = |param: &tree::Param| match &param.ty.kind {
        tree::TypeKind::Named(ty) => match ty.as_str() {
            "Host" | "Guest" => host.to_string(),
            "Str" => "\"nginx\"".to_string(),
            "Int" => "22".to_string(),
            other => panic!("a value for {other}?"),
        },
        _ => panic!("a value for {}?", param.name.text),
    };
    // Defaults are given too, so that each is checked against its type.
    let given: Vec<String> = params.iter().filter(|param| param.default.is_none()).map(value).collect();
    format!("{name}({})", given.join(", "))
}

#[test]
fn the_pieces_of_a_module_are_the_module() {
    for module in modules() {
        let (mut text, mut items) = (String::new(), Vec::new());
        for piece in stdlib::pieces(module.text) {
            let between = &module.text[text.len()..piece.at];
            assert!(between.trim().is_empty(), "{}: `{between}` is in no piece", module.name);
            text.push_str(between);
            text.push_str(piece.text);
            let mut problems = Problems::new();
            let tree = syntax::parse(piece.text, u32::try_from(piece.at).unwrap(), &mut problems);
            assert!(problems.is_empty(), "{}: {:?}", module.name, problems.sorted());
            let declared: Vec<&str> = tree
                .items
                .iter()
                .filter_map(|item| if let tree::Item::Command(command) = item { Some(&command.names) } else { None })
                .flatten()
                .map(|name| name.text.as_str())
                .collect();
            assert_eq!(declared, piece.commands, "{}: what a piece declares", module.name);
            assert!(piece.commands.is_empty() || tree.items.len() == 1, "{}: {:?}", module.name, piece.commands);
            items.extend(tree.items);
        }
        assert!(text.len() == module.text.trim_end().len() || text == module.text, "{}", module.name);
        assert_eq!(items, module.tree.items, "{}", module.name);
    }
}

/// The lines of a command's declaration as they are written, each on one line.
fn lines(command: &tree::CommandDecl, text: &str, base: u32) -> Vec<(Option<String>, String)> {
    let first = |line: &tree::SigLine| match &line.kind {
        tree::SigLineKind::Form(form) => match &form.items.first()?.kind {
            tree::SigItemKind::Literal(word) => Some(word.clone()),
            _ => None,
        },
        _ => None,
    };
    let written = |line: &tree::SigLine| {
        let text = &text[(line.span.start - base) as usize..(line.span.end - base) as usize];
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    command.lines.iter().map(|line| (first(line), written(line))).collect()
}

#[test]
fn what_is_read_for_a_subcommand_is_all_that_it_needs() {
    let mut compared = 0;
    for module in modules() {
        for item in &module.tree.items {
            let tree::Item::Command(command) = item else { continue };
            let whole = lines(command, module.text, 0);
            let declaration = &module.text[command.span.start as usize..command.span.end as usize];
            let words: BTreeSet<&String> = whole.iter().filter_map(|(first, _)| first.as_ref()).collect();
            for word in words.iter().filter(|word| **word != "--") {
                let part = stdlib::with_subcommand(declaration, word).unwrap();
                let mut problems = Problems::new();
                let tree = syntax::parse(&part, 0, &mut problems);
                assert!(problems.is_empty(), "{word}: {:?}", problems.sorted());
                let [tree::Item::Command(read)] = tree.items.as_slice() else { panic!("{word}: {part}") };
                assert_eq!((read.names.len(), &read.place.is_some()), (command.names.len(), &command.place.is_some()));
                let wanted: Vec<_> = whole
                    .iter()
                    .filter(|(first, _)| first.as_ref().is_none_or(|first| first == *word))
                    .cloned()
                    .collect();
                assert_eq!(lines(read, &part, 0), wanted, "{} {word}", command.names[0].text);
                compared += 1;
            }
            assert_eq!(stdlib::with_subcommand(declaration, "no-such-subcommand"), None);
        }
    }
    assert!(compared > 200, "{compared} subcommands");
}

#[test]
fn every_task_and_probe_checks_clean_for_every_kind_of_guest() {
    let modules = modules();
    let mut uses = String::new();
    let mut calls: Vec<(bool, String)> = Vec::new();
    for module in &modules {
        let prefix = if module.name == "prelude" { String::new() } else { format!("{}.", module.name) };
        for entry in module.entries(&module.tree.items) {
            calls.push((entry.is_task, call(&format!("{prefix}{}", entry.name), entry.params, "guest")));
        }
        if module.name != "prelude" {
            writeln!(uses, "use std.{}", module.name).unwrap();
        }
        // A driver's own are called by their bare names, for the guests that are its.
        for driver in module.drivers() {
            for entry in module.entries(&driver.items) {
                calls.push((entry.is_task, call(entry.name, entry.params, "guest")));
            }
        }
    }
    assert!(calls.len() > 40, "{calls:?}");
    let statements: Vec<String> = calls
        .iter()
        .enumerate()
        .map(|(n, (is_task, call))| if *is_task { format!("  {call}") } else { format!("  record v{n} = {call}") })
        .collect();
    // What is about Proxmox's virtual machines is not for the others.
    for (guest, foreign) in [("web", ""), ("files", "proxmox."), ("wiki", "proxmox.")] {
        let mine: Vec<&str> = statements
            .iter()
            .map(String::as_str)
            .filter(|call| foreign.is_empty() || !call.contains(foreign))
            .collect();
        let plan = format!("edition 2026\n{uses}plan all for guest in {guest} {{\n{}\n}}\n", mine.join("\n"));
        let (said, code) = lab::check(&plan);
        assert!(said.is_empty() && code.is_some(), "{guest}: {said:#?}\n{plan}");
    }
}

#[test]
fn every_task_and_probe_is_documented() {
    for module in modules() {
        let mut all = module.entries(&module.tree.items);
        for driver in module.drivers() {
            assert!(!driver.doc.is_empty(), "{}: driver {}", module.name, driver.name.text);
            all.extend(module.entries(&driver.items));
        }
        for entry in all {
            assert!(!entry.doc.is_empty(), "{}.{}", module.name, entry.name);
        }
        assert!(!module.about().is_empty(), "{} says at its top what it is about", module.name);
    }
}

#[test]
fn every_driver_gives_the_same_probes_and_tasks() {
    let modules = modules();
    let drivers: Vec<(&str, BTreeSet<String>)> = modules
        .iter()
        .flat_map(|module| module.drivers().map(move |driver| (module, driver)))
        .map(|(module, driver)| {
            for script in ["look", "wake"] {
                assert!(driver.scripts.iter().any(|(name, _, _)| name.text == script), "{}", driver.name.text);
            }
            let shared = |name: &str| !matches!(name, "ha_state");
            let entries = module.entries(&driver.items);
            // The parameters too: a plan does not know which driver will answer.
            let signatures =
                entries.iter().filter(|entry| shared(entry.name)).map(|entry| entry.signature.clone()).collect();
            (driver.name.text.as_str(), signatures)
        })
        .collect();
    assert_eq!(drivers.len(), 3);
    for (name, signatures) in &drivers {
        assert_eq!(signatures, &drivers[0].1, "{name}, and {}", drivers[0].0);
    }
    for task in ["start(", "shutdown(", "stop(", "restart(", "agent("] {
        assert!(drivers[0].1.iter().any(|signature| signature.starts_with(task)), "{task}");
    }
}

#[test]
fn every_script_begins_with_its_name() {
    let mut names = BTreeSet::new();
    for (module, text) in stdlib::MODULES {
        for script in text.split("'''").skip(1).step_by(2) {
            let first = script.trim_start().lines().next().unwrap_or_default();
            let name = first.strip_prefix("# ").unwrap_or_else(|| panic!("{module}: {first}"));
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{module}: {name}");
            assert!(matches!(name, "look" | "wake" | "tasks") || names.insert(name.to_string()), "{name} twice");
        }
    }
    assert!(names.len() > 8);
}

/// The first sentence of a documentation.
#[test]
fn a_driver_that_no_host_has_is_known_by_its_head() {
    let mut found = Vec::new();
    for module in modules() {
        for piece in stdlib::pieces(module.text) {
            let Some((name, identity)) = stdlib::lone_driver(piece.text) else { continue };
            let tree = syntax::parse(piece.text, 0, &mut Problems::new());
            let [tree::Item::Driver(driver)] = tree.items.as_slice() else { panic!("{name}: {:?}", piece.text) };
            assert_eq!((name, identity), (&*driver.name.text, &*driver.identity.as_ref().unwrap().name.text));
            found.push(name);
        }
    }
    assert_eq!(found, ["proxmox_ct", "libvirt"]);
}

/// `check` leaves these out.
#[test]
fn every_pattern_is_a_regular_expression() {
    let mut patterns = 0;
    for module in modules() {
        for before in ["matches \"", "matches(\"", "matches '", "matches('"] {
            for (at, _) in module.text.match_indices(before) {
                let (quote, rest) = (before.chars().last().unwrap(), &module.text[at + before.len()..]);
                let pattern = &rest[..rest.find(quote).unwrap()];
                assert!(!pattern.contains('\\') || quote == '\'', "{pattern}: escapes are not undone here");
                regex::Regex::new(pattern).unwrap();
                patterns += 1;
            }
        }
    }
    assert!(patterns > 0);
}

fn sentence(doc: &[String]) -> String {
    let text = doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let end = text.find(". ").map_or(text.len(), |at| at + 1);
    text[..end].to_string()
}

fn table(out: &mut String, entries: &[Entry<'_>]) {
    for (title, wanted) in [("Tasks", true), ("Probes", false)] {
        let rows: Vec<&Entry<'_>> = entries.iter().filter(|entry| entry.is_task == wanted).collect();
        if rows.is_empty() {
            continue;
        }
        writeln!(out, "\n| {title} | |\n| --- | --- |").unwrap();
        for entry in rows {
            writeln!(out, "| `{}` | {} |", entry.signature.replace('|', "\\|"), sentence(entry.doc)).unwrap();
        }
    }
}

fn page() -> String {
    let mut out =
        format!("<!-- Generated from stdlib/*.plan by `{RENEW}`; do not edit. -->\n\n# The standard library\n");
    out.push_str(
        "\nPlan files, embedded in the program. `use std.apt` brings a module, `use std.proxmox.proxmox_vm_restart` one name\n\
         of it. The probes of the prelude, the tasks and probes of a guest's driver and all signatures are there without\n\
         `use`. How signatures and drivers are written says [the language](language.md#signatures).\n",
    );
    for module in modules() {
        let title = if module.name == "prelude" { "The prelude".to_string() } else { format!("std.{}", module.name) };
        writeln!(out, "\n## {title}\n\n{}", module.about()).unwrap();
        table(&mut out, &module.entries(&module.tree.items));
        for driver in module.drivers() {
            let identity = driver.identity.as_ref().map_or("", |param| param.name.text.as_str());
            writeln!(out, "\n### Driver `{}`\n\n{} Identity: `{identity}`.", driver.name.text, driver.doc.join(" "))
                .unwrap();
            table(&mut out, &module.entries(&driver.items));
        }
        let names: Vec<String> =
            module.commands().flat_map(|command| command.names.iter().map(|name| format!("`{}`", name.text))).collect();
        if !names.is_empty() {
            writeln!(out, "\nSigned commands: {}.", names.join(", ")).unwrap();
        }
    }
    out
}

#[test]
fn the_page_says_what_there_is() {
    let page = page();
    if std::env::var_os("RENEW").is_some() {
        fs::write(PAGE, &page).unwrap();
    }
    let found = fs::read_to_string(PAGE).unwrap_or_default();
    assert!(found == page, "{} is stale; renew it with `{RENEW}`", Path::new(PAGE).display());
}
