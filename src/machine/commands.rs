//! From a command of the plan to one for the world.

use std::fmt::Write as _;

use super::Stepped;
use super::event::{Datum, Effect, NoteKind, Operation, Purpose, Run};
use super::state::{Awaiting, State};
use crate::code::{Code, Command, Effect as Kind, Expr, Part, Slot, Value, Whom, Word};

/// How long a plan waits for a reading command that says nothing, in milliseconds (language, section 4).
const READING: u64 = 30_000;
/// For any other, in milliseconds.
const CHANGING: u64 = 600_000;
/// How long a hypervisor that has booted may take to start its guests by its own settings, in milliseconds.
const STARTS_BY_ITSELF: u64 = 300_000;

impl State {
    pub(super) fn run_command(
        &mut self,
        i: usize,
        command: &Command,
        slot: Option<Slot>,
        out: &mut Stepped,
    ) -> Result<(), String> {
        let host = self.host_of(i, &command.place)?;
        let argv = match self.argv(i, command)? {
            Ok(argv) => argv,
            Err(refusal) => {
                self.refuse(i, refusal, &host, out);
                return Ok(());
            }
        };
        let reading = command.effect == Kind::Read;
        if !reading {
            let subject = self.subject(i);
            let claim = self.claim_on(i, &subject);
            if !self.claim(i, claim, out) {
                return Ok(());
            }
        }
        let within = match command.within.as_ref().map(|within| self.eval(i, within)).transpose()? {
            Some(Value::Duration(ms)) => ms,
            _ if reading => READING,
            _ => CHANGING,
        };
        let mut env = Vec::new();
        for (name, value) in &command.env {
            env.push((name.clone(), datum(self.eval(i, value)?)?));
        }
        let stdin = command.stdin.as_ref().map(|value| self.eval(i, value)).transpose()?.map(datum).transpose()?;
        if matches!(command.effect, Kind::PowerOff | Kind::PowerCycle) {
            let (guests, within) = match command.whom {
                Whom::Subject => (vec![self.subject(i)], within),
                // Those that run on a hypervisor go down with it, and not all may be set to start with it.
                Whom::Itself => (self.fibers[i].guests_to_see.clone(), STARTS_BY_ITSELF),
                Whom::Nobody => (Vec::new(), 0),
            };
            if !guests.iter().all(|guest| self.watch(i, guest, within, out)) {
                return Ok(());
            }
        }
        self.note(i, NoteKind::Command { host: host.clone(), text: shown(&argv), reading }, out);
        let operation = (!reading).then(|| self.operation(i, command.effect, &host));
        let run = Run {
            host: host.clone(),
            user: command.user.clone(),
            argv,
            env,
            stdin,
            within,
            operation,
            purpose: Purpose::Plan,
        };
        self.ask(i, Effect::Run(Box::new(run)), Awaiting::Output { host, slot }, out);
        Ok(())
    }

    /// The changing command that a fiber is at.
    fn operation(&mut self, i: usize, effect: Kind, host: &str) -> Operation {
        let (step, subject) = (self.next_step(i), self.subject(i));
        self.fibers[i].changes += 1;
        let watch = self.guest(i, &subject).watch.as_ref();
        let watched = watch.is_some_and(|(watch, _)| watch.step == step && watch.host == host);
        Operation { step, subject, effect, watched }
    }

    /// Where the changing command that a fiber is about to give stands in the run.
    pub(super) fn next_step(&self, i: usize) -> String {
        let fiber = &self.fibers[i];
        let mut step = format!("{}/{}/{}", self.runs[fiber.run].name, fiber.host, fiber.changes + 1);
        for frame in &fiber.frames {
            let _ = write!(step, "/{}:{}", self.code.procs[frame.proc].name, frame.pc);
        }
        step
    }

    /// The words; `Ok(Err(..))` where a value would become an option.
    fn argv(&self, i: usize, command: &Command) -> Result<Result<Vec<String>, String>, String> {
        let mut argv = Vec::new();
        for word in &command.words {
            match word {
                Word::One { parts, guarded } => {
                    let mut text = String::new();
                    for (at, part) in parts.iter().enumerate() {
                        let piece = match part {
                            Part::Text(text) => text.clone(),
                            Part::Value(value) => self.text_of(i, value)?,
                            Part::Units(value, unit) => match self.eval(i, value)? {
                                Value::Duration(ms) => ms.div_ceil(*unit).to_string(),
                                other => other.to_string(),
                            },
                        };
                        if at == 0 && *guarded && !matches!(part, Part::Text(_)) && piece.starts_with('-') {
                            return Ok(Err(option_like(&piece)));
                        }
                        text.push_str(&piece);
                    }
                    argv.push(text);
                }
                Word::Spread { list, guarded } => {
                    let Value::List(items) = self.eval(i, list)? else {
                        return Err("what is spread is no list".to_string());
                    };
                    for item in items {
                        let text = item.to_string();
                        if *guarded && text.starts_with('-') {
                            return Ok(Err(option_like(&text)));
                        }
                        argv.push(text);
                    }
                }
            }
        }
        if argv.iter().any(|word| word.contains('\0')) {
            return Err("a NUL can not stand in an argument".to_string());
        }
        Ok(Ok(argv))
    }
}

fn option_like(text: &str) -> String {
    format!("the value `{text}` begins with `-`, and the command would read it as an option; write `--` before it")
}

fn datum(value: Value) -> Result<Datum, String> {
    match value {
        Value::Secret(source) => Ok(Datum::Secret(*source)),
        other => match other.text() {
            Some(text) => Ok(Datum::Text(text)),
            None => Err(format!("{other} has no text")),
        },
    }
}

/// A command as a person would type it, with these values; what is known only in the run is marked.
pub fn words(code: &Code, slots: &[Value], command: &Command) -> String {
    let text = |expr: &Expr| {
        super::evaluate(code, slots, expr).unwrap_or_else(|_| Value::NoAnswer("‹known in the run›".to_string()))
    };
    let mut argv = Vec::new();
    for word in &command.words {
        match word {
            Word::One { parts, .. } => {
                let parts = parts.iter().map(|part| match part {
                    Part::Text(text) => text.clone(),
                    Part::Value(value) => text(value).to_string(),
                    Part::Units(value, unit) => match text(value) {
                        Value::Duration(ms) => ms.div_ceil(*unit).to_string(),
                        other => other.to_string(),
                    },
                });
                argv.push(parts.collect::<String>());
            }
            Word::Spread { list, .. } => match text(list) {
                Value::List(items) => argv.extend(items.iter().map(ToString::to_string)),
                other => argv.push(other.to_string()),
            },
        }
    }
    shown(&argv)
}

/// A command that was asked of the world, as a person would type it.
pub fn words_of(run: &Run) -> String {
    shown(&run.argv)
}

/// A command as a person would type it. Of a script its first line is shown: enough to know which it is.
pub(super) fn shown(argv: &[String]) -> String {
    let is_script = argv.first().is_some_and(|first| first == "sh") && argv.get(1).is_some_and(|second| second == "-c");
    let words = argv.iter().enumerate().filter(|(at, _)| !is_script || !matches!(at, 1 | 3));
    let texts = words.map(|(_, word)| match word.trim().split_once('\n') {
        Some((first, _)) => format!("'{first} …'"),
        None => quoted(word),
    });
    texts.collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| {
        c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '=' | '@' | '%' | '+' | ',' | '‹' | '›')
    };
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
