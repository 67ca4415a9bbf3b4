//! The claims of a run: renewed as long as it lives, given back when it is done with them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::Hosts;
use super::request::{self, Claimed, Operation, Renewed, Trouble};
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
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By subject.
    held: BTreeMap<String, Held>,
    /// Claims that the run made when another process drove it.
    had: BTreeMap<String, machine::Claim>,
}

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
    pub(super) fn new(hosts: Arc<Hosts>, run: String, holder: String) -> Holding {
        Holding { hosts, run, holder, state: Mutex::default() }
    }

    pub(super) fn had(&self, claim: &machine::Claim) {
        self.state().had.insert(claim.subject.clone(), claim.clone());
    }

    /// Claims something.
    pub(super) async fn claim(&self, claim: &machine::Claim) -> Result<machine::Claimed, Trouble> {
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
                    self.state().held.insert(claim.subject.clone(), Held { claim, token, renewing });
                    return Ok(machine::Claimed::Granted);
                }
            }
        }
    }

    fn asked(&self, claim: &machine::Claim) -> request::Claim {
        request::Claim {
            host: claim.host.clone(),
            user: claim.user.clone(),
            subject: claim.subject.clone(),
            run: self.run.clone(),
            holder: self.holder.clone(),
            lease: LEASE,
        }
    }

    /// The token under which an operation on a subject is asked for. A claim of another process is made again first.
    pub(super) async fn token(&self, subject: &str) -> u64 {
        let had = self.state().had.remove(subject);
        if let Some(claim) = had {
            // Where that fails, the host refuses what was not begun.
            let _ = self.claim(&claim).await;
        }
        self.state().held.get(subject).map_or(0, |held| held.token)
    }

    /// Gives a claim back, also one that the run made when another process drove it. What can not be given back now is
    /// free when its lease is over.
    pub(super) async fn release(&self, claim: &machine::Claim) {
        let held = self.state().held.remove(&claim.subject);
        let give_back = async {
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

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and the state is whole between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
