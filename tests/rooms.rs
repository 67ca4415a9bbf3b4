//! The rooms of the library, and who may use whom: the table in `docs/architecture.md` is held against the code, so
//! that neither can go its own way.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can not go on should stop")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Room {
    /// Whom it uses; nothing where it may use every other.
    uses: Option<BTreeSet<String>>,
    is_pure: bool,
}

/// The table whose first column is headed `room`.
fn table() -> BTreeMap<String, Room> {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/architecture.md")).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with("| room |")).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [name, _, uses, pure] = cells[..] else { panic!("a row has four cells: {line}") };
            let uses = match uses {
                "everything" => None,
                "nothing" => Some(BTreeSet::new()),
                some => Some(some.split_whitespace().map(|room| room.trim_matches('`').to_string()).collect()),
            };
            (name.trim_matches('`').to_string(), Room { uses, is_pure: pure == "yes" })
        })
        .collect()
}

/// The Rust files below a path, which may be a file.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_path_buf()];
    }
    let mut all: Vec<PathBuf> = fs::read_dir(path).unwrap().flat_map(|entry| files(&entry.unwrap().path())).collect();
    all.retain(|file| file.extension().is_some_and(|ending| ending == "rs"));
    all.sort();
    all
}

/// The code of a file, without its comments.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The rooms that a text of code names: `crate::room`, and `crate::{room::…, room}`.
fn named(code: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let Some(list) = rest.strip_prefix('{') else {
            rooms.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut begins = true;
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && !c.is_whitespace() => {
                    rooms.insert(word(&list[at..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    rooms
}

/// The rooms that the library declares, and whether each is held to be pure.
fn declared() -> BTreeMap<String, bool> {
    let text = code(&Path::new(ROOT).join("src/lib.rs"));
    let mut rooms = BTreeMap::new();
    let mut is_pure = false;
    for line in text.lines() {
        if line == "#[warn(clippy::disallowed_methods)]" {
            is_pure = true;
        } else if let Some(name) = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')) {
            rooms.insert(name.to_string(), is_pure);
            is_pure = false;
        }
    }
    rooms
}

/// Where the code of a room is.
fn place(room: &str) -> PathBuf {
    let folder = Path::new(ROOT).join("src").join(room);
    if folder.is_dir() { folder } else { folder.with_extension("rs") }
}

#[test]
fn the_table_names_every_room_and_no_other() {
    let table: BTreeMap<String, bool> = table().into_iter().map(|(name, room)| (name, room.is_pure)).collect();
    assert_eq!(table, declared(), "docs/architecture.md on the left, src/lib.rs on the right; true is pure");
}

#[test]
fn rooms_use_whom_the_table_says() {
    let mut wrong = String::new();
    for (name, room) in table() {
        let Some(may) = &room.uses else { continue };
        let mut uses = BTreeMap::new();
        for file in files(&place(&name)) {
            for used in named(&code(&file)) {
                uses.entry(used).or_insert(file.clone());
            }
        }
        uses.remove(&name);
        for (used, file) in &uses {
            if !may.contains(used) {
                wrong.push_str(&format!("`{name}` uses `{used}` (in {}), and may not\n", file.display()));
            }
        }
        for allowed in may {
            if !uses.contains_key(allowed) {
                wrong.push_str(&format!("`{name}` may use `{allowed}`, and does not: take it out of the table\n"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn no_arrow_runs_back() {
    let mut left = table();
    while !left.is_empty() {
        let known: BTreeSet<String> = left.keys().cloned().collect();
        let free = left.iter().find(|(_, room)| room.uses.as_ref().is_some_and(|uses| uses.is_disjoint(&known)));
        let last = left.len() == 1;
        match free.map(|(name, _)| name.clone()) {
            Some(name) => left.remove(&name),
            // What may use everything stands on top of all others.
            None if last => return,
            None => panic!("these rooms use each other in a circle: {:?}", left.keys()),
        };
    }
}

#[test]
fn names_are_found_in_every_form() {
    let code = "use crate::{text::{Span, Sources}, diag};\nlet x = crate::code::compile();\nuse mycrate::lab;";
    let wanted: BTreeSet<String> = ["text", "diag", "code"].map(str::to_string).into();
    assert_eq!(named(code), wanted);
}
