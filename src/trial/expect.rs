//! What a test expects of a run, and what was seen where that is not so.

use super::{Said, Trial, value};
use crate::code::StageKind;
use crate::lab::is_like;
use crate::machine::{Cue, Ending, words_of};
use crate::report::{clock, harmless, word};

/// Most commands that are shown.
const MOST: usize = 8;

/// A command of the last run.
struct Ran {
    at: u64,
    host: String,
    argv: Vec<String>,
    text: String,
}

impl Ran {
    fn line(&self) -> String {
        format!("{:>7}  on {}: {}", clock(self.at), self.host, harmless(&self.text))
    }
}

impl Trial {
    pub(super) fn expected(&mut self, cue: &Cue) {
        let seen = match &cue.kind {
            StageKind::Said(how) => self.said(how, cue),
            StageKind::Ended(wanted) => self.ended(wanted, cue),
            StageKind::Ran { least, most } => self.ran_so_often(*least, *most, cue),
            StageKind::Order => self.in_order(cue),
            StageKind::Apart => self.apart(cue),
            StageKind::Holds => holds(cue),
            StageKind::Given | StageKind::Answer | StageKind::Fault | StageKind::Over => Vec::new(),
        };
        if !seen.is_empty() {
            self.is_unmet(cue, seen);
        }
    }

    /// A target that ended several times is as it ended worst.
    fn ending_of(&self, host: &str) -> Option<&Ending> {
        let mut all = self.run.endings.iter().filter(|ended| ended.host == host).map(|ended| &ended.ending);
        all.clone().find(|ending| !ending.is_good()).or_else(|| all.next_back())
    }

    fn ended(&mut self, wanted: &str, cue: &Cue) -> Vec<String> {
        let whole = cue.hosts.is_empty();
        let hosts: Vec<String> = match whole {
            true => self.run.endings.iter().map(|ended| ended.host.clone()).collect(),
            false => cue.hosts.clone(),
        };
        self.run.spoken_of.extend(hosts.iter().cloned());
        let reason = value(cue, "reason").and_then(|reason| reason.as_str());
        let mut seen = Vec::new();
        for host in &hosts {
            match self.ending_of(host) {
                None => seen.push(format!("`{host}` was no target of this run")),
                Some(ending) if word(ending) != wanted => seen.push(ending_text(host, ending)),
                Some(ending) if reason.is_some_and(|reason| !ending.why().contains(reason)) => {
                    seen.push(ending_text(host, ending));
                }
                Some(_) => {}
            }
        }
        if hosts.is_empty() {
            seen.push("the run had no target".to_string());
        }
        seen
    }

    /// Of each of these it was said, or of anybody.
    fn said(&self, how: &str, cue: &Cue) -> Vec<String> {
        let wanted = value(cue, "reason").and_then(|reason| reason.as_str()).unwrap_or_default();
        let alike: Vec<&Said> = self.run.said.iter().filter(|said| said.how == how).collect();
        let whom: Vec<Option<&str>> = match cue.hosts.is_empty() {
            true => vec![None],
            false => cue.hosts.iter().map(|host| Some(host.as_str())).collect(),
        };
        let mut seen = Vec::new();
        for host in whom {
            let said: Vec<&&Said> = alike.iter().filter(|said| host.is_none_or(|host| host == said.host)).collect();
            if said.iter().any(|said| said.text.contains(wanted)) {
                continue;
            }
            if said.is_empty() {
                seen.push(host.map_or(format!("nothing was {how}"), |host| format!("`{host}` {how} nothing")));
            }
            seen.extend(said.iter().take(MOST).map(|said| format!("`{}` {how}: {}", said.host, harmless(&said.text))));
        }
        seen
    }

    fn ran(&self) -> Vec<Ran> {
        let log = self.world.lab().log().enumerate();
        let log = log.filter(|(n, _)| *n >= self.run.from && self.run.to.is_none_or(|to| *n < to));
        log.map(|(_, (at, run))| Ran { at, host: run.host.clone(), argv: run.argv.clone(), text: words_of(run) })
            .collect()
    }

    fn ran_so_often(&self, least: u64, most: Option<u64>, cue: &Cue) -> Vec<String> {
        let Some((hosts, words)) = cue.commands.first() else { return Vec::new() };
        let all = self.ran();
        let fits = |ran: &&Ran| hosts.contains(&ran.host) && is_like(words, &ran.argv);
        let found: Vec<&Ran> = all.iter().filter(fits).collect();
        let count = found.len() as u64;
        if count >= least && most.is_none_or(|most| count <= most) {
            return Vec::new();
        }
        if count > 0 {
            let times = if count == 1 { "once".to_string() } else { format!("{count} times") };
            return std::iter::once(format!("it ran {times}:")).chain(capped(&found)).collect();
        }
        self.instead(hosts, words.first())
    }

    /// What ran where something was expected: first of the same program.
    fn instead(&self, hosts: &[String], program: Option<&String>) -> Vec<String> {
        let all = self.ran();
        let there: Vec<&Ran> = all.iter().filter(|ran| hosts.contains(&ran.host)).collect();
        let same = |ran: &&&Ran| program.is_some_and(|program| is_like(std::slice::from_ref(program), &ran.argv));
        let alike: Vec<&Ran> = there.iter().filter(same).copied().collect();
        let (shown, which) = match (alike.is_empty(), program) {
            (false, Some(program)) => (alike, format!("`{program}` ran otherwise")),
            _ => (there, "these ran there".to_string()),
        };
        if shown.is_empty() {
            return vec!["it did not run, and nothing else ran there".to_string()];
        }
        std::iter::once(format!("it did not run; {which}:")).chain(capped(&shown)).collect()
    }

    fn apart(&self, cue: &Cue) -> Vec<String> {
        let together = self.run.down.iter().find_map(|(at, down)| {
            let those: Vec<String> =
                down.iter().filter(|host| cue.hosts.contains(host)).map(|host| format!("`{host}`")).collect();
            (those.len() > 1).then(|| format!("{:>7}  {} are down at once", clock(*at), those.join(" and ")))
        });
        together.into_iter().collect()
    }

    fn in_order(&self, cue: &Cue) -> Vec<String> {
        let all = self.ran();
        let mut from = 0;
        let mut lines = Vec::new();
        for (hosts, words) in &cue.commands {
            let fits = |ran: &Ran| hosts.contains(&ran.host) && is_like(words, &ran.argv);
            match all[from..].iter().position(fits) {
                Some(found) => {
                    lines.push(format!("✓ {}", all[from + found].line()));
                    from += found + 1;
                }
                None => {
                    let who = if hosts.len() > 3 { format!("one of {} hosts", hosts.len()) } else { hosts.join(", ") };
                    let behind = if lines.is_empty() { "" } else { " after that" };
                    lines.push(format!("✗ on {who}: {} did not run{behind}", words.join(" ")));
                    let before = all[..from].iter().find(|ran| fits(ran));
                    lines.extend(before.map(|ran| format!("  but before: {}", ran.line().trim_start())));
                    return lines;
                }
            }
        }
        Vec::new()
    }
}

fn holds(cue: &Cue) -> Vec<String> {
    let side = |name: &str| value(cue, name).map(|value| format!("{name}: {value}"));
    match value(cue, "holds") {
        Some(serde_json::Value::Bool(true)) => Vec::new(),
        Some(serde_json::Value::String(why)) => vec![why.clone()],
        _ => {
            let sides: Vec<String> = ["left", "right"].into_iter().filter_map(side).collect();
            if sides.is_empty() { vec!["it is not so".to_string()] } else { sides }
        }
    }
}

fn capped(list: &[&Ran]) -> Vec<String> {
    let mut lines: Vec<String> = list.iter().take(MOST).map(|ran| ran.line()).collect();
    if list.len() > MOST {
        lines.push(format!("         … and {} more", list.len() - MOST));
    }
    lines
}

pub(super) fn ending_text(host: &str, ending: &Ending) -> String {
    let why = ending.why();
    let because = if why.is_empty() { String::new() } else { format!(": {}", harmless(why)) };
    format!("`{host}` ended {}{because}", word(ending))
}
