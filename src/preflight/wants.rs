//! What a plan needs of its targets and of the hosts that it connects to, read off its code.

use std::collections::{BTreeSet, VecDeque};

use indexmap::{IndexMap, IndexSet};

use crate::code::{
    Builtin, Callee, Code, Effect, Expr, Guard, Instruction as I, Proc, Role, Slot, Value, WhenLocked, duration_text,
};
use crate::machine::evaluate;

/// What a command names that repairs a guest's agent: its service, which is its package too, or its program.
const AGENT: [&str; 2] = ["qemu-guest-agent", "qemu-ga"];

/// What a plan needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wants {
    /// Its targets and those of the plans that it runs, in order.
    pub targets: Vec<String>,
    /// The guests whose hypervisor is asked about them.
    pub guests: IndexMap<String, Guest>,
    /// The hosts to which it opens connections, with the users that are needed there besides the one who logs in.
    pub hosts: IndexMap<String, BTreeSet<String>>,
    /// The partners of each target that are to be up while its power changes.
    pub partners: IndexMap<String, Vec<String>>,
    /// The machine that runs the plan, as the site calls it.
    pub controller: Option<String>,
}

/// What is needed of a guest, as its hypervisor sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Guest {
    /// Its power changes, so that the cluster must be able to act.
    pub power: bool,
    /// It is to be on when the plan comes to it.
    pub on: bool,
    /// Its agent is to answer.
    pub agent: bool,
    /// The plan sees to its agent first.
    pub repaired: bool,
    /// No cluster may keep its power by itself: the plan's own commands would meet it.
    pub unmanaged: bool,
    /// Nothing may hold it.
    pub unlocked: bool,
    /// What the plan does where something holds it, and it is not refused.
    pub when_locked: Option<String>,
}

impl Wants {
    /// Reads them off the code.
    pub fn of(code: &Code) -> Wants {
        let mut walk = Walk {
            code,
            wants: Wants { controller: code.controller.clone(), ..Wants::default() },
            seen: BTreeSet::new(),
            open: VecDeque::from([code.entry]),
            plans: IndexSet::new(),
        };
        while let Some(plan) = walk.open.pop_front() {
            if walk.plans.insert(plan) {
                walk.plan(plan);
            }
        }
        let mut wants = walk.wants;
        // A hypervisor is asked as root.
        let hypervisors = wants.guests.keys().filter_map(|guest| code.hosts.get(guest)?.hypervisor.clone());
        for hypervisor in hypervisors.collect::<IndexSet<_>>() {
            wants.hosts.entry(hypervisor).or_default().insert("root".to_string());
        }
        for partner in wants.partners.values().flatten() {
            wants.hosts.entry(partner.clone()).or_default();
        }
        wants
    }
}

struct Walk<'c> {
    code: &'c Code,
    wants: Wants,
    /// Procedures that were walked, each with the hosts that it was about.
    seen: BTreeSet<(usize, Vec<Option<String>>)>,
    open: VecDeque<usize>,
    plans: IndexSet<usize>,
}

impl Walk<'_> {
    fn plan(&mut self, number: usize) {
        let code = self.code;
        let Some(plan) = code.plans.get(number) else { return };
        for (host, users) in &plan.reaches {
            self.wants.hosts.entry(host.clone()).or_default().extend(users.iter().cloned());
        }
        if plan.is_site {
            self.procedure(plan.body, Vec::new());
        }
        for target in &plan.targets {
            if !self.wants.targets.contains(target) {
                self.wants.targets.push(target.clone());
            }
            let groups = plan.schedule.never_together.iter().filter(|group| group.contains(target));
            let partners: Vec<String> = groups.flatten().filter(|host| *host != target).cloned().collect();
            if !partners.is_empty() {
                self.wants.partners.entry(target.clone()).or_default().extend(partners);
            }
            self.procedure(plan.body, vec![Value::Host(target.clone())]);
        }
    }

    fn procedure(&mut self, number: usize, mut slots: Vec<Value>) {
        let code = self.code;
        let Some(proc) = code.procs.get(number) else { return };
        slots.truncate(proc.slots);
        for initial in proc.initial.iter().skip(slots.len()) {
            slots.push(initial.as_ref().and_then(|value| evaluate(code, &[], value).ok()).unwrap_or(Value::None));
        }
        let about = slots.iter().take(proc.params.max(1)).map(|value| match value {
            Value::Host(host) => Some(host.clone()),
            _ => None,
        });
        if !self.seen.insert((number, about.collect())) {
            return;
        }
        slots.resize(proc.slots, Value::None);
        let is_own = !proc.marks.first().is_some_and(|mark| mark.place.starts_with("std/"));
        for (at, instruction) in proc.instructions.iter().enumerate() {
            let is_required = is_own && is_required(proc, at);
            self.instruction(instruction, &mut slots, is_own, is_required);
        }
    }

    /// The guest that an expression names, where that is known before the run.
    fn guest(&mut self, slots: &[Value], expr: &Expr) -> Option<&mut Guest> {
        let Ok(Value::Host(host)) = evaluate(self.code, slots, expr) else { return None };
        self.guest_of(&host)
    }

    fn guest_of(&mut self, host: &str) -> Option<&mut Guest> {
        let facts = self.code.hosts.get(host)?;
        (facts.role == Role::Guest).then(|| self.wants.guests.entry(host.to_string()).or_default())
    }

    fn instruction(&mut self, instruction: &I, slots: &mut [Value], is_own: bool, is_required: bool) {
        let code = self.code;
        match instruction {
            I::Set(Slot(slot), expr) => {
                let value = evaluate(code, slots, expr).unwrap_or(Value::None);
                if let Some(place) = slots.get_mut(*slot) {
                    *place = value;
                }
            }
            I::Next(list, _, Slot(item), _) => {
                let first = match slots.get(list.0) {
                    Some(Value::List(items)) if items.len() == 1 => items[0].clone(),
                    _ => Value::None,
                };
                if let Some(place) = slots.get_mut(*item) {
                    *place = first;
                }
            }
            I::Guard(Guard::Guests, host) => {
                let Ok(Value::Host(hypervisor)) = evaluate(code, slots, host) else { return };
                let mine = code.hosts.iter().filter(|(_, facts)| facts.hypervisor.as_ref() == Some(&hypervisor));
                for (name, _) in mine {
                    if let Some(guest) = self.guest_of(name) {
                        guest.unlocked = true;
                    }
                }
            }
            I::Guard(guard, guest) => {
                let Some(guest) = self.guest(slots, guest) else { return };
                match guard {
                    Guard::Present(effect) => {
                        guest.power = true;
                        guest.on |= *effect != Effect::PowerOn;
                    }
                    // The library asks the cluster itself where one manages the guest.
                    Guard::Unmanaged => guest.unmanaged |= is_own,
                    Guard::Unlocked(WhenLocked::Fail, _) => guest.unlocked = true,
                    Guard::Unlocked(WhenLocked::Skip, _) => {
                        guest.when_locked = Some("the plan skips it then".to_string());
                    }
                    Guard::Unlocked(WhenLocked::Wait(ms), _) => {
                        guest.when_locked = Some(format!("the plan waits {} for that at most", duration_text(*ms)));
                    }
                    Guard::Agent(_) => guest.agent = true,
                    Guard::Look
                    | Guard::Identity
                    | Guard::Guests
                    | Guard::Quorum
                    | Guard::Partners
                    | Guard::Baseline
                    | Guard::Disrupt(..) => {}
                }
            }
            I::Probe(Builtin::Power | Builtin::Identity | Builtin::Locked, args, ..) => {
                let Some(guest) = args.first().and_then(|first| self.guest(slots, first)) else { return };
                guest.unlocked |= is_required && matches!(instruction, I::Probe(Builtin::Locked, ..));
            }
            I::Call(callee, args, ..) => {
                let values: Vec<Value> =
                    args.iter().map(|arg| evaluate(code, slots, arg).unwrap_or(Value::None)).collect();
                let proc = match callee {
                    Callee::Proc(id) => Some(id.0),
                    Callee::Driver(name) => {
                        let Some(Value::Host(host)) = values.first() else { return };
                        if name == "agent"
                            && is_required
                            && let Some(guest) = self.guest_of(&host.clone())
                        {
                            guest.agent = true;
                        }
                        let driver = code.hosts.get(host).and_then(|facts| code.drivers.get(&facts.driver));
                        driver.and_then(|driver| driver.procs.get(name)).copied()
                    }
                    Callee::Builtin(_) => None,
                };
                if let Some(proc) = proc {
                    self.procedure(proc, values);
                }
            }
            I::Run(command, _) if command.effect == Effect::Change => {
                let names_it = AGENT.iter().any(|name| command.text.contains(name));
                if names_it && let Some(guest) = self.guest(slots, &command.place) {
                    // What has asked for the agent before did not wait for this.
                    guest.repaired |= !guest.agent;
                }
            }
            I::RunPlan(plan, _) => self.open.push_back(*plan),
            _ => {}
        }
    }
}

/// Whether the plan fails at this step where what is asked is not so.
fn is_required(proc: &Proc, at: usize) -> bool {
    let step = proc.steps.get(at);
    let mut same = proc.instructions.iter().zip(&proc.steps).skip(at).take_while(|(_, other)| Some(*other) == step);
    same.any(|(instruction, _)| matches!(instruction, I::Require(..)))
}
