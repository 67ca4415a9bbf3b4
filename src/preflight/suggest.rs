//! What the hypervisors' own lists say that the inventory does not: ids, names, and where guests are.

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::found::Answers;
use crate::code::{Code, HostFacts, Role};

/// What belongs into the variables of the hosts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suggestions {
    /// For each host where there is something to say.
    pub hosts: Vec<Suggestion>,
    /// Hypervisors that could not be asked, and why.
    pub unasked: Vec<(String, String)>,
}

/// What belongs into the variables of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggestion {
    /// The host.
    pub name: String,
    /// The file where its own variables belong.
    pub file: String,
    /// The variables to write, each with its value.
    pub variables: IndexMap<String, String>,
    /// What a person has to decide.
    pub questions: Vec<String>,
}

/// A guest that a hypervisor listed.
struct Listed {
    driver: String,
    /// The inventory's name of the hypervisor where it is; a node's own name where the inventory has none of it.
    at: Result<String, String>,
    id: String,
    name: String,
}

impl Suggestions {
    /// Holds the lists against the inventory, for these hosts.
    pub fn of(code: &Code, hosts: &[String], answers: &Answers) -> Suggestions {
        let mut suggestions = Suggestions::default();
        for name in hosts {
            let Some(facts) = code.hosts.get(name) else { continue };
            let Some(hypervisor) = facts.hypervisor.as_ref().filter(|_| is_guest(facts)) else { continue };
            let (listed, silence) = listed(code, hypervisor, &facts.driver, answers);
            if let Some(why) = silence {
                if !suggestions.unasked.iter().any(|(known, _)| known == hypervisor) {
                    suggestions.unasked.push((hypervisor.clone(), why));
                }
                continue;
            }
            let suggestion = suggestion(code, name, facts, &listed);
            if !suggestion.variables.is_empty() || !suggestion.questions.is_empty() {
                suggestions.hosts.push(suggestion);
            }
        }
        suggestions
    }

    /// Whether nothing is left to a person.
    pub fn is_clear(&self) -> bool {
        self.unasked.is_empty() && self.hosts.iter().all(|host| host.questions.is_empty())
    }

    /// YAML for each file, under its name.
    pub fn text(&self) -> String {
        let mut blocks: Vec<String> = Vec::new();
        for host in &self.hosts {
            let mut text = format!("# {}\n", host.file);
            for (variable, value) in &host.variables {
                text.push_str(&format!("{variable}: {}\n", yaml(value)));
            }
            for question in &host.questions {
                text.push_str(&format!("# {}\n", crate::report::harmless(question)));
            }
            blocks.push(text);
        }
        for (hypervisor, why) in &self.unasked {
            blocks.push(format!("# `{hypervisor}` could not be asked: {}\n", crate::report::harmless(why)));
        }
        if blocks.is_empty() { "# Nothing to add.\n".to_string() } else { blocks.join("\n") }
    }

    /// `{hosts: [{name, file, variables, questions}], unasked: [{name, why}]}`.
    pub fn json(&self) -> Value {
        let host = |host: &Suggestion| {
            json!({
                "name": host.name, "file": host.file, "variables": host.variables, "questions": host.questions,
            })
        };
        let unasked = |(name, why): &(String, String)| json!({ "name": name, "why": why });
        json!({
            "hosts": self.hosts.iter().map(host).collect::<Vec<_>>(),
            "unasked": self.unasked.iter().map(unasked).collect::<Vec<_>>(),
        })
    }
}

fn is_guest(facts: &HostFacts) -> bool {
    matches!(facts.role, Role::Guest | Role::Undetermined)
}

/// What a hypervisor listed, and why it did not, where it listed nothing of this kind.
fn listed(code: &Code, hypervisor: &str, driver: &str, answers: &Answers) -> (Vec<Listed>, Option<String>) {
    let mut all = Vec::new();
    for name in code.drivers.keys() {
        let Some(list) = answers.said(hypervisor, &format!("list {name}")) else { continue };
        for line in list.lines() {
            let mut fields = line.splitn(3, '\t');
            let (Some(id), Some(node), Some(guest)) = (fields.next(), fields.next(), fields.next()) else { continue };
            let at = match node {
                "-" => Ok(hypervisor.to_string()),
                node => {
                    let known = code.hosts.keys().find(|host| host.eq_ignore_ascii_case(node)).cloned();
                    known.ok_or_else(|| node.to_string())
                }
            };
            all.push(Listed { driver: name.clone(), at, id: id.to_string(), name: guest.to_string() });
        }
    }
    let silence = match answers.said(hypervisor, &format!("list {driver}")) {
        Some(_) => None,
        None => Some(
            answers
                .objection(hypervisor, &format!("list {driver}"))
                .map_or_else(|| "its driver lists no guests".to_string(), |failed| failed.message.clone()),
        ),
    };
    (all, silence)
}

fn suggestion(code: &Code, name: &str, facts: &HostFacts, listed: &[Listed]) -> Suggestion {
    let mut suggestion = Suggestion { name: name.to_string(), file: facts.own_file.clone(), ..Suggestion::default() };
    let hypervisor = facts.hypervisor.as_deref().unwrap_or_default();
    let variable = code.drivers.get(&facts.driver).map_or("vmid", |driver| driver.identity.as_str());
    let is_called = |one: &&Listed| one.name.eq_ignore_ascii_case(&facts.guest_name);
    if let Some(id) = &facts.identity
        && let Some(one) = listed.iter().find(|one| one.id == *id)
    {
        whereabouts(&mut suggestion, one, hypervisor, &facts.driver);
        if !is_called(&one) {
            suggestion.questions.push(format!(
                "{id} is called `{}` there, not `{}`: is that the one? Then write `vm_name: {}`",
                one.name, facts.guest_name, one.name
            ));
        }
        return suggestion;
    }
    if let Some(id) = &facts.identity {
        suggestion.questions.push(format!("`{hypervisor}` lists no guest {id}"));
    }
    match listed.iter().filter(is_called).collect::<Vec<_>>().as_slice() {
        [] => {
            let question = format!(
                "`{hypervisor}` lists no guest called `{}`; where it has another name, write `{variable}` and `vm_name`; where it is no guest, `hypervisor: none`",
                facts.guest_name
            );
            suggestion.questions.push(question);
        }
        [one] if facts.identity.is_some() => {
            suggestion.questions.push(format!(
                "`{}` is {} there: is that the one? Then write `{variable}: {}`",
                one.name, one.id, one.id
            ));
        }
        [one] => {
            suggestion.variables.insert(variable.to_string(), one.id.clone());
            whereabouts(&mut suggestion, one, hypervisor, &facts.driver);
        }
        several => {
            let ids: Vec<String> = several.iter().map(|one| format!("{} on `{}`", one.id, place(one))).collect();
            suggestion.questions.push(format!(
                "{} guests are called `{}`: {}; write the `{variable}` of the one that is meant",
                several.len(),
                facts.guest_name,
                ids.join(", ")
            ));
        }
    }
    suggestion
}

fn place(one: &Listed) -> &str {
    match &one.at {
        Ok(place) | Err(place) => place,
    }
}

/// Where a guest is and of what kind, where the inventory says otherwise.
fn whereabouts(suggestion: &mut Suggestion, one: &Listed, hypervisor: &str, driver: &str) {
    match &one.at {
        Ok(host) if host == hypervisor => {}
        Ok(host) => {
            suggestion.variables.insert("hypervisor".to_string(), host.clone());
        }
        Err(node) => suggestion.questions.push(format!(
            "it is on the node `{node}`, which is no host of the inventory by that name: write `hypervisor` for it"
        )),
    }
    if one.driver != driver {
        suggestion.variables.insert("hostler_driver".to_string(), one.driver.clone());
    }
}

/// A value as YAML writes it: plain where it can be read as nothing else.
fn yaml(value: &str) -> String {
    let is_number = !value.is_empty() && !value.starts_with('0') && value.chars().all(|c| c.is_ascii_digit());
    let begins_well = value.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_plain = value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'));
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let is_word = words.contains(&value.to_ascii_lowercase().as_str());
    if is_number || (begins_well && is_plain && !is_word) {
        return value.to_string();
    }
    serde_json::Value::String(value.to_string()).to_string()
}
