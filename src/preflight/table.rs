//! A preflight as a table and as JSON.

use serde_json::{Value, json};

use super::found::{Preflight, Problem, Row};
use crate::report::harmless;

impl Preflight {
    /// Two tables, the targets and the other hosts, and below them a sentence for each problem.
    pub fn text(&self) -> String {
        let mut text = table("target", &self.targets);
        if !self.hosts.is_empty() {
            text.push('\n');
            text.push_str(&table("host", &self.hosts));
        }
        let mut sentences = String::new();
        let mut say = |whose: &str, message: &str| {
            let whose = if whose.is_empty() { String::new() } else { format!("{whose}: ") };
            sentences.push_str(&format!("{whose}{}\n", harmless(message)));
        };
        for Problem { word, message } in &self.problems {
            say(word, message);
        }
        self.remarks.iter().for_each(|remark| say("remark", remark));
        for row in self.targets.iter().chain(&self.hosts) {
            row.problems.iter().for_each(|problem| say(&row.name, &problem.message));
            row.remarks.iter().for_each(|remark| say("remark", remark));
        }
        if !sentences.is_empty() {
            text.push('\n');
            text.push_str(&sentences);
        }
        let ready = self.targets.iter().filter(|row| row.is_ready()).count();
        text.push('\n');
        text.push_str(&match (self.is_ready(), ready == self.targets.len()) {
            (true, _) => "The plan could start now.\n".to_string(),
            (false, true) => "The plan could not start now.\n".to_string(),
            (false, false) => {
                format!("The plan could not start now: {ready} of {} targets ready.\n", self.targets.len())
            }
        });
        text
    }

    /// `{plan, ready, targets: [{name, ready, facts, problems, waits_for, remarks}], hosts: [the same], problems, remarks}`.
    pub fn json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "name": row.name,
                "ready": row.is_ready(),
                "facts": row.facts,
                "problems": messages(&row.problems),
                "waits_for": row.waits_for,
                "remarks": row.remarks,
            })
        };
        json!({
            "plan": self.plan,
            "ready": self.is_ready(),
            "targets": self.targets.iter().map(row).collect::<Vec<_>>(),
            "hosts": self.hosts.iter().map(row).collect::<Vec<_>>(),
            "problems": messages(&self.problems),
            "remarks": self.remarks,
        })
    }
}

fn messages(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.message.as_str()).collect()
}

/// The columns, in their order; one that no row has is left out.
const COLUMNS: [&str; 10] =
    ["ssh", "sudo", "hypervisor", "quorum", "identity", "power", "agent", "lock", "managed", "free"];

fn table(what: &str, rows: &[Row]) -> String {
    let columns: Vec<&str> =
        COLUMNS.into_iter().filter(|column| rows.iter().any(|row| row.facts.contains_key(column))).collect();
    let mut lines: Vec<Vec<String>> =
        vec![std::iter::once(what).chain(columns.iter().copied()).map(str::to_string).collect()];
    lines[0].push("verdict".to_string());
    for row in rows {
        let cell = |column: &&str| row.facts.get(column).map_or_else(|| "-".to_string(), |value| harmless(value));
        let mut line = vec![row.name.clone()];
        line.extend(columns.iter().map(cell));
        line.push(verdict(row));
        lines.push(line);
    }
    let widths: Vec<usize> =
        (0..lines[0].len()).map(|at| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// `ready`, or what stands against it in a few words.
fn verdict(row: &Row) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in row.problems.iter().map(|problem| problem.word).chain(row.waits_for.iter().map(String::as_str)) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    if words.is_empty() { "ready".to_string() } else { format!("NO: {}", words.join(", ")) }
}
