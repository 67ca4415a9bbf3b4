//! Claims on guests and hosts, kept where operations on them are started.

use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::Hosts;
use super::courier;
use super::operation::{holder, no_room, on_hold};
use super::request::{Claim, Claimed, Renewed, Trouble};
use super::session::{Lost, Said};
use super::told::harmless;

/// How long a host may take for an answer about a claim, over more than one connection if need be.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pause after a connection that was lost under a question.
const PAUSE: Duration = Duration::from_millis(200);

impl Hosts {
    /// Claims a guest or host for a run. Whoever claimed before under the same run is refused from then on.
    ///
    /// # Errors
    /// When its host can not be reached, or refuses to keep the claim.
    pub async fn claim(&self, claim: &Claim) -> Result<Claimed, Trouble> {
        let words = self.about(claim, "claim", 0).await?;
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["claimed", token, rest @ ..] => Ok(Claimed::Granted {
                token: token.parse().unwrap_or(0),
                at_work: rest.last().map(|who| harmless(&courier::decoded(who))),
            }),
            ["held", rest @ ..] => match holder(rest) {
                Some(holder) => Ok(Claimed::Held(holder)),
                None => Err(odd(claim)),
            },
            ["refused", "hold", left, who] => {
                let why = format!("`{}` is {}.", claim.subject, on_hold(left, who));
                Err(Trouble::Refused { host: claim.host.clone(), why })
            }
            _ => Err(odd(claim)),
        }
    }

    /// Lets a claim hold for another lease from now.
    ///
    /// # Errors
    /// As for [`Hosts::claim`].
    pub async fn renew(&self, claim: &Claim, token: u64) -> Result<Renewed, Trouble> {
        let words = self.about(claim, "renew", token).await?;
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["kept"] => Ok(Renewed::Kept),
            ["held", rest @ ..] => match holder(rest) {
                Some(holder) => Ok(Renewed::Lost(holder)),
                None => Err(odd(claim)),
            },
            _ => Err(odd(claim)),
        }
    }

    /// Ends a claim; one that somebody else has by now is left to them.
    ///
    /// # Errors
    /// As for [`Hosts::claim`].
    pub async fn release(&self, claim: &Claim, token: u64) -> Result<(), Trouble> {
        self.about(claim, "release", token).await.map(drop)
    }

    /// To say the same again changes nothing that matters, so a lost connection is none of the caller's business.
    async fn about(&self, claim: &Claim, verb: &str, token: u64) -> Result<Vec<String>, Trouble> {
        self.said(&claim.host, claim.user.as_deref(), |id| courier::claim_line(id, verb, claim, token)).await
    }

    /// The words of a host about something that may be asked again.
    pub(super) async fn said(
        &self,
        host: &str,
        user: Option<&str>,
        line: impl Fn(u64) -> Vec<u8>,
    ) -> Result<Vec<String>, Trouble> {
        let endpoint = self.endpoint(host)?;
        let deadline = Instant::now() + PATIENCE;
        let refused = |why: String| Trouble::Refused { host: host.to_string(), why };
        let mut why = "It did not answer in time.".to_string();
        loop {
            let answer = async {
                let session = self.session_as(endpoint, user).await?;
                session.greeted().await.map_err(|end| self.not_connected(host, end))?;
                Ok(session.operate(None, &line).answer().await)
            };
            match timeout_at(deadline.into(), answer).await {
                Ok(Ok(Ok(Said::Words(words)))) if words.starts_with(&["refused".into(), "full".into()]) => {
                    return Err(refused(no_room(&words.join(" "))));
                }
                Ok(Ok(Ok(Said::Words(words)))) => return Ok(words),
                Ok(Ok(Ok(Said::Ended(_)))) => return Err(odd_of(host)),
                Ok(Ok(Err(Lost { end, .. }))) => {
                    why = end.why;
                    tokio::time::sleep(PAUSE).await;
                }
                Ok(Err(trouble)) => return Err(trouble),
                Err(_) => return Err(Trouble::Unreachable { host: host.to_string(), why }),
            }
        }
    }
}

fn odd(claim: &Claim) -> Trouble {
    odd_of(&claim.host)
}

pub(super) fn odd_of(host: &str) -> Trouble {
    let why = "It said something that is not the protocol.".to_string();
    Trouble::Refused { host: host.to_string(), why }
}
