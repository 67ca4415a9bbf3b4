//! What an inventory program prints: `PROGRAM --list`, and `PROGRAM --host NAME` where the list has no variables
//! (`plugins/inventory/script.py` of Ansible).

use super::errors;
use super::model::Model;
use super::node::{Entry, Kind, Node};
use super::place::Base;
use super::reading::Reading;
use super::source::Origin;
use super::{json, stored};
use crate::text::{IndexMap, Purpose, Span};

/// What stands for the text of a program where a place in it is shown: what it prints is in no file.
const SHOWN: &str = "(a program; what it prints is meant)";

/// Runs an inventory program and reads its answer. What is wrong is reported.
pub(super) fn read(path: &str, number: usize, model: &mut Model, reading: &mut Reading<'_>) {
    let span = reading.sources.add(path, SHOWN);
    let mut asked = Asked { path, span, reading };
    let Some(groups) = asked.mapping(&["--list"]) else { return };
    let origin = Origin { path: path.into(), request: number, is_secret: false };
    let listed = stored::read_groups(groups, &origin, model, asked.reading.problems);
    match listed.hostvars {
        Some(hostvars) => stored::read_hosts(&listed.hosts, hostvars, &origin, model, asked.reading.problems),
        None => {
            for host in &listed.hosts {
                let Some(variables) = asked.mapping(&["--host", host]) else { return };
                stored::read_host(host, variables, &origin, model, asked.reading.problems);
            }
        }
    }
}

/// A program that is asked.
struct Asked<'a, 'r> {
    path: &'a str,
    /// The place of everything that it prints.
    span: Span,
    reading: &'a mut Reading<'r>,
}

impl Asked<'_, '_> {
    /// The mapping that the program prints; an empty answer about a host is one without variables.
    fn mapping(&mut self, arguments: &[&str]) -> Option<IndexMap<String, Entry>> {
        let command = format!("{} {}", self.path, arguments.join(" "));
        let problem = match self.reading.programs.run(self.path, arguments, Purpose::Inventory) {
            Err(refusal) => errors::inventory_program(self.span, self.path, &command, &refusal),
            Ok(bytes) => match String::from_utf8(bytes) {
                Err(error) => errors::printed_no_text(self.span, &command, error.utf8_error().valid_up_to()),
                Ok(text) if text.trim().is_empty() && arguments != ["--list"] => return Some(IndexMap::default()),
                Ok(text) => match json::read(&text, Base::Printed(self.span)) {
                    Ok(Node { kind: Kind::Map(entries), .. }) => return Some(entries),
                    Ok(other) => errors::printed_no_mapping(self.span, &command, other.what()),
                    Err(error) => errors::printed_no_json(self.span, &command, &text, &error),
                },
            },
        };
        self.reading.problems.push(problem);
        None
    }
}
