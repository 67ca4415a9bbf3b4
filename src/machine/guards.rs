//! The guards: what must be so before a guest's power changes, and what proves that it is well after.

use super::event::{Effect, Ending, NoteKind, Purpose, Run, WATCHER, short};
use super::state::{Awaiting, Facts, GuestState, State, Way};
use super::{Stepped, eval::about, identity};
use crate::code::{Callee, Effect as Kind, Expr, Guard, Lenient, Proof, Role, Slot, Value, WhenLocked};

/// How long a look may take, in milliseconds.
const LOOK: u64 = 30_000;
/// How long to wait before a lock is looked at again, in milliseconds.
const LOCK_PAUSE: u64 = 10_000;

/// A script of a driver that only reads, run as the watcher runs it.
pub(super) fn reading_script<const N: usize>(host: &str, argv: [&str; N], purpose: Purpose) -> Effect {
    Effect::Run(Box::new(Run {
        host: host.to_string(),
        user: Some(WATCHER.to_string()),
        argv: argv.map(str::to_string).to_vec(),
        env: Vec::new(),
        stdin: None,
        within: LOOK,
        operation: None,
        purpose,
    }))
}

impl State {
    pub(super) fn guest(&mut self, i: usize, guest: &str) -> &mut GuestState {
        self.fibers[i].guests.entry(guest.to_string()).or_default()
    }

    /// What the run knows of a guest's power, for reports and tests.
    pub fn guest_state(&self, guest: &str) -> Option<&GuestState> {
        self.fibers.iter().find_map(|fiber| fiber.guests.get(guest).map(Box::as_ref))
    }

    /// Looks at a guest from its hypervisor: one request, no command of the hypervisor's own.
    pub(super) fn look(&mut self, i: usize, guest: &str, awaiting: Awaiting, out: &mut Stepped) -> Result<(), String> {
        let facts = self.code.hosts.get(guest).ok_or_else(|| format!("`{guest}` is not in the inventory"))?;
        let driver =
            self.code.drivers.get(&facts.driver).ok_or_else(|| format!("there is no driver `{}`", facts.driver))?;
        let host = facts.hypervisor.clone().ok_or_else(|| format!("`{guest}` has no hypervisor"))?;
        let identity = facts.identity.clone().ok_or_else(|| format!("`{guest}` has no `{}`", driver.identity))?;
        let purpose =
            Purpose::Look { driver: facts.driver.clone(), guest: guest.to_string(), identity: identity.clone() };
        let run = reading_script(&host, ["sh", "-c", &driver.look, "look", &identity], purpose);
        self.ask(i, run, awaiting, out);
        Ok(())
    }

    pub(super) fn guard(&mut self, i: usize, guard: &Guard, guest: &str, out: &mut Stepped) {
        match guard {
            Guard::Look => {
                let awaiting = Awaiting::Look(guest.to_string());
                if let Err(why) = self.look(i, guest, awaiting, out) {
                    self.refuse(i, why, guest, out);
                }
            }
            Guard::Identity => self.guard_identity(i, guest, out),
            Guard::Unmanaged => self.guard_unmanaged(i, guest, out),
            Guard::Present(effect) => self.guard_present(i, guest, *effect, out),
            Guard::Quorum => self.guard_quorum(i, guest, out),
            Guard::Unlocked(when, again) => self.guard_unlocked(i, guest, *when, *again, out),
            Guard::Agent(slot) => self.guard_agent(i, guest, *slot, out),
            Guard::Guests => {
                let hosts = self.code.hosts.iter();
                let mut guests: Vec<String> = hosts
                    .filter(|(_, facts)| facts.role == Role::Guest && facts.hypervisor.as_deref() == Some(guest))
                    .map(|(name, _)| name.clone())
                    .rev()
                    .collect();
                if let Some(first) = guests.pop() {
                    self.see_guest(i, first, guests, out);
                }
            }
            Guard::Partners => {
                let mut others = self.partners(i, guest);
                if let Some(partner) = others.pop() {
                    let awaiting = Awaiting::Partner { partner: partner.clone(), others, begun: true };
                    self.ask(i, Effect::Reach { host: partner }, awaiting, out);
                }
            }
            Guard::Baseline => {
                if self.guest(i, guest).baseline.is_some() {
                    return;
                }
                let effect = Effect::Reach { host: guest.to_string() };
                self.ask(i, effect, Awaiting::Baseline(guest.to_string()), out);
            }
            Guard::Disrupt(effect, verify) => {
                let now = self.now;
                let state = self.guest(i, guest);
                state.was_disrupted = state.disrupted;
                state.disrupted = true;
                // Starting it again, after all, asks for no more than the plan did.
                state.unverified = !verify || (state.was_disrupted && state.unverified);
                state.disrupted_at = now;
                state.new_boot = None;
                state.new_process = None;
                state.agent = false;
                if *effect != Kind::PowerOn {
                    self.tell(Effect::Forget { host: guest.to_string() }, out);
                }
            }
        }
    }

    /// The hosts that are never to be down together with a guest.
    pub(super) fn partners(&self, i: usize, guest: &str) -> Vec<String> {
        let plan = self.runs.get(self.fibers[i].run).map_or(self.code.entry, |run| run.plan);
        let groups = self.code.plans[plan].schedule.never_together.iter();
        let mut partners: Vec<String> = Vec::new();
        for host in groups.filter(|group| group.iter().any(|host| host == guest)).flatten() {
            if host != guest && !partners.contains(host) {
                partners.push(host.clone());
            }
        }
        partners
    }

    /// Looks at a guest of a hypervisor that is about to restart.
    pub(super) fn see_guest(&mut self, i: usize, guest: String, others: Vec<String>, out: &mut Stepped) {
        let awaiting = Awaiting::GuestSeen { guest: guest.clone(), others };
        if let Err(why) = self.look(i, &guest, awaiting, out) {
            self.refuse(i, why, &guest, out);
        }
    }

    /// Waits for the next guest of a hypervisor that has restarted.
    pub(super) fn see_next_guest(&mut self, i: usize, until: u64, out: &mut Stepped) {
        if let Some(guest) = self.fibers[i].guests_to_see.first().cloned() {
            let awaiting = Awaiting::GuestBack { guest: guest.clone(), until };
            self.ask(i, Effect::Reach { host: guest }, awaiting, out);
        }
    }

    fn facts(&mut self, i: usize, guest: &str) -> Facts {
        self.guest(i, guest).facts.clone().unwrap_or_default()
    }

    fn guard_identity(&mut self, i: usize, guest: &str, out: &mut Stepped) {
        let facts = self.facts(i, guest);
        let Some(host) = self.code.hosts.get(guest).cloned() else { return };
        let hypervisor = host.hypervisor.clone().unwrap_or_default();
        let id = host.identity.clone().unwrap_or_default();
        match identity::objection(&self.code, guest, &host, &facts) {
            Some(why) => self.refuse(i, format!("identity: {why}"), guest, out),
            None => {
                let seen = format!("{id} on `{hypervisor}` is `{}`", facts.name);
                // While a lock is waited for, it is proven at each look, and said once.
                if self.fibers[i].lock_until.is_none() {
                    self.note(i, NoteKind::Guarded { guard: "identity".to_string(), seen }, out);
                }
            }
        }
    }

    fn guard_unmanaged(&mut self, i: usize, guest: &str, out: &mut Stepped) {
        if let Some(state) = self.facts(i, guest).managed {
            let message = format!(
                "managed: the cluster keeps `{guest}` {state}, and would act against this; write `restart(guest)`, `shutdown(guest)` or `start(guest)`, which ask the cluster"
            );
            self.refuse(i, message, guest, out);
        }
    }

    fn guard_present(&mut self, i: usize, guest: &str, effect: Kind, out: &mut Stepped) {
        let facts = self.facts(i, guest);
        let disrupted = self.guest(i, guest).disrupted;
        if effect != Kind::PowerOn && !disrupted && facts.power == "stopped" {
            // A guest that somebody left off is not ours to start.
            self.note(i, NoteKind::Warned(format!("`{guest}` was found off, and is left so")), out);
            self.unwind(i, Way::End(Ending::Skipped("found off".to_string())), out);
        }
    }

    /// What is switched off could be started again: of a guest, or of those that go down with a hypervisor.
    fn guard_quorum(&mut self, i: usize, host: &str, out: &mut Stepped) {
        let mut those = self.fibers[i].guests_to_see.clone();
        those.push(host.to_string());
        let Some(guest) = those.into_iter().find(|guest| self.facts(i, guest).no_quorum) else { return };
        let hypervisor = self.code.hosts.get(&guest).and_then(|host| host.hypervisor.clone()).unwrap_or_default();
        let message = format!(
            "quorum: the cluster of `{hypervisor}` has no quorum, and what is switched off there can not be started again; bring its other nodes back first, or write `unguarded quorum \"the reason\"` before the colon"
        );
        self.refuse(i, message, &hypervisor, out);
    }

    fn guard_unlocked(&mut self, i: usize, guest: &str, when: WhenLocked, again: usize, out: &mut Stepped) {
        let facts = self.facts(i, guest);
        match facts.lock {
            None => {
                self.fibers[i].lock_until = None;
                let seen = "no lock".to_string();
                self.note(i, NoteKind::Guarded { guard: "unlocked".to_string(), seen }, out);
            }
            Some(lock) => self.locked(i, guest, &lock, when, again, out),
        }
    }

    /// A lock holds the guest: what the plan says is done.
    pub(super) fn locked(
        &mut self,
        i: usize,
        guest: &str,
        lock: &str,
        when: WhenLocked,
        again: usize,
        out: &mut Stepped,
    ) {
        match when {
            WhenLocked::Skip => {
                let ending = Ending::Skipped(format!("locked ({lock})"));
                self.unwind(i, Way::End(ending), out);
            }
            WhenLocked::Wait(ms) => {
                let now = self.now;
                let until = match self.fibers[i].lock_until {
                    Some(until) => until,
                    None => {
                        let text =
                            format!("`{guest}` is locked ({lock}); its end is waited for, {} at most", about(ms));
                        self.note(i, NoteKind::Locked { text }, out);
                        *self.fibers[i].lock_until.insert(now + ms)
                    }
                };
                if now >= until {
                    self.fibers[i].lock_until = None;
                    let message = format!("unlocked: `{guest}` is still locked ({lock}) after {}", about(ms));
                    self.refuse(i, message, guest, out);
                    return;
                }
                self.jump(i, again);
                self.ask(i, Effect::Sleep { ms: LOCK_PAUSE.min(until - now) }, Awaiting::Nothing, out);
            }
            WhenLocked::Fail => {
                let message = format!(
                    "unlocked: `{guest}` is locked ({lock}); wait until that has ended, or write `when locked wait 30m` before the colon"
                );
                self.refuse(i, message, guest, out);
            }
        }
    }

    fn guard_agent(&mut self, i: usize, guest: &str, slot: Slot, out: &mut Stepped) {
        let answer = self.fibers[i].frames.last().and_then(|frame| frame.slots.get(slot.0)).cloned();
        if let Some(silent) = self.fibers[i].silent.take() {
            // The driver has been asked whether that is because nothing moves in the guest.
            let message = if answer == Some(Value::Bool(true)) { self.paused(guest) } else { silent };
            self.refuse(i, message, guest, out);
            return;
        }
        let why = match answer {
            Some(Value::Bool(true)) => {
                let seen = "the guest agent answers the hypervisor".to_string();
                self.note(i, NoteKind::Guarded { guard: "agent".to_string(), seen }, out);
                return;
            }
            Some(Value::NoAnswer(why)) => why,
            _ => self.fibers[i].last_said.clone(),
        };
        if matches!(self.facts(i, guest).power.as_str(), "paused" | "suspended") {
            let message = self.paused(guest);
            self.refuse(i, message, guest, out);
            return;
        }
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        let message = format!("agent: the guest agent of `{guest}` does not answer{why}");
        let code = self.code.clone();
        let driver = code.hosts.get(guest).and_then(|facts| code.drivers.get(&facts.driver));
        if driver.is_none_or(|driver| !driver.procs.contains_key("paused")) {
            self.refuse(i, message, guest, out);
            return;
        }
        self.fibers[i].silent = Some(message);
        // This guard comes again when the answer is there.
        let here = self.fibers[i].frames.last().map_or(0, |frame| frame.pc.saturating_sub(1));
        self.jump(i, here);
        let about = [Expr::Const(Value::Host(guest.to_string()))];
        if let Err(why) = self.call(i, &code, &Callee::Driver("paused".to_string()), &about, Some(slot), Lenient::Yes) {
            self.refuse(i, why, guest, out);
        }
    }

    fn paused(&self, guest: &str) -> String {
        let hypervisor = self.code.hosts.get(guest).and_then(|facts| facts.hypervisor.clone()).unwrap_or_default();
        format!("agent: `{guest}` is paused on `{hypervisor}`, and hears nothing; resume it there first")
    }

    /// Whether the agent's yes is the new system's: only then it counts after a power action.
    pub(super) fn evidence(
        &mut self,
        i: usize,
        slot: Slot,
        guest: &crate::code::Expr,
        out: &mut Stepped,
    ) -> Result<(), String> {
        let guest = self.host_of(i, guest)?;
        let answer = self.fibers[i].frames.last().and_then(|frame| frame.slots.get(slot.0)).cloned();
        if answer != Some(Value::Bool(true)) {
            return Ok(());
        }
        self.fibers[i].last_said = "the guest agent answers the hypervisor".to_string();
        let state = self.guest(i, &guest);
        if !state.disrupted {
            return Ok(());
        }
        if state.new_boot.is_some() || state.new_process.is_some() {
            self.agent_answered(i, &guest, out);
            return Ok(());
        }
        self.look(i, &guest, Awaiting::Evidence(slot, guest.clone()), out)
    }

    pub(super) fn agent_answered(&mut self, i: usize, guest: &str, out: &mut Stepped) {
        self.guest(i, guest).agent = true;
        self.settle(i, guest, out);
    }

    /// A guest whose every proof is there is no longer disrupted.
    pub(super) fn settle(&mut self, i: usize, guest: &str, out: &mut Stepped) {
        let (ssh, agent) = (self.proves(i, guest, Proof::Ssh), self.proves(i, guest, Proof::Agent));
        let state = self.guest(i, guest);
        let is_new = state.new_boot.is_some() || state.new_process.is_some();
        if is_new && (state.new_boot.is_some() || !ssh) && (state.agent || !agent) {
            self.verified(i, guest, out);
        }
    }

    /// Whether a host is to prove this after a power action. A plan that leaves the verification out still has to see
    /// that the guest runs.
    pub(super) fn proves(&mut self, i: usize, host: &str, proof: Proof) -> bool {
        let unverified = self.guest(i, host).unverified;
        self.code.hosts.get(host).is_some_and(|facts| facts.proves(proof)) && (proof == Proof::Power || !unverified)
    }

    pub(super) fn verified(&mut self, i: usize, guest: &str, out: &mut Stepped) {
        let state = self.guest(i, guest);
        if !state.disrupted {
            return;
        }
        state.disrupted = false;
        let watch = state.watch.take();
        let old = state.baseline.as_ref().and_then(|baseline| baseline.boot_id.clone());
        let new = state.new_boot.clone();
        let agent = state.agent;
        // The next power action is measured against this boot.
        state.baseline = None;
        let mut proof = match (old, new) {
            (Some(old), Some(new)) if old == new => "a new process on the hypervisor".to_string(),
            (Some(old), Some(new)) => format!("new boot {} (was {})", short(&new), short(&old)),
            (None, Some(new)) => format!("boot {}", short(&new)),
            _ => "running".to_string(),
        };
        if agent {
            proof.push_str(", agent answers");
        }
        self.note(i, NoteKind::Verified(proof), out);
        self.unwatch(watch, out);
    }
}
