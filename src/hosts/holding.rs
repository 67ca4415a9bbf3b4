//! The claims of a run: renewed as long as it lives, given back when it is done with them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::Hosts;
use super::request::{self, Claimed, Operation, Renewed, Trouble};
use super::world::OfRun;
use crate::machine;

/// How long a claim holds when nobody renews it.
const LEASE: Duration = Duration::from_secs(120);
/// How often it is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(30);
/// How long a command of another run may be at work until the claim is given up, although no claim stands against it.
const LAST_MOMENTS: Duration = Duration::from_secs(10);
/// How often that is looked at.
const MOMENT: Duration = Duration::from_millis(200);
/// How long a host may take to take one back.
const GIVE_BACK: Duration = Duration::from_secs(5);

/// See above.
pub(super) struct Holding {
    hosts: Arc<Hosts>,
    run: String,
    holder: String,
    /// Users that a host's commands become where the plan names none (`ansible_become`).
    become_users: Arc<BTreeMap<String, String>>,
    claims: Mutex<BTreeMap<machine::Claim, Place>>,
}

/// A claim of this run, while nobody else asks for it. Empty where the run made it when another process drove it.
type Place = Arc<tokio::sync::Mutex<Option<Held>>>;

struct Held {
    claim: request::Claim,
    token: u64,
    renewing: JoinHandle<()>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

impl Holding {
    pub(super) fn new(hosts: Arc<Hosts>, of: &OfRun, become_users: Arc<BTreeMap<String, String>>) -> Holding {
        let OfRun { id, holder, .. } = of.clone();
        Holding { hosts, run: id, holder, become_users, claims: Mutex::default() }
    }

    /// A claim that the run made when another process drove it: it is made again, before its lease is over.
    pub(super) fn had(self: &Arc<Self>, claim: machine::Claim) {
        let place = self.place(&claim);
        let holding = self.clone();
        tokio::spawn(async move {
            // Where that fails, it is tried again before the next operation, which the host refuses in the end.
            let _ = holding.hold(&claim, &place).await;
        });
    }

    /// Claims something.
    pub(super) async fn claim(&self, claim: &machine::Claim) -> Result<machine::Claimed, Trouble> {
        let place = self.place(claim);
        let claimed = self.hold(claim, &place).await;
        if !matches!(claimed, Ok(machine::Claimed::Granted)) {
            self.claims().remove(claim);
        }
        claimed
    }

    async fn hold(&self, claim: &machine::Claim, place: &Place) -> Result<machine::Claimed, Trouble> {
        let mut held = place.lock().await;
        if held.is_some() {
            return Ok(machine::Claimed::Granted);
        }
        let claim = self.asked(claim);
        let deadline = Instant::now() + LAST_MOMENTS;
        loop {
            match self.hosts.claim(&claim).await? {
                Claimed::Held(holder) => return Ok(machine::Claimed::Held(holder.to_string())),
                // What this run began goes on under its own name. What another began may be over in a moment: a
                // result is known before its runner has gone.
                Claimed::Granted { token, at_work: Some(who) } if !who.contains(&self.run) => {
                    if Instant::now() >= deadline {
                        let _ = self.hosts.release(&claim, token).await;
                        return Ok(machine::Claimed::Held(format!("{who}, whose command is still at work")));
                    }
                    tokio::time::sleep(MOMENT).await;
                }
                Claimed::Granted { token, .. } => {
                    let renewing = tokio::spawn(renew(self.hosts.clone(), claim.clone(), token));
                    *held = Some(Held { claim, token, renewing });
                    return Ok(machine::Claimed::Granted);
                }
            }
        }
    }

    fn asked(&self, claim: &machine::Claim) -> request::Claim {
        request::Claim {
            host: claim.host.clone(),
            user: claim.user.clone().or_else(|| self.become_users.get(&claim.host).cloned()),
            subject: claim.subject.clone(),
            run: self.run.clone(),
            holder: self.holder.clone(),
            lease: LEASE,
        }
    }

    /// The token under which an operation on a subject is asked for: of the claim that is kept where it is started. 0
    /// where the claim is kept elsewhere; the numbers of one place say nothing at another.
    pub(super) async fn token(&self, host: &str, user: Option<&str>, subject: &str) -> u64 {
        let here = |claim: &machine::Claim| claim.subject == subject && claim.host == host;
        let places: Vec<(machine::Claim, Place)> =
            self.claims().iter().filter(|(claim, _)| here(claim)).map(|(c, p)| (c.clone(), p.clone())).collect();
        for (claim, place) in places {
            let asked = self.asked(&claim);
            let keeps = self.hosts.acts_as(host, asked.user.as_deref()).await;
            if keeps.is_ok() && keeps == self.hosts.acts_as(host, user).await {
                let _ = self.hold(&claim, &place).await;
                return place.lock().await.as_ref().map_or(0, |held| held.token);
            }
        }
        0
    }

    /// Gives a claim back, also one that the run made when another process drove it. What can not be given back now is
    /// free when its lease is over.
    pub(super) async fn release(&self, claim: &machine::Claim) {
        let place = self.claims().remove(claim);
        let give_back = async {
            let held = match place {
                Some(place) => place.lock().await.take(),
                None => None,
            };
            match held {
                Some(held) => drop(self.hosts.release(&held.claim, held.token).await),
                None => {
                    let claim = self.asked(claim);
                    if let Ok(Claimed::Granted { token, .. }) = self.hosts.claim(&claim).await {
                        drop(self.hosts.release(&claim, token).await);
                    }
                }
            }
        };
        let _ = tokio::time::timeout(GIVE_BACK, give_back).await;
    }

    /// Has a guest watched over.
    pub(super) async fn watch(&self, watch: &machine::Watch) -> Result<(), Trouble> {
        self.hosts.watch(&self.watch_of(watch)).await
    }

    /// A guest is to stay off.
    pub(super) async fn leave_off(&self, watch: &machine::Watch) -> Result<(), Trouble> {
        self.hosts.unwatch(&self.watch_of(watch)).await
    }

    /// Ends a watch. What can not be ended now finds a guest that runs, and ends by itself.
    pub(super) async fn unwatch(&self, watch: &machine::Watch) {
        let _ = tokio::time::timeout(GIVE_BACK, self.hosts.unwatch(&self.watch_of(watch))).await;
    }

    fn watch_of(&self, watch: &machine::Watch) -> request::Watch {
        let machine::Watch { host, subject, step, identity, look, wake, within } = watch.clone();
        let operation = Operation::of_step(&self.run, &format!("watch {step}"), &host, &subject);
        request::Watch {
            host,
            user: Some(machine::WATCHER.to_string()),
            subject,
            id: operation.id,
            bound: Duration::from_millis(within),
            who: format!("run {}, watching", self.run),
            identity,
            look,
            wake,
        }
    }

    fn place(&self, claim: &machine::Claim) -> Place {
        self.claims().entry(claim.clone()).or_default().clone()
    }

    fn claims(&self) -> MutexGuard<'_, BTreeMap<machine::Claim, Place>> {
        // Nothing panics while it holds the lock, and the map is whole between any two statements.
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until it is lost to somebody else: what is asked for under it is refused then.
async fn renew(hosts: Arc<Hosts>, claim: request::Claim, token: u64) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        if let Ok(Renewed::Lost(_)) = hosts.renew(&claim, token).await {
            return;
        }
    }
}
