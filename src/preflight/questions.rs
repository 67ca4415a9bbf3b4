//! The questions, as code for the machine: a plan that only reads, and whose every question may fail without ending
//! the others.
//!
//! It uses the instructions of the guards themselves, so what a preflight says of a guest is what a run would say.

use indexmap::{IndexMap, IndexSet};

use super::wants::Wants;
use crate::code::{
    Builtin, Callee, Code, Command, Effect, Expr, Guard, Guards, Instruction as I, Lenient, Mark, Op, Part, Plan, Proc,
    ProcId, ProcKind, Role, Schedule, Share, Slot, Value, WhenLocked, Whom, Word,
};

/// Prints which machine a host is, who has logged in, and its room.
const MACHINE: &str = include_str!("machine.sh");
/// The host that is asked, or asked about.
const HOST: Slot = Slot(0);
/// What the machine said of itself.
const SAID: Slot = Slot(1);
/// The answer to any other question.
const ANSWER: Slot = Slot(2);
/// Whether the guest is on, by its hypervisor.
const POWER: Slot = Slot(3);
const SLOTS: usize = 4;

/// The code that asks what a plan needs, of all hosts at the same time.
pub fn questions(code: &Code, wants: &Wants) -> Code {
    let mut asking = Asking::default();
    let guests: Vec<&String> = wants.guests.keys().collect();
    asking.of(&guests, |asking| asking.about_a_guest(code, wants));
    let mut hosts: IndexSet<&str> = wants.hosts.keys().map(String::as_str).collect();
    hosts.insert(super::HERE);
    hosts.extend(wants.controller.as_deref().filter(|name| code.hosts.contains_key(*name)));
    // What is off has been found out, and would only be waited for.
    asking.instructions.push(I::JumpIf(is_off(), usize::MAX));
    asking.of(&hosts.iter().collect::<Vec<_>>(), |asking| asking.of_a_machine(code, wants));
    let all: IndexSet<String> =
        wants.targets.iter().chain(wants.guests.keys()).cloned().chain(hosts.into_iter().map(str::to_string)).collect();
    asking.code(code, all.into_iter().collect())
}

/// The code that asks the hypervisors of these hosts for their lists of guests.
pub fn lists(code: &Code, hosts: &[String]) -> Code {
    let mut asking = Asking::default();
    let mut all = Vec::new();
    for (hypervisor, witnesses) in witnesses(code, hosts.iter()) {
        // A container may be entered as a virtual machine: kinds that are told apart by the same variable are asked for.
        let identity = |driver: &String| code.drivers.get(driver).map(|driver| driver.identity.clone());
        let wanted: IndexSet<_> = witnesses.keys().filter_map(identity).collect();
        let Some(guest) = witnesses.values().next().cloned() else { continue };
        for (name, driver) in code.drivers.iter().filter(|(_, driver)| wanted.contains(&driver.identity)) {
            let Some(list) = driver.procs.get("guest_list") else { continue };
            asking.of(&[&hypervisor], |asking| {
                asking.ask(&format!("list {name}"), |asking| {
                    let callee = Callee::Proc(ProcId(*list));
                    asking.instructions.push(I::Call(callee, vec![host(&guest)], Some(ANSWER), Lenient::No));
                    asking.instructions.push(I::Record(format!("list {name}"), Expr::Slot(ANSWER)));
                });
            });
        }
        all.push(hypervisor);
    }
    asking.code(code, all)
}

/// For each hypervisor and driver a guest through which the driver is asked about the hypervisor.
fn witnesses<'n>(code: &Code, names: impl Iterator<Item = &'n String>) -> IndexMap<String, IndexMap<String, String>> {
    let mut found: IndexMap<String, IndexMap<String, String>> = IndexMap::new();
    for name in names {
        let Some(facts) = code.hosts.get(name) else { continue };
        let Some(hypervisor) = &facts.hypervisor else { continue };
        if matches!(facts.role, Role::Guest | Role::Undetermined) {
            let of = found.entry(hypervisor.clone()).or_default();
            of.entry(facts.driver.clone()).or_insert_with(|| name.clone());
        }
    }
    found
}

#[derive(Default)]
struct Asking {
    instructions: Vec<I>,
}

impl Asking {
    /// Questions that only these hosts are asked.
    fn of<S: AsRef<str>>(&mut self, hosts: &[S], questions: impl FnOnce(&mut Asking)) {
        let list = hosts.iter().map(|name| Value::Host(name.as_ref().to_string())).collect();
        let is_one = Expr::Binary(Op::In, Box::new(Expr::Slot(HOST)), Box::new(Expr::Const(Value::List(list))));
        let at = self.instructions.len();
        self.instructions.push(I::JumpUnless(is_one.clone(), 0));
        questions(self);
        self.instructions[at] = I::JumpUnless(is_one, self.instructions.len());
    }

    /// A question; what stands against it is noted under its name. Answers where it is, for [`Asking::only_after`].
    fn ask(&mut self, name: &str, question: impl FnOnce(&mut Asking)) -> usize {
        let at = self.instructions.len();
        self.instructions.push(I::Ask(name.to_string(), 0));
        question(self);
        self.instructions.push(I::EndTry);
        self.instructions[at] = I::Ask(name.to_string(), self.instructions.len());
        at
    }

    /// What has been added since is asked only where that question was answered.
    fn only_after(&mut self, at: usize) {
        let end = self.instructions.len();
        if let Some(I::Ask(_, next)) = self.instructions.get_mut(at) {
            *next = end;
        }
    }

    /// A guard of the machine's own.
    fn guard(&mut self, name: &str, guard: Guard) -> usize {
        self.ask(name, |asking| asking.instructions.push(I::Guard(guard, Expr::Slot(HOST))))
    }

    /// A probe of a driver; its answer is noted where that is wanted.
    fn call(&mut self, name: &str, args: Vec<Expr>, noted: bool) {
        self.instructions.push(I::Call(Callee::Driver(name.to_string()), args, Some(ANSWER), Lenient::No));
        if noted {
            self.instructions.push(I::Record(name.to_string(), Expr::Slot(ANSWER)));
        }
    }

    /// What a guest's hypervisor shows of it.
    fn about_a_guest(&mut self, code: &Code, wants: &Wants) {
        let me = || Expr::Slot(HOST);
        let power = self.ask("power", |asking| {
            asking.instructions.push(I::Probe(Builtin::Power, vec![me()], POWER, Lenient::No));
            asking.instructions.push(I::Record("power".to_string(), Expr::Slot(POWER)));
        });
        let identity = self.guard("identity", Guard::Identity);
        self.guard("managed", Guard::Unmanaged);
        self.guard("lock", Guard::Unlocked(WhenLocked::Fail, 0));
        let with_agent = wants.guests.iter().filter(|(_, guest)| guest.agent).map(|(name, _)| name);
        let mut by_driver: IndexMap<&str, Vec<&String>> = IndexMap::new();
        for name in with_agent {
            if let Some(facts) = code.hosts.get(name) {
                by_driver.entry(&facts.driver).or_default().push(name);
            }
        }
        for (driver, guests) in by_driver {
            let offers = |probe: &str| code.drivers.get(driver).is_some_and(|one| one.procs.contains_key(probe));
            if !offers("agent") {
                continue;
            }
            self.of(&guests, |asking| {
                // Nobody answers in a guest that is off.
                let off = asking.instructions.len();
                asking.instructions.push(I::JumpIf(is_off(), 0));
                let agent = asking.ask("agent", |asking| {
                    let agent = Callee::Driver("agent".to_string());
                    asking.instructions.push(I::Call(agent, vec![me(), text("ping")], Some(ANSWER), Lenient::Yes));
                    asking.instructions.push(I::Guard(Guard::Agent(ANSWER), me()));
                    asking.instructions.push(I::Record("agent".to_string(), Expr::Const(Value::Bool(true))));
                });
                asking.ask("shutdown", |asking| {
                    asking.call("agent", vec![me(), text("guest-shutdown")], false);
                    asking.instructions.push(I::Record("shutdown".to_string(), Expr::Slot(ANSWER)));
                });
                asking.instructions.push(I::Jump(0));
                let past = asking.instructions.len() - 1;
                asking.only_after(agent);
                if offers("paused") {
                    asking.ask("paused", |asking| asking.call("paused", vec![me()], true));
                }
                if offers("agent_device") && offers("agent_advice") {
                    // Why it does not answer: perhaps there is nothing through which it could.
                    asking.ask("device", |asking| {
                        asking.call("agent_device", vec![me()], false);
                        let at = asking.instructions.len();
                        asking.instructions.push(I::JumpIf(Expr::Slot(ANSWER), 0));
                        asking.call("agent_advice", vec![me()], true);
                        asking.instructions[at] = I::JumpIf(Expr::Slot(ANSWER), asking.instructions.len());
                    });
                }
                let end = asking.instructions.len();
                asking.instructions[past] = I::Jump(end);
                asking.instructions[off] = I::JumpIf(is_off(), end);
            });
        }
        self.only_after(identity);
        self.only_after(power);
    }

    /// What a machine says of itself over a connection.
    fn of_a_machine(&mut self, code: &Code, wants: &Wants) {
        let ssh = self.ask("ssh", |asking| {
            asking
                .instructions
                .push(I::Run(Box::new(command(None, &["sh", "-c", MACHINE], "which machine it is")), Some(SAID)));
            let said = Expr::Member(Box::new(Expr::Slot(SAID)), "stdout".to_string(), Vec::new());
            asking.instructions.push(I::Record("machine".to_string(), said));
        });
        let users: IndexSet<&String> = wants.hosts.values().flatten().collect();
        for user in users {
            let needed: Vec<&String> =
                wants.hosts.iter().filter(|(_, users)| users.contains(user)).map(|(host, _)| host).collect();
            self.of(&needed, |asking| {
                let at = asking.instructions.len();
                let is_root = Expr::Binary(
                    Op::Matches,
                    Box::new(Expr::Member(Box::new(Expr::Slot(SAID)), "stdout".to_string(), Vec::new())),
                    Box::new(text("(?m)^uid=0$")),
                );
                if user == "root" {
                    asking.instructions.push(I::JumpIf(is_root.clone(), 0));
                }
                asking.ask("sudo", |asking| {
                    let command = command(Some(user), &["true"], "a command as another user");
                    asking.instructions.push(I::Run(Box::new(command), None));
                    asking.instructions.push(I::Record("sudo".to_string(), text(user)));
                });
                if user == "root" {
                    asking.instructions[at] = I::JumpIf(is_root, asking.instructions.len());
                }
            });
        }
        let powered = wants.guests.iter().filter(|(_, guest)| guest.power).map(|(name, _)| name);
        for (hypervisor, witnesses) in witnesses(code, powered) {
            let knows = |driver: &String| code.drivers.get(driver).is_some_and(|one| one.procs.contains_key("quorum"));
            if let Some((_, guest)) = witnesses.into_iter().find(|(driver, _)| knows(driver)) {
                self.of(&[&hypervisor], |asking| {
                    asking.ask("quorum", |asking| asking.call("quorum", vec![host(&guest)], true));
                });
            }
        }
        self.only_after(ssh);
    }

    /// The code: one plan, for all these hosts at once.
    fn code(mut self, code: &Code, targets: Vec<String>) -> Code {
        let end = self.instructions.len();
        for instruction in &mut self.instructions {
            if let I::JumpIf(_, to @ usize::MAX) = instruction {
                *to = end;
            }
        }
        self.instructions.push(I::Return(None));
        let body = Proc {
            name: "preflight".to_string(),
            kind: ProcKind::Body,
            params: 1,
            initial: vec![None],
            slots: SLOTS,
            steps: vec![0; self.instructions.len()],
            instructions: self.instructions,
            marks: vec![Mark::default()],
        };
        let plan = Plan {
            name: "preflight".to_string(),
            body: code.procs.len(),
            schedule: Schedule {
                batches: vec![Share::Percent(100)],
                stop_after: Share::Count(u64::MAX),
                ..Schedule::default()
            },
            is_site: false,
            longest: vec![0; targets.len()],
            altogether: 0,
            costliest: None,
            verify: false,
            changes: false,
            reaches: IndexMap::default(),
            hands_off: Vec::new(),
            targets,
        };
        let mut code = code.clone();
        code.procs.push(body);
        code.plans = vec![plan];
        code.entry = 0;
        code
    }
}

fn is_off() -> Expr {
    Expr::Binary(Op::Equal, Box::new(Expr::Slot(POWER)), Box::new(text("stopped")))
}

fn host(name: &str) -> Expr {
    Expr::Const(Value::Host(name.to_string()))
}

fn text(text: &str) -> Expr {
    Expr::Const(Value::Str(text.to_string()))
}

/// A reading command on the host that is asked.
fn command(user: Option<&str>, words: &[&str], name: &str) -> Command {
    let word = |word: &&str| Word::One { parts: vec![Part::Text((*word).to_string())], guarded: false };
    Command {
        place: Expr::Slot(HOST),
        user: user.map(str::to_string),
        words: words.iter().map(word).collect(),
        within: None,
        accept: None,
        retry: None,
        env: Vec::new(),
        stdin: None,
        effect: Effect::Read,
        whom: Whom::Nobody,
        left: false,
        unless_managed: false,
        by_force: false,
        task: None,
        when_locked: WhenLocked::Fail,
        guards: Guards::default(),
        unguarded: None,
        not_started: Vec::new(),
        locked: Vec::new(),
        text: name.to_string(),
    }
}
