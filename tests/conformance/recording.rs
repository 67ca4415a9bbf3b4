//! The recordings of `tests/transcripts`, as steps.

use std::path::Path;

/// One call, and what it gave.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// `A4`.
    pub(crate) section: String,
    /// Which of its section, from 0.
    pub(crate) number: usize,
    pub(crate) line: usize,
    pub(crate) words: Vec<String>,
    pub(crate) stdin: Option<String>,
    /// Begun beside others, so many milliseconds after the first.
    pub(crate) beside: Option<u64>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

pub(crate) fn text(file: &str) -> String {
    // The testbed's tests read them too, from their folder below this one's.
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("tests/transcripts"));
    let folder = folders.find(|folder| folder.is_dir()).unwrap();
    std::fs::read_to_string(folder.join(format!("{file}.txt"))).unwrap()
}

/// The calls of a recording, those that were begun beside each other in the order in which they were.
pub(crate) fn read(file: &str) -> Vec<Step> {
    let text = text(file);
    let mut steps: Vec<Step> = Vec::new();
    let (mut section, mut number) = (String::new(), 0);
    let mut open: Option<(Step, String)> = None;
    for (at, line) in text.lines().enumerate() {
        if let Some(title) = line.strip_prefix("### ") {
            section = title.split(' ').next().unwrap_or_default().to_string();
            number = 0;
        } else if let Some(command) = line.strip_prefix("$ ") {
            let step = Step {
                section: section.clone(),
                number,
                line: at + 1,
                words: Vec::new(),
                stdin: None,
                beside: None,
                stdout: String::new(),
                stderr: String::new(),
                code: 0,
            };
            number += 1;
            open = Some((step, command.to_string()));
        } else if let Some((step, command)) = &mut open {
            // What was printed last may have no newline.
            let (line, end) = match line.rsplit_once("  rc=") {
                Some((line, end)) => (line, Some(end)),
                None => (line, None),
            };
            let newline = if end.is_some() { "" } else { "\n" };
            if let Some(text) = line.strip_prefix("  out|") {
                step.stdout.push_str(&format!("{}{newline}", text.strip_prefix(' ').unwrap_or(text)));
            } else if let Some(text) = line.strip_prefix("  err|") {
                step.stderr.push_str(&format!("{}{newline}", text.strip_prefix(' ').unwrap_or(text)));
            } else if end.is_none() {
                command.push_str(&format!("\n{line}"));
            }
            if let Some(end) = end {
                step.code = end.split_whitespace().next().unwrap().parse().unwrap();
                let (mut step, command) = open.take().unwrap();
                take_command(&mut step, &command);
                steps.push(step);
            }
        }
    }
    assert!(open.is_none(), "{file} ends within a call");
    // A block of those that were begun beside each other: the first is at 0.
    let mut from = 0;
    while from < steps.len() {
        let beside = |step: &Step| step.beside.is_some() && step.section == steps[from].section;
        let until = from + steps[from..].iter().take_while(|step| beside(step)).count();
        steps[from..until.max(from)].sort_by_key(|step| step.beside);
        from = until.max(from + 1);
    }
    steps
}

fn take_command(step: &mut Step, command: &str) {
    let mut command = command;
    if let Some((before, started)) = command.split_once("   [started +") {
        let seconds: f64 = started.trim_end_matches("s]").parse().unwrap();
        step.beside = Some((seconds * 1000.0) as u64);
        command = before;
    }
    if let Some((input, rest)) = command.strip_prefix("sh -c echo ").and_then(|rest| rest.split_once(" | ")) {
        step.stdin = Some(format!("{input}\n"));
        command = rest;
    }
    // What stands behind these is one word.
    for last in [" -- sh -c ", " --description "] {
        if let Some((before, word)) = command.split_once(last) {
            step.words = format!("{before}{last}").split_whitespace().map(str::to_string).collect();
            step.words.push(word.trim_matches('\'').to_string());
            return;
        }
    }
    // Two blanks: the second belongs to the word.
    step.words = command.replace("  ", " \u{a0}").split(' ').map(|word| word.replace('\u{a0}', " ")).collect();
}
