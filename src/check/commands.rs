//! `on`: who acts, with which options, and what the command is.

mod script;
mod words;

use super::body::Body;
use super::constants::constant;
use super::needs::ObligationKind;
use super::program::{Command, Effect, Expr, Guards, WhenLocked, Whom};
use super::{About, Type, Value, errors};
use crate::syntax::tree::{self, OnOptionKind};
use crate::text::Span;

/// What stands before the colon, read once for a block of commands.
struct Head {
    place: Expr,
    about: About,
    /// The place as written.
    name: String,
    user: Option<String>,
    within: Option<Expr>,
    accept: Option<Vec<i64>>,
    retry: Option<(u64, u64)>,
    env: Vec<(String, Expr)>,
    stdin: Option<Expr>,
    /// Where it is said that the command only reads.
    reading: Option<Span>,
    when_locked: WhenLocked,
    unguarded: Option<(Vec<String>, String)>,
}

impl Body<'_, '_> {
    /// One command. `None` where it could not be read; that was reported.
    pub(super) fn on(&mut self, on: &tree::On) -> Option<Command> {
        let head = self.head(&on.place, &on.options);
        self.command(head, &on.command)
    }

    /// The commands of a block, each with its place.
    pub(super) fn on_block(&mut self, block: &tree::OnBlock) -> Vec<(Command, Span)> {
        let mut commands = Vec::new();
        for (i, command) in block.commands.iter().enumerate() {
            // The options are the same for each command; their problems are reported with the first.
            let before = self.checker.problems.clone();
            let head = self.head(&block.place, &block.options);
            if i > 0 {
                self.checker.problems = before;
            }
            if let Some(lowered) = self.command(head, command) {
                commands.push((lowered, command.span));
            }
        }
        commands
    }

    fn head(&mut self, place: &tree::Expr, options: &[tree::OnOption]) -> Option<Head> {
        let host = self.host(place);
        let mut head = Head {
            place: Expr::Const(Value::None),
            about: About::Unknown,
            name: String::new(),
            user: None,
            within: None,
            accept: Some(vec![0]),
            retry: None,
            env: Vec::new(),
            stdin: None,
            reading: None,
            when_locked: WhenLocked::Fail,
            unguarded: None,
        };
        for option in options {
            self.option(option, &mut head);
        }
        let (place, about, name) = host?;
        Some(Head { place, about, name, ..head })
    }

    fn option(&mut self, option: &tree::OnOption, head: &mut Head) {
        match &option.kind {
            OnOptionKind::As(user) => head.user = Some(user.text.clone()),
            OnOptionKind::Within(within) => head.within = Some(self.expr(within, &Type::Duration).0),
            OnOptionKind::Accept(codes) => {
                let mut accepted = Vec::new();
                for code in codes {
                    let (value, ty) = self.expr(code, &Type::Int);
                    match constant(&value) {
                        Some(Value::Int(number)) => accepted.push(number),
                        _ if ty == Type::Unknown => {}
                        _ => self.report(errors::needs_constant(code.span, "an exit code")),
                    }
                }
                head.accept = Some(accepted);
            }
            OnOptionKind::AcceptAny => head.accept = None,
            OnOptionKind::Retry(retry) => {
                let (times, every) = self.retry(retry);
                let times = match constant(&times) {
                    Some(Value::Int(times)) => times.max(1) as u64,
                    _ => {
                        self.report(errors::needs_constant(retry.times.span, "the number of attempts"));
                        1
                    }
                };
                let every = match every.as_ref().map(constant) {
                    Some(Some(Value::Duration(ms))) => ms,
                    Some(_) => {
                        self.report(errors::needs_constant(option.span, "the pause between two attempts"));
                        0
                    }
                    None => 0,
                };
                head.retry = Some((times, every));
            }
            OnOptionKind::Env(name, value) => {
                let (value, ty) = self.expr(value, &Type::Any);
                if !ty.has_text() && ty != Type::Secret && ty != Type::Unknown {
                    self.report(errors::no_value(option.span, &ty.to_string()));
                }
                head.env.push((name.text.clone(), value));
            }
            OnOptionKind::Stdin(value) => {
                let (value, ty) = self.expr(value, &Type::Any);
                let value = if ty == Type::Output {
                    Expr::Member(Box::new(value), "stdout".to_string(), Vec::new())
                } else {
                    value
                };
                head.stdin = Some(value);
            }
            OnOptionKind::Reading => head.reading = Some(option.span),
            OnOptionKind::WhenLocked(tree::WhenLocked::Skip) => head.when_locked = WhenLocked::Skip,
            OnOptionKind::WhenLocked(tree::WhenLocked::Fail) => head.when_locked = WhenLocked::Fail,
            OnOptionKind::WhenLocked(tree::WhenLocked::Wait(time)) => {
                let (value, _) = self.expr(time, &Type::Duration);
                match constant(&value) {
                    Some(Value::Duration(ms)) => head.when_locked = WhenLocked::Wait(ms),
                    _ => self.report(errors::needs_constant(time.span, "how long to wait for a lock")),
                }
            }
            OnOptionKind::Unguarded(guards, reason) => {
                let mut names = Vec::new();
                for guard in guards {
                    if GUARDS.contains(&guard.text.as_str()) {
                        names.push(guard.text.clone());
                    } else {
                        self.report(errors::unknown_argument(guard.span, &guard.text, "unguarded", GUARDS));
                    }
                }
                let (reason, _) = self.expr(reason, &Type::Str);
                let reason = constant(&reason).and_then(|value| value.text()).unwrap_or_default();
                head.unguarded = Some((names, reason));
            }
            OnOptionKind::Bad => {}
        }
    }

    /// The words of a command in which nothing is left to a shell: those before the first operator. `None` where a word
    /// stands for something that only a shell or a template knows. Either was reported.
    fn understood<'t>(&self, command: &'t tree::Command) -> Option<&'t [tree::Word]> {
        let words = command.words.as_slice();
        let of_shells = &self.checker.of_shells;
        let next = of_shells.partition_point(|span| span.start < command.span.start);
        let Some(first) = of_shells.get(next).filter(|span| command.span.contains(**span)) else { return Some(words) };
        let at = words.iter().position(|word| word.span.contains(first.before()))?;
        // `2>&1` is one too.
        let text = self.checker.sources.slice(words[at].span).trim_start_matches(|c: char| c.is_ascii_digit());
        let is_operator = text.starts_with(['|', '&', '<', '>']);
        if is_operator && at > 0 { Some(&words[..at]) } else { None }
    }

    fn command(&mut self, head: Option<Head>, command: &tree::Command) -> Option<Command> {
        if command.words.is_empty() {
            return None;
        }
        let words = self.understood(command)?;
        let mut read = words::Reading::default();
        let are_words = self.words(words, &mut read);
        // Where the place is unknown, which was reported, the words were still worth reading.
        let head = head?;
        are_words?;
        let text = self.checker.sources.slice(command.span).split_whitespace().collect::<Vec<_>>().join(" ");
        let mut lowered = Command {
            place: head.place,
            user: head.user.or_else(|| read.user.clone()),
            words: std::mem::take(&mut read.words),
            within: head.within.or(read.within.take()),
            accept: head.accept,
            retry: head.retry,
            env: head.env,
            stdin: head.stdin,
            effect: read.effect,
            whom: Whom::Nobody,
            left: read.left,
            unless_managed: read.unless_managed,
            by_force: read.by_force,
            task: read.task.clone(),
            when_locked: head.when_locked,
            guards: Guards::ALL,
            unguarded: head.unguarded,
            not_started: read.not_started.clone(),
            locked: read.locked.clone(),
            text,
        };
        match head.reading {
            Some(span) if read.signed && lowered.effect != Effect::Read => {
                self.report(errors::not_reading(span, &lowered.text));
            }
            Some(_) => lowered.effect = Effect::Read,
            None => {}
        }
        if read.name == "sleep" {
            self.warn(errors::sleep(command.span));
        }
        if self.is_probe() && lowered.effect != Effect::Read {
            self.report(errors::probe_changes(command.span, &lowered.text));
        }
        let reached = ObligationKind::Reached { user: lowered.user.clone() };
        self.oblige(reached, head.about.clone(), command.span);
        self.hold_to_its_place(&read, &mut lowered, &head.about, &head.name, command.span);
        let verified = lowered.unguarded.as_ref().is_none_or(|(guards, _)| !guards.iter().any(|one| one == "verify"));
        if lowered.effect.is_power() && lowered.whom == Whom::Subject && verified {
            self.oblige(ObligationKind::Verified, About::Subject, command.span);
        }
        Some(lowered)
    }

    /// Authority: on which host a command may run, and whose power it may change.
    fn hold_to_its_place(
        &mut self,
        read: &words::Reading,
        command: &mut Command,
        about: &About,
        place: &str,
        span: Span,
    ) {
        let is_std = self.checker.modules.get(self.module).is_std;
        let unguarded = command.unguarded.is_some();
        if let Some(word) = &read.names_power
            && !is_std
            && !unguarded
        {
            let kind = ObligationKind::NoHiddenPower { word: word.clone() };
            self.oblige(kind, about.clone(), span);
        }
        if let Some(word) = &read.names_own_power
            && !is_std
            && !unguarded
        {
            self.oblige(ObligationKind::NoOwnPowerInScript { word: word.clone() }, about.clone(), span);
        }
        if let Some(word) = &read.inside_guest_script
            && !is_std
            && !unguarded
        {
            self.oblige(ObligationKind::NoOwnPowerInScript { word: word.clone() }, About::Subject, span);
        }
        if let Some((span, why)) = &read.destroys
            && !unguarded
        {
            self.report(errors::destroys(*span, &command.text, why));
            return;
        }
        if command.effect == Effect::Destroy && !unguarded {
            self.report(errors::destroys(span, &command.text, "destroys what can not be brought back"));
            return;
        }
        if read.acts_on_itself {
            command.whom = Whom::Itself;
            if *about != About::Subject {
                // The guards of a restart are those of the plan's own host; another's would have none.
                self.report(errors::other_machine(span, place, &command.text));
                return;
            }
            self.oblige(ObligationKind::OwnAuthority { command: command.text.clone() }, about.clone(), span);
            return;
        }
        if let Some(inner) = &read.inside_guest {
            self.oblige(ObligationKind::OwnAuthority { command: inner.clone() }, About::Subject, span);
            return;
        }
        let mut judged = false;
        if let Some(guest) = &read.guest {
            match guest {
                words::Named::Subject => {
                    command.whom = Whom::Subject;
                    if let Some(each) = self.host_loop()
                        && command.effect != Effect::Read
                    {
                        self.report(errors::subject_in_loop(span, &command.text, &each));
                        return;
                    }
                    let of_hypervisor = read.place.as_deref() == Some("hypervisor") && command.effect != Effect::Read;
                    if command.effect.is_power() || of_hypervisor {
                        self.oblige(ObligationKind::Guest, About::Subject, span);
                        let kind = ObligationKind::PowerFrom { place: place.to_string(), command: read.name.clone() };
                        match about {
                            About::Hosts(hosts) => {
                                let kind =
                                    ObligationKind::PowerFromHosts { hosts: hosts.clone(), command: read.name.clone() };
                                self.oblige(kind, About::Subject, span);
                                judged = true;
                            }
                            About::Hypervisor => {}
                            About::Subject => {}
                            About::Unknown => self.oblige(kind, About::Subject, span),
                        }
                    }
                }
                words::Named::Other(what) if command.effect != Effect::Read => {
                    self.report(errors::other_guest(span, what, &command.text));
                    return;
                }
                words::Named::Other(_) => {}
            }
        }
        if read.place.as_deref() == Some("hypervisor") && !judged {
            let kind = ObligationKind::RunsHypervisorCommand { command: read.name.clone(), place: place.to_string() };
            self.oblige(kind, about.clone(), span);
        }
    }
}

/// The guards that a plan may leave out; identity can not be, and is named only where something is destroyed.
const GUARDS: [&str; 6] = ["identity", "agent", "unlocked", "quorum", "baseline", "verify"];
