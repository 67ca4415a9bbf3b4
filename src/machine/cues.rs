//! Statements of tests: the machine gives them their values and passes them on.

use serde_json::Value as Json;

use super::Stepped;
use super::event::{Cue, NoteKind};
use super::state::State;
use crate::code::{Stage, Value};

impl State {
    pub(super) fn cue(&self, i: usize, stage: &Stage, out: &mut Stepped) -> Result<(), String> {
        let mut commands = Vec::new();
        for (hosts, words) in &stage.commands {
            let words: Result<Vec<String>, String> = words.iter().map(|word| self.text_of(i, word)).collect();
            commands.push((hosts.clone(), words?));
        }
        let mut values = Vec::new();
        for (name, value) in &stage.values {
            values.push((name.clone(), json(&self.eval(i, value)?)));
        }
        let (text, place) = self.step_and_place(i);
        let cue = Cue { kind: stage.kind.clone(), text, place, hosts: stage.hosts.clone(), commands, values };
        self.note(i, NoteKind::Cue(Box::new(cue)), out);
        Ok(())
    }

    fn step_and_place(&self, i: usize) -> (String, String) {
        let Some(frame) = self.fibers[i].frames.first() else { return Default::default() };
        let proc = &self.code.procs[frame.proc];
        let mark = proc.steps.get(frame.pc.saturating_sub(1)).and_then(|step| proc.marks.get(*step));
        mark.map(|mark| (mark.text.clone(), mark.place.clone())).unwrap_or_default()
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Bool(yes) => Json::Bool(*yes),
        Value::Int(number) => (*number).into(),
        Value::Duration(ms) => format!("{ms}ms").into(),
        Value::Size(bytes) => format!("{}KiB", bytes / 1024).into(),
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Failure(failed) => failed.message.clone().into(),
        other => other.to_string().into(),
    }
}
