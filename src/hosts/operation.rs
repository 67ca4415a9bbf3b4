//! Changing commands: each is an operation that its host starts at most once, so that it may be asked for again over
//! another connection until somebody knows what became of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{timeout, timeout_at};

use super::courier;
use super::endpoint::Endpoint;
use super::request::{Holder, Operation, Reply, Request, Trouble};
use super::session::{Asked, Lost, Said, Session, Turn};
use super::told::harmless;
use super::{Hosts, reply};

/// The pause before a host is asked again; twice as long each time, up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest such pause.
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// How long a host may be silent before nobody waits any more for the end of what went on there.
const SILENCE: Duration = Duration::from_secs(3600);

/// How often a runner may end before it has started anything.
const LAUNCHES: u32 = 10;

/// How long a host may take to say that an operation will not be started any more.
const CANCEL: Duration = Duration::from_secs(60);

/// A changing command whose time is out, and which goes on.
pub struct GoesOn {
    request: Request,
    operation: Operation,
    started: Instant,
    asked: Option<(Arc<Session>, Asked)>,
}

/// What a host has said of an operation.
enum Found {
    Ended(Reply),
    /// Not started, and the host says why not; it may be asked again where that passes.
    Refused {
        why: String,
        passes: bool,
        closes: bool,
    },
    /// Not started, because nobody looks after the guest that would be switched off.
    Unwatched,
    /// Not started, and no runner is about to.
    Idle,
    Running,
    Cancelled,
    Lost {
        began: Option<u64>,
    },
}

/// Pauses that grow.
struct Pauses(Duration);

impl Pauses {
    async fn rest(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(LAST_PAUSE);
    }
}

impl Hosts {
    /// Carries an operation out; with one that goes on when its time is out comes what waits for its end.
    pub(super) async fn operate(
        &self,
        request: &Request,
        operation: &Operation,
    ) -> (Result<Reply, Trouble>, Option<GoesOn>) {
        let host = &request.host;
        let begun = async {
            let endpoint = self.sendable(request)?;
            // What may be under way has had its turn.
            let turn = match operation.again {
                true => None,
                false => Some(self.turn(request, &operation.subject).await?),
            };
            // A changing command waits for the greeting: without one, it is known not to have started.
            let session = self.session_as(endpoint, request.user.as_deref()).await?;
            match session.greeted().await {
                Ok(_) => Ok((endpoint, turn, Some(session))),
                Err(_) if operation.again => Ok((endpoint, turn, None)),
                Err(end) => Err(self.not_connected(host, end)),
            }
        };
        let (endpoint, turn, session) = match begun.await {
            Ok(begun) => begun,
            Err(trouble) => return (Err(trouble), None),
        };
        let work = Work { hosts: self, request, operation, endpoint, turn, started: Instant::now() };
        work.carry_out(session).await
    }

    /// Starts nothing any more of an operation that may have been sent before: what became of it, or why it was not
    /// started.
    pub(super) async fn given_up(&self, request: &Request, why: &str) -> (Result<Reply, Trouble>, Option<GoesOn>) {
        match (self.endpoint(&request.host), &request.operation) {
            (Ok(endpoint), Some(operation)) => {
                let work = Work { hosts: self, request, operation, endpoint, turn: None, started: Instant::now() };
                work.not_started(why).await
            }
            (Err(trouble), _) => (Err(trouble), None),
            (_, None) => (Err(Trouble::Refused { host: request.host.clone(), why: why.to_string() }), None),
        }
    }

    /// Waits for the end of what went on, over new connections where the old one ends.
    ///
    /// # Errors
    /// When it turns out not to have been started, when its host has lost it, or when its host is silent for an hour.
    pub async fn end_of(&self, left: GoesOn) -> Result<Reply, Trouble> {
        let GoesOn { request, operation, started, asked } = left;
        let endpoint = self.endpoint(&request.host)?;
        let work = Work { hosts: self, request: &request, operation: &operation, endpoint, turn: None, started };
        work.end(asked).await
    }

    /// Sees to it that an operation is not started any more: true when its host has closed its gate, false when it has
    /// been started.
    ///
    /// # Errors
    /// When its host can not be asked.
    pub async fn cancel(&self, request: &Request) -> Result<bool, Trouble> {
        let Some(operation) = &request.operation else { return Ok(false) };
        let endpoint = self.endpoint(&request.host)?;
        let work = Work { hosts: self, request, operation, endpoint, turn: None, started: Instant::now() };
        let session = work.connect().await?;
        let mut asked = session.operate(None, |id| courier::cancel_line(id, &operation.id));
        match timeout_at((Instant::now() + CANCEL).into(), asked.answer()).await {
            Ok(Ok(said)) => match work.found(said) {
                Found::Cancelled => Ok(true),
                Found::Ended(_) | Found::Running | Found::Lost { .. } => Ok(false),
                Found::Refused { .. } | Found::Unwatched | Found::Idle => Err(work.refused(no_room(""))),
            },
            Ok(Err(lost)) => Err(work.unknown(&lost.end.why)),
            Err(_) => Err(work.unknown("")),
        }
    }

    /// Says that the result of an operation is known and kept elsewhere: a day later its host may forget it. Nothing
    /// is lost when this does not arrive.
    pub fn acknowledge(&self, request: &Request) {
        let Some(operation) = &request.operation else { return };
        let state = self.state();
        for user in [request.user.clone(), None] {
            let session = state.sessions.get(&(request.host.clone(), user));
            if let Some(session) = session.filter(|session| !session.is_over()) {
                session.say(courier::fetched_line(&operation.id));
                return;
            }
        }
    }
}

/// An operation that is being carried out.
struct Work<'a> {
    hosts: &'a Hosts,
    request: &'a Request,
    operation: &'a Operation,
    endpoint: &'a Endpoint,
    /// Kept by the session too, until the host has answered; what goes on after that has none.
    turn: Option<Turn>,
    started: Instant,
}

impl Work<'_> {
    async fn carry_out(&self, mut session: Option<Arc<Session>>) -> (Result<Reply, Trouble>, Option<GoesOn>) {
        let deadline = self.started + self.request.within;
        // Whether a line of ours may have arrived.
        let mut sent = self.operation.again;
        let mut why = String::new();
        let (mut launches, mut losses) = (0, 0);
        let mut pauses = Pauses(FIRST_PAUSE);
        loop {
            let connected = match session.take() {
                Some(session) => Ok(session),
                None if sent => match timeout_at(deadline.into(), self.connect()).await {
                    Ok(connected) => connected,
                    Err(_) => return (Err(self.unknown(&why)), None),
                },
                None => self.connect().await,
            };
            let connected = match connected {
                Ok(connected) => connected,
                Err(trouble) if !sent => return (Err(trouble), None),
                Err(trouble) => {
                    why = sentence(trouble);
                    if timeout_at(deadline.into(), pauses.rest()).await.is_err() {
                        return (Err(self.unknown(&why)), None);
                    }
                    continue;
                }
            };
            let mut asked = self.submit(&connected);
            let answer = match timeout_at(deadline.into(), self.answer(&connected, &mut asked)).await {
                Ok(answer) => answer,
                Err(_) => return (Err(self.timeout()), Some(self.left(Some((connected, asked))))),
            };
            let found = match answer {
                Ok(found) => found,
                Err(Lost { end, sent: was_sent }) => {
                    sent |= was_sent && end.greeted;
                    losses += 1;
                    // One that breaks again and again is given time.
                    if losses > 1 && timeout_at(deadline.into(), pauses.rest()).await.is_err() {
                        let trouble = if sent {
                            self.unknown(&end.why)
                        } else {
                            self.hosts.not_connected(&self.request.host, end)
                        };
                        return (Err(trouble), None);
                    }
                    why = end.why;
                    continue;
                }
            };
            sent = true;
            match found {
                Found::Ended(reply) => return (Ok(reply), None),
                Found::Refused { why, passes: true, .. } => {
                    if timeout_at(deadline.into(), pauses.rest()).await.is_err() {
                        return self.not_started(&why).await;
                    }
                    session = Some(connected);
                }
                Found::Refused { why, closes: true, .. } => return self.not_started(&why).await,
                Found::Unwatched => {
                    return match self.not_started("").await {
                        (Err(Trouble::Refused { .. }), left) => (Err(self.unwatched()), left),
                        settled => settled,
                    };
                }
                Found::Refused { why, .. } => return (Err(self.refused(why)), None),
                Found::Idle => {
                    launches += 1;
                    let waited = timeout_at(deadline.into(), pauses.rest()).await;
                    if launches == LAUNCHES || waited.is_err() {
                        let why = "It took the command, and what was to start it ended before; it was not started.";
                        return self.not_started(why).await;
                    }
                    session = Some(connected);
                }
                // The host waits for the end of what runs; here it has stopped waiting.
                Found::Running => session = Some(connected),
                Found::Cancelled => return (Err(self.was_cancelled()), None),
                Found::Lost { began } => return (Err(self.lost(began)), None),
            }
        }
    }

    /// An operation is called not started when its gate is closed.
    async fn not_started(&self, why: &str) -> (Result<Reply, Trouble>, Option<GoesOn>) {
        let deadline = Instant::now() + CANCEL;
        let mut pauses = Pauses(FIRST_PAUSE);
        loop {
            let asked = async {
                let session = self.connect().await.map_err(sentence)?;
                let mut asked = session.operate(None, |id| courier::cancel_line(id, &self.operation.id));
                asked.answer().await.map_err(|lost| lost.end.why)
            };
            let silence = match timeout_at(deadline.into(), asked).await {
                Ok(Ok(said)) => match self.found(said) {
                    Found::Cancelled => return (Err(self.refused(why.to_string())), None),
                    Found::Ended(reply) => return (Ok(reply), None),
                    Found::Running => return (Err(self.timeout()), Some(self.left(None))),
                    Found::Lost { began } => return (Err(self.lost(began)), None),
                    Found::Refused { why, .. } => why,
                    Found::Unwatched | Found::Idle => "Its spool takes nothing.".to_string(),
                },
                Ok(Err(why)) => why,
                Err(_) => return (Err(self.unknown("")), None),
            };
            if timeout_at(deadline.into(), pauses.rest()).await.is_err() {
                return (Err(self.unknown(&silence)), None);
            }
        }
    }

    /// What the host says to a request, or to being asked again when it says nothing: what waits there for the end may
    /// have been killed.
    async fn answer(&self, session: &Arc<Session>, asked: &mut Asked) -> Result<Found, Lost> {
        loop {
            if let Ok(answer) = timeout(self.hosts.options.ask_again, asked.answer()).await {
                return answer.map(|said| self.found(said));
            }
            let mut status = session.operate(None, |id| courier::status_line(id, &self.operation.id));
            let found = tokio::select! {
                biased;
                answer = asked.answer() => return answer.map(|said| self.found(said)),
                answer = status.answer() => self.found(answer?),
            };
            if !matches!(found, Found::Running) {
                asked.give_up();
                return Ok(found);
            }
        }
    }

    async fn end(&self, mut asked: Option<(Arc<Session>, Asked)>) -> Result<Reply, Trouble> {
        let mut heard = Instant::now();
        let mut pauses = Pauses(FIRST_PAUSE);
        loop {
            let waits = match asked.take() {
                Some(waits) => Ok(waits),
                None => self.connect().await.map(|session| {
                    let asked = session.operate(None, |id| courier::attach_line(id, &self.operation.id));
                    (session, asked)
                }),
            };
            let (found, was_asked) = match waits {
                Ok((session, mut asked)) => {
                    (self.answer(&session, &mut asked).await.map_err(|lost| lost.end.why), true)
                }
                Err(trouble) => (Err(sentence(trouble)), false),
            };
            match found {
                Ok(Found::Ended(reply)) => return Ok(reply),
                Ok(Found::Lost { began }) => return Err(self.lost(began)),
                Ok(Found::Cancelled) => return Err(self.was_cancelled()),
                Ok(Found::Running) => heard = Instant::now(),
                Ok(Found::Unwatched) => return Err(self.unwatched()),
                Ok(Found::Idle) => return self.late("Its time was out before it was started.").await,
                Ok(Found::Refused { why, .. }) => return self.late(&why).await,
                Err(why) => {
                    if was_asked {
                        // There was a connection up to now.
                        heard = Instant::now();
                    } else if heard.elapsed() > SILENCE {
                        return Err(self.unknown(&why));
                    }
                    pauses.rest().await;
                }
            }
        }
    }

    /// What was asked for in time and was not started then is not started now.
    async fn late(&self, why: &str) -> Result<Reply, Trouble> {
        match self.not_started(why).await {
            (result, None) => result,
            (_, Some(left)) => Box::pin(self.end(left.asked)).await,
        }
    }

    async fn connect(&self) -> Result<Arc<Session>, Trouble> {
        let session = self.hosts.session_as(self.endpoint, self.request.user.as_deref()).await?;
        session.greeted().await.map_err(|end| self.hosts.not_connected(&self.request.host, end))?;
        Ok(session)
    }

    fn submit(&self, session: &Arc<Session>) -> Asked {
        let latest = self.operation.not_after.saturating_sub(self.started.elapsed()).as_millis();
        let line = |id| courier::operation_line(id, self.request, self.operation, latest);
        session.operate(self.turn.clone(), line)
    }

    fn found(&self, said: Said) -> Found {
        let words = match said {
            Said::Ended(ended) => return Found::Ended(reply(ended, self.started)),
            Said::Words(words) => words,
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let subject = &self.operation.subject;
        let refused = |why: String, passes, closes| Found::Refused { why, passes, closes };
        match words.as_slice() {
            ["running"] => Found::Running,
            ["cancelled"] => Found::Cancelled,
            ["lost", began @ ..] => Found::Lost { began: began.first().and_then(|began| began.parse().ok()) },
            ["refused", "late", ..] => {
                refused("It got to this too late, and the command was not started.".into(), false, true)
            }
            ["refused", "busy", id, who, ..] => {
                let who = match courier::decoded(who) {
                    who if who.is_empty() || who == "-" => format!("operation {id}"),
                    who => harmless(&who),
                };
                let why = format!("Something else is at work on `{subject}` ({who}); this command was not started.");
                refused(why, true, true)
            }
            ["refused", "fenced", rest @ ..] => {
                let why = match holder(rest) {
                    Some(holder) => format!("`{subject}` is held by {holder}; this command was not started."),
                    None => format!("`{subject}` is held by somebody else; this command was not started."),
                };
                refused(why, false, true)
            }
            ["refused", "hold", left, who] => {
                let why = format!("`{subject}` is {}; this command was not started.", on_hold(left, who));
                refused(why, false, true)
            }
            ["refused", "moved", node, ..] => {
                let where_to = if *node == "-" { String::new() } else { format!(", but on `{}`", harmless(node)) };
                let why = format!("`{subject}` is not there any more{where_to}; this command was not started.");
                refused(why, false, true)
            }
            ["refused", "unwatched", ..] => Found::Unwatched,
            ["refused", "other", ..] => refused(
                "Another command stands under the same id there; this one was not started.".into(),
                false,
                false,
            ),
            ["refused", "memory", ..] => {
                let why = "It has no place in memory (/dev/shm, /run) for what must not be on a disk; the command was \
                           not started.";
                refused(why.into(), false, false)
            }
            ["refused", _, rest @ ..] => refused(no_room(&rest.join(" ")), false, false),
            _ => Found::Idle,
        }
    }

    fn left(&self, asked: Option<(Arc<Session>, Asked)>) -> GoesOn {
        // What it was started with is not needed any more.
        let request = Request { env: Vec::new(), stdin: Vec::new(), ..self.request.clone() };
        let operation = self.operation.clone();
        GoesOn { request, operation, started: self.started, asked }
    }

    fn refused(&self, why: String) -> Trouble {
        Trouble::Refused { host: self.request.host.clone(), why }
    }

    fn unwatched(&self) -> Trouble {
        Trouble::Unwatched { host: self.request.host.clone() }
    }

    fn was_cancelled(&self) -> Trouble {
        self.refused("It was called off before it was started.".to_string())
    }

    fn timeout(&self) -> Trouble {
        Trouble::Timeout { host: self.request.host.clone(), after: self.request.within }
    }

    fn lost(&self, began: Option<u64>) -> Trouble {
        let why = "It had been started, and then the host, or what ran it there, ended without a result.".to_string();
        Trouble::Unknown { host: self.request.host.clone(), why, began }
    }

    fn unknown(&self, why: &str) -> Trouble {
        let why = format!("{why} It could not be asked again in time.").trim_start().to_string();
        Trouble::Unknown { host: self.request.host.clone(), why, began: None }
    }
}

/// Why nothing can be written on a host, from what its shell said.
pub(super) fn no_room(said: &str) -> String {
    let cause = said.rsplit(": ").next().unwrap_or_default().trim();
    let cause = if cause.is_empty() { String::new() } else { format!(" ({})", harmless(cause)) };
    format!("Its spool can not be written{cause}, and without it nothing is started there; look at /var/lib/hostler.")
}

/// What a host says of a guest that a person wants left alone: for how long, in hundredths of a second, and who.
pub(super) fn on_hold(left: &str, who: &str) -> String {
    let minutes = left.parse::<u64>().unwrap_or(0).div_ceil(6000);
    format!("held by {} for another {minutes} min", harmless(&courier::decoded(who)))
}

/// `TOKEN RUN HOLDER AGO`.
pub(super) fn holder(words: &[&str]) -> Option<Holder> {
    let [token, run, holder, ago, ..] = words else { return None };
    let since = ago.parse().ok().map(|ago: u64| Duration::from_millis(ago * 10));
    let text = |field: &str| harmless(&courier::decoded(field));
    Some(Holder { token: token.parse().ok()?, run: text(run), holder: text(holder), since })
}

pub(super) fn sentence(trouble: Trouble) -> String {
    match trouble {
        Trouble::Unreachable { why, .. } | Trouble::Refused { why, .. } | Trouble::Unknown { why, .. } => why,
        Trouble::Timeout { .. } | Trouble::Unwatched { .. } => String::new(),
    }
}
