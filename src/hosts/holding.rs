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
    /// Up to when it holds for sure, as far as the renewals that were answered say.
    until: Arc<Mutex<Instant>>,
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
            let asked = Instant::now();
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
                    let until = Arc::new(Mutex::new(asked + LEASE));
                    let renewing = tokio::spawn(renew(self.hosts.clone(), claim.clone(), token, until.clone()));
                    *held = Some(Held { claim, token, until, renewing });
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

    /// The token under which an operation is asked for: of the claim on its subject, where that is kept in the spool
    /// in which it is started. The numbers of one spool say nothing in another, so elsewhere it is 0, and whoever keeps
    /// the claim is asked first whether it holds: this process may have stood still since it was renewed.
    ///
    /// # Errors
    /// When somebody else holds the subject by now, or that can not be told.
    pub(super) async fn token(&self, host: &str, user: Option<&str>, subject: &str) -> Result<u64, Trouble> {
        let of_subject = |(claim, place): (&machine::Claim, &Place)| {
            (claim.subject == subject).then(|| (claim.clone(), place.clone()))
        };
        let claims: Vec<(machine::Claim, Place)> = self.claims().iter().filter_map(of_subject).collect();
        for (claim, place) in claims {
            if let machine::Claimed::Held(who) = self.hold(&claim, &place).await? {
                return Err(held(&claim.host, subject, &who));
            }
            let asked = self.asked(&claim);
            let acts = |user| self.hosts.acts_as(host, user);
            if claim.host == host && acts(asked.user.as_deref()).await? == acts(user).await? {
                return Ok(place.lock().await.as_ref().map_or(0, |held| held.token));
            }
            if let Some(held) = &*place.lock().await {
                self.confirm(held).await?;
            }
        }
        Ok(0)
    }

    /// That a claim holds now.
    async fn confirm(&self, of: &Held) -> Result<(), Trouble> {
        let Held { claim, token, until, .. } = of;
        let asked = Instant::now();
        match self.hosts.renew(claim, *token).await {
            Ok(Renewed::Kept) => {
                *locked(until) = asked + LEASE;
                Ok(())
            }
            Ok(Renewed::Lost(holder)) => Err(held(&claim.host, &claim.subject, &holder.to_string())),
            // Nobody else can have it before its lease is over.
            Err(_) if Instant::now() < *locked(until) => Ok(()),
            Err(trouble) => Err(trouble),
        }
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
        request::Watch {
            id: Operation::watch_of(&self.run, &step, &host, &subject),
            host,
            user: Some(machine::WATCHER.to_string()),
            subject,
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
        locked(&self.claims)
    }
}

/// Nothing panics while it holds one of these locks, and what is in it is whole between any two statements.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn held(host: &str, subject: &str, who: &str) -> Trouble {
    let why = format!("`{subject}` is held by {who}; this command was not started.");
    Trouble::Refused { host: host.to_string(), why }
}

/// Until it is lost to somebody else: what is asked for under it is refused then.
async fn renew(hosts: Arc<Hosts>, claim: request::Claim, token: u64, until: Arc<Mutex<Instant>>) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let asked = Instant::now();
        match hosts.renew(&claim, token).await {
            Ok(Renewed::Kept) => *locked(&until) = asked + LEASE,
            Ok(Renewed::Lost(_)) => return,
            Err(_) => {}
        }
    }
}
