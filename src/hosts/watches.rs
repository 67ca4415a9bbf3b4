//! Watches: a guest that is switched off is started by its hypervisor when nobody else does; and holds, by which a person
//! keeps everybody from a guest.

use std::time::Duration;

use super::Hosts;
use super::claims::odd_of;
use super::courier;
use super::request::{Trouble, Watch};
use super::told::harmless;

impl Hosts {
    /// Has a guest watched over. It is on the host's disk when this answers, and hangs on nothing of ours.
    ///
    /// # Errors
    /// When its host can not be reached, or can not watch.
    pub async fn watch(&self, watch: &Watch) -> Result<(), Trouble> {
        let words = self.said(&watch.host, watch.user.as_deref(), |id| courier::watch_line(id, watch)).await?;
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["watched"] => Ok(()),
            ["refused", ..] => {
                let why = "The process that is to watch did not begin.".to_string();
                Err(Trouble::Refused { host: watch.host.clone(), why })
            }
            _ => Err(odd_of(&watch.host)),
        }
    }

    /// Ends a watch; another one over the same guest goes on.
    ///
    /// # Errors
    /// When its host can not be reached, or its spool not be written.
    pub async fn unwatch(&self, watch: &Watch) -> Result<(), Trouble> {
        self.said(&watch.host, watch.user.as_deref(), |id| courier::unwatch_line(id, watch)).await.map(drop)
    }

    /// Keeps everybody from a guest for so long: no run acts on it, and its hypervisor does not start it. With no time at
    /// all that is over.
    ///
    /// # Errors
    /// When its host can not be reached, or its spool not be written.
    pub async fn hold(
        &self,
        host: &str,
        user: Option<&str>,
        subject: &str,
        long: Duration,
        who: &str,
    ) -> Result<(), Trouble> {
        self.said(host, user, |id| courier::hold_line(id, subject, long, who)).await.map(drop)
    }

    /// Takes everything of ours off a host, as far as it is this user's.
    ///
    /// # Errors
    /// When it can not be reached, or when somebody is at work there.
    pub async fn remove(&self, host: &str, user: Option<&str>) -> Result<(), Trouble> {
        let words = self.said(host, user, courier::remove_line).await?;
        let refused = |why: String| Err(Trouble::Refused { host: host.to_string(), why });
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["removed"] => Ok(()),
            ["refused", "watch", subject, ..] => {
                refused(format!("`{}` is watched over there until it runs.", harmless(subject)))
            }
            ["refused", _, subject, ..] => refused(format!("A run is at work on `{}` there.", harmless(subject))),
            _ => Err(odd_of(host)),
        }
    }
}
