//! Claims: what a run acts on, no other does.

use super::Stepped;
use super::event::{Claim, Claimed, Effect, Ending, Trouble};
use super::state::{Awaiting, State};

/// What the subject of a named lock begins with.
const LOCK: &str = "lock/";

impl State {
    /// What this run has claimed and not given back.
    pub fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.claims.keys()
    }

    /// Claims the locks of a fiber's plan, and the guest where the plan changes any. Where something has to be asked
    /// for, the instruction comes again.
    pub(super) fn claim_all(&mut self, i: usize, guest: Option<&str>, out: &mut Stepped) {
        let header = &self.code.plans[self.runs[self.fibers[i].run].plan];
        let keeper = self.code.lock_host.as_ref().or(self.code.controller.as_ref());
        let here = keeper.cloned().unwrap_or_else(|| "controller".to_string());
        let locks = header.schedule.locks.iter();
        let lock = |name: &String| Claim { host: here.clone(), user: None, subject: format!("{LOCK}{name}") };
        let guest = guest.filter(|_| header.changes).map(|guest| self.claim_on(i, guest));
        let claims: Vec<Claim> = locks.map(lock).chain(guest).collect();
        for claim in claims {
            if !self.claim(i, claim, out) {
                return;
            }
        }
    }

    /// The claim on a guest or host, kept where the plan acts on it.
    pub(super) fn claim_on(&self, i: usize, guest: &str) -> Claim {
        let plan = self.runs[self.fibers[i].run].plan;
        let reaches = &self.code.plans[plan].reaches;
        let as_root = |host: &str| reaches.get(host).is_some_and(|users| users.iter().any(|user| user == "root"));
        let hypervisor = self.code.hosts.get(guest).and_then(|facts| facts.hypervisor.clone());
        let host = hypervisor.filter(|host| as_root(host)).unwrap_or_else(|| guest.to_string());
        let user = as_root(&host).then(|| "root".to_string());
        Claim { host, user, subject: guest.to_string() }
    }

    /// Whether something is claimed already; else it is asked for, and the instruction comes again.
    pub(super) fn claim(&mut self, i: usize, claim: Claim, out: &mut Stepped) -> bool {
        if self.claims.contains_key(&claim) {
            self.hold(i, claim);
            return true;
        }
        let here = self.fibers[i].frames.last().map_or(0, |frame| frame.pc.saturating_sub(1));
        self.jump(i, here);
        self.ask(i, Effect::Claim(claim.clone()), Awaiting::Claimed(claim), out);
        false
    }

    /// A fiber acts under a claim. A lock is held by its whole plan, also by those that are not begun yet.
    fn hold(&mut self, i: usize, claim: Claim) {
        let is_lock = claim.subject.starts_with(LOCK);
        let holders = self.claims.entry(claim).or_default();
        if holders.insert(i) && is_lock {
            let run = &self.runs[self.fibers[i].run];
            holders.extend((run.first..run.end).filter(|other| self.fibers[*other].ended.is_none()));
        }
    }

    pub(super) fn claimed(&mut self, i: usize, claim: Claim, answer: Result<Claimed, Trouble>, out: &mut Stepped) {
        let Claim { host, subject, .. } = &claim;
        let what = match subject.strip_prefix(LOCK) {
            Some(name) => format!("the lock \"{name}\""),
            None => format!("`{subject}`"),
        };
        let why = match answer {
            Ok(Claimed::Granted) => {
                self.hold(i, claim);
                return;
            }
            Ok(Claimed::Held(by)) => {
                format!("claim: {what} is held by {by}; wait until that run is over, or look at it with `hostler show`")
            }
            // Without the host nothing is done either; but it is the host that is to blame.
            Err(
                trouble @ (Trouble::Unreachable { .. }
                | Trouble::Unwatched { .. }
                | Trouble::Timeout { .. }
                | Trouble::Unknown { .. }),
            ) => {
                let blamed = super::answers::blame(&trouble);
                self.fail(i, blamed, out);
                return;
            }
            Err(Trouble::Refused { why, .. }) => format!("claim: {what} can not be claimed on `{host}`: {why}"),
        };
        let host = host.clone();
        self.refuse(i, why, &host, out);
    }

    /// A fiber is at its end: what it was the last to act under is given back. A guest of which nobody knows, and what
    /// it was acted on under, is left to the claim's time.
    pub(super) fn release(&mut self, i: usize, ending: &Ending, out: &mut Stepped) {
        if matches!(ending, Ending::Unknown(_)) || self.fibers[i].parked.is_some() {
            return;
        }
        let mut free = Vec::new();
        for (claim, holders) in &mut self.claims {
            let was_held = holders.remove(&i);
            let goes_on = self.left.values().any(|left| left.guest == claim.subject);
            if was_held && holders.is_empty() && !goes_on {
                free.push(claim.clone());
            }
        }
        for claim in free {
            self.claims.remove(&claim);
            self.give_back(Effect::Release(claim), out);
        }
    }

    /// Gives something back; the run is over when that is answered.
    pub(super) fn give_back(&mut self, effect: Effect, out: &mut Stepped) {
        let id = self.next_id();
        self.releasing.insert(id);
        out.effects.push((id, effect));
    }
}
