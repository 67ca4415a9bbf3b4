//! What holds in every world, whatever goes wrong.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fault, World};
use crate::code::{Code, Effect as Kind};
use crate::lab::Lab;
use crate::machine::{Effect, Ending, Note, NoteKind};

/// How long after a run its hypervisors look after guests, in milliseconds.
const AFTER: u64 = 26 * 3_600_000;

/// How long a guest that is called done is looked at after the run, in milliseconds.
const SETTLES: u64 = 300_000;

/// What is remembered of a world to judge it by.
#[derive(Clone, Debug, Default)]
pub(super) struct Watched {
    /// Guests that were on when the run began.
    on: BTreeSet<String>,
    /// Guests with which something was done by hand, or whose host lost its power.
    by_hand: BTreeSet<String>,
    /// Commands of which nobody knows what became of them, by guest and words.
    unknown: BTreeSet<(String, String)>,
    /// Guests whose hypervisor could not be asked how they are, or has something at work for them.
    hindered: BTreeSet<String>,
    /// What was last begun with a guest's power.
    power: BTreeMap<String, Kind>,
    /// Machines that stood still for a while.
    frozen: BTreeSet<String>,
    /// Guests of which no two are to be down together, as any plan says.
    pairs: Vec<Vec<String>>,
    /// Rules that were broken on the way: the rule, the guest, and how.
    broken: Vec<(&'static str, String, String)>,
}

impl Watched {
    pub(super) fn of(code: &Code, lab: &Lab) -> Watched {
        let pairs = code.plans.iter().flat_map(|plan| plan.schedule.never_together.clone()).collect();
        let on = lab.machines().filter(|machine| machine.running).map(|machine| machine.name.clone());
        Watched { on: on.collect(), pairs, ..Watched::default() }
    }

    /// Whether somebody else may have taken the machine down.
    fn is_excused(&self, name: &str) -> bool {
        self.by_hand.contains(name) || self.frozen.contains(name)
    }

    pub(super) fn goes_wrong(&mut self, fault: &Fault, who: Option<&str>, effect: &Effect, lab: &Lab) {
        if let (Effect::Run(run), Some(who)) = (effect, who)
            && (run.operation.is_none() || *fault == Fault::Hangs)
            && lab.machine_named(who).is_some_and(|machine| machine.hypervisor.as_ref() == Some(&run.host))
        {
            self.hindered.insert(who.to_string());
        }
        if let (Fault::LostBefore | Fault::LostAfter, Effect::Run(run), Some(who)) = (fault, effect, who) {
            self.unknown.insert((who.to_string(), run.argv.join(" ")));
        }
        if let (Effect::Run(run), Some(who)) = (effect, who)
            && let Some(operation) = run.operation.as_ref().filter(|operation| operation.effect == Kind::PowerOn)
        {
            // Whatever becomes of it, it was tried.
            self.power.insert(who.to_string(), operation.effect);
        }
        match fault {
            Fault::PowerLost(host) => self.by_hand.extend(with_its_guests(lab, host)),
            Fault::Freezes(host) => {
                self.hindered.extend(with_its_guests(lab, host));
                self.frozen.extend(with_its_guests(lab, host));
            }
            Fault::AgentDies(guest) | Fault::SwitchedOff(guest) => {
                self.by_hand.insert(guest.clone());
            }
            _ => {}
        }
    }

    /// A command is begun.
    pub(super) fn begins(&mut self, effect: &Effect, who: Option<&str>, lab: &Lab) {
        let (Effect::Run(run), Some(who)) = (effect, who) else { return };
        let Some(operation) = &run.operation else { return };
        if self.unknown.contains(&(who.to_string(), run.argv.join(" "))) && operation.effect != Kind::PowerOn {
            let why = format!("`{}` is begun again, and nobody knows what became of it before", run.argv.join(" "));
            self.broken.push(("done twice", who.to_string(), why));
        }
        if operation.effect.is_power() {
            self.power.insert(who.to_string(), operation.effect);
        }
        if !matches!(operation.effect, Kind::PowerOff | Kind::PowerCycle) {
            return;
        }
        let groups = self.pairs.iter().filter(|group| group.iter().any(|name| name == who));
        let mut partners = groups.flatten().filter(|name| *name != who);
        if let Some(partner) = partners.find(|name| does_not_answer(lab, name) && !self.is_excused(name)) {
            let why = format!("`{who}` is switched off while `{partner}`, its partner, does not answer");
            self.broken.push(("both down", who.to_string(), why));
        }
    }

    /// Its host says that a command was not started, and will not be.
    pub(super) fn not_started(&mut self, effect: &Effect, who: &str) {
        if let Effect::Run(run) = effect {
            self.unknown.remove(&(who.to_string(), run.argv.join(" ")));
        }
    }

    /// No two of a pair are down at once because the run has switched them off.
    pub(super) fn looks(&mut self, lab: &Lab) {
        for group in &self.pairs {
            let down = group
                .iter()
                .filter(|name| self.power.contains_key(*name) && !self.is_excused(name) && does_not_answer(lab, name));
            if let [first, second, ..] = down.collect::<Vec<_>>().as_slice()
                && !self.broken.iter().any(|(rule, ..)| *rule == "both down")
            {
                let why = format!("`{first}` and `{second}`, its partner, are down at once");
                self.broken.push(("both down", first.to_string(), why));
            }
        }
    }

    /// What the run tells is held against how things are.
    pub(super) fn note(&mut self, note: &Note, lab: &Lab) {
        let guest = &note.guest;
        if let NoteKind::Finished(Ending::Done) = &note.kind
            && let Some(machine) = lab.machine_named(guest)
            && self.on.contains(guest)
            && !self.by_hand.contains(guest)
            && machine.hypervisor.is_some()
            && machine.running
            && !machine.ssh
        {
            let why = format!("`{guest}` is called done, and does not answer by ssh");
            self.broken.push(("not as it is said", guest.clone(), why));
        }
    }
}

/// A machine and what runs on it.
fn with_its_guests<'l>(lab: &'l Lab, host: &'l str) -> impl Iterator<Item = String> + 'l {
    let with_it = lab.machines().filter(move |one| one.name == host || one.hypervisor.as_deref() == Some(host));
    with_it.map(|machine| machine.name.clone())
}

fn is_off(lab: &Lab, name: &str) -> bool {
    lab.machine_named(name).is_some_and(|machine| !machine.running)
}

fn does_not_answer(lab: &Lab, name: &str) -> bool {
    lab.machine_named(name).is_some_and(|machine| !(machine.running && machine.ssh))
}

/// A guest whose power was changed and that is called done stays up once the run is over.
fn goes_down_after(world: &mut World, endings: &[(String, Option<Ending>)]) -> Vec<(&'static str, String, String)> {
    let watched = &world.watched;
    let done = endings.iter().filter(|(_, ending)| matches!(ending, Some(Ending::Done)));
    let done = done.filter(|(host, _)| watched.power.contains_key(host) && !watched.is_excused(host));
    let boot_of = |lab: &Lab, host: &str| lab.machine_named(host).map(|machine| machine.boot);
    let before: Vec<(String, Option<u32>)> = done.map(|(host, _)| (host.clone(), boot_of(&world.lab, host))).collect();
    if before.is_empty() {
        return Vec::new();
    }
    world.lab.pass(SETTLES);
    let changed = before.into_iter().filter(|(host, boot)| boot_of(&world.lab, host) != *boot);
    changed
        .map(|(host, _)| {
            let why = format!("`{host}` is called done, and restarts only after that");
            ("not as it is said", host, why)
        })
        .collect()
}

/// The rules that a world has broken, with the guest and how.
pub(super) fn broken(world: &mut World) -> Vec<(&'static str, String, String)> {
    let mut broken = std::mem::take(&mut world.watched.broken);
    let is_over = world.replay.state().is_over();
    let endings = world.endings();
    // A run whose machine somebody has switched off waits for it.
    let waits = world.lab.controller_is_down();
    if !is_over
        && !waits
        && let Some((guest, _)) = endings.iter().find(|(_, ending)| ending.is_none())
    {
        broken.push(("never ends", guest.clone(), format!("nothing more happens, and `{guest}` has not ended")));
    }
    let meant: BTreeSet<String> = endings
        .iter()
        .map(|(guest, _)| guest.clone())
        .filter(|guest| world.replay.state().is_left_off(guest))
        .collect();
    let off_now: Vec<String> = world
        .watched
        .on
        .iter()
        .filter(|guest| is_off(&world.lab, guest) && !meant.contains(*guest) && !world.watched.by_hand.contains(*guest))
        .cloned()
        .collect();
    for (guest, _) in
        endings.iter().filter(|(guest, ending)| matches!(ending, Some(Ending::Done)) && off_now.contains(guest))
    {
        broken.push(("not as it is said", guest.clone(), format!("`{guest}` is called done, and is off")));
    }
    for (guest, ending) in endings.iter().filter(|(guest, _)| off_now.contains(guest)) {
        let is_known =
            matches!(ending, Some(Ending::Done | Ending::Failed(_) | Ending::Refused(_) | Ending::Skipped(_)));
        let tried = world.watched.power.get(guest) == Some(&Kind::PowerOn);
        if is_known && !tried && !world.watched.hindered.contains(guest) {
            let why = format!("the run is over, and nobody has tried to start `{guest}`");
            broken.push(("left to its hypervisor", guest.clone(), why));
        }
    }
    broken.extend(goes_down_after(world, &endings));
    if off_now.is_empty() {
        return broken;
    }
    world.lab.controller_dies();
    world.lab.pass(AFTER);
    for guest in off_now.into_iter().filter(|guest| is_off(&world.lab, guest)) {
        let why = format!("`{guest}` was on before the run, and is off a day after it");
        broken.push(("left off", guest, why));
    }
    broken
}
