//! Real hosts as a world for the machine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::Hosts;
use super::holding::Holding;
use super::request::{self, Operation, Request};
use crate::code::SecretSource;
use crate::machine::{self, Answer, Claim, Datum, Effect, EffectId, Greeting, Reply, Run, Trouble, WATCHER};
use crate::run::World;

/// How long an HTTP address may take to answer.
const HTTP: Duration = Duration::from_secs(10);

/// The length from which a secret is taken out of what a command prints, in bytes.
const SHORTEST_SECRET: usize = 4;

/// What only the command line can do: secrets, questions to a person, notifications.
pub trait Desk: Send + Sync + 'static {
    /// The secret that comes from a source; else why there is none.
    fn secret(&self, source: &SecretSource) -> Result<String, String>;

    /// Whether a person says yes.
    fn confirm(&self, question: &str) -> bool;

    /// Sends a notification; else why it was not sent.
    fn notify(&self, channel: &str, subject: &str, fields: &[(String, String)]) -> Result<(), String>;
}

/// The run that a world is for.
#[derive(Clone, Debug)]
pub struct OfRun {
    /// Its id, from which the ids of its operations follow.
    pub id: String,
    /// Who drives it, for messages to others.
    pub holder: String,
    /// When it began.
    pub began: Instant,
}

/// Real hosts, and the desk that this machine is.
pub struct HostsWorld {
    hosts: Arc<Hosts>,
    desk: Arc<dyn Desk>,
    run: OfRun,
    /// Users that a host's commands become where the plan names none (`ansible_become`).
    become_users: Arc<BTreeMap<String, String>>,
    holding: Arc<Holding>,
    under_way: usize,
    send: mpsc::UnboundedSender<Said>,
    receive: mpsc::UnboundedReceiver<Said>,
    /// Operations whose results were given, and may not be durable yet.
    given: Vec<Request>,
}

/// An answer; whether the same effect gives another; and the operation whose result it is.
type Said = (EffectId, Answer, bool, Option<Box<Request>>);

impl HostsWorld {
    /// A world over these hosts, for a run.
    pub fn new(
        hosts: Arc<Hosts>,
        desk: Arc<dyn Desk>,
        become_users: BTreeMap<String, String>,
        run: OfRun,
    ) -> HostsWorld {
        let (send, receive) = mpsc::unbounded_channel();
        let become_users = Arc::new(become_users);
        HostsWorld {
            holding: Arc::new(Holding::new(hosts.clone(), &run, become_users.clone())),
            hosts,
            desk,
            run,
            become_users,
            under_way: 0,
            send,
            receive,
            given: Vec::new(),
        }
    }

    /// Claims that a process which is gone has made for this run: they are made again.
    pub fn had_claimed<'c>(&self, claims: impl IntoIterator<Item = &'c Claim>) {
        claims.into_iter().for_each(|claim| self.holding.had(claim.clone()));
    }

    fn start(&mut self, id: EffectId, effect: Effect, again: bool) {
        if let Effect::Forget { host } = &effect {
            return self.hosts.forget(host);
        }
        self.under_way += 1;
        let (hosts, desk, send) = (self.hosts.clone(), self.desk.clone(), self.send.clone());
        let (become_users, run) = (self.become_users.clone(), self.run.id.clone());
        let holding = self.holding.clone();
        tokio::spawn(async move {
            // Nobody listens only when the run is over.
            let say = |answer, more, request| drop(send.send((id, answer, more, request)));
            let command = match effect {
                Effect::Run(command) => *command,
                Effect::Claim(claim) => {
                    say(Answer::Claimed(holding.claim(&claim).await.map_err(trouble)), false, None);
                    return;
                }
                Effect::Release(claim) => {
                    holding.release(&claim).await;
                    say(Answer::Released, false, None);
                    return;
                }
                Effect::Watch(watch) => {
                    say(Answer::Watched(holding.watch(&watch).await.map_err(trouble)), false, None);
                    return;
                }
                Effect::Unwatch(watch) => {
                    holding.unwatch(&watch).await;
                    say(Answer::Released, false, None);
                    return;
                }
                Effect::LeaveOff(watch) => {
                    say(Answer::Watched(holding.leave_off(&watch).await.map_err(trouble)), false, None);
                    return;
                }
                other => {
                    say(carry_out(&hosts, &desk, other).await, false, None);
                    return;
                }
            };
            let (mut request, secrets) = match request(desk.as_ref(), &become_users, &run, command) {
                Ok(request) => request,
                Err(why) => {
                    let refused = Trouble::Refused { host: "controller".to_string(), why };
                    say(Answer::Ran(Err(refused)), false, None);
                    return;
                }
            };
            let mut given_up = None;
            if let Some(operation) = &mut request.operation {
                operation.again = again;
                match holding.token(&request.host, request.user.as_deref(), &operation.subject).await {
                    Ok(token) => operation.token = token,
                    Err(request::Trouble::Refused { why, .. }) if again => given_up = Some(why),
                    // Its host says what became of it, when it can be asked again.
                    Err(_) if again => {}
                    Err(why) => {
                        say(Answer::Ran(Err(trouble(why))), false, None);
                        return;
                    }
                }
            }
            let (result, left) = match given_up {
                Some(why) => hosts.given_up(&request, &why).await,
                None => hosts.run_or_leave(&request).await,
            };
            let kept = |request: &Request| request.operation.is_some().then(|| Box::new(request.clone()));
            let reply = |given| reply(given, &secrets);
            let answer = Answer::Ran(result.map(reply).map_err(trouble));
            match left {
                None => say(answer, false, kept(&request)),
                Some(left) => {
                    say(answer, true, None);
                    let ended = hosts.end_of(left).await.map(reply).map_err(trouble);
                    say(Answer::EndedLate(ended), false, kept(&request));
                }
            }
        });
    }

    fn take(&mut self, (id, answer, more, request): Said) -> (u64, EffectId, Answer) {
        self.under_way -= usize::from(!more);
        self.given.extend(request.map(|request| *request));
        (self.now(), id, answer)
    }
}

impl World for HostsWorld {
    fn begin(&mut self, id: EffectId, effect: Effect) {
        self.start(id, effect, false);
    }

    fn begin_again(&mut self, id: EffectId, effect: Effect) {
        self.start(id, effect, true);
    }

    async fn next(&mut self) -> Option<(u64, EffectId, Answer)> {
        if self.under_way == 0 {
            return None;
        }
        let said = self.receive.recv().await?;
        Some(self.take(said))
    }

    fn ready(&mut self) -> Option<(u64, EffectId, Answer)> {
        let said = self.receive.try_recv().ok()?;
        Some(self.take(said))
    }

    fn kept(&mut self) {
        for request in self.given.drain(..) {
            self.hosts.acknowledge(&request);
        }
    }

    fn now(&self) -> u64 {
        self.run.began.elapsed().as_millis() as u64
    }
}

/// The answer to an effect that is no command.
async fn carry_out(hosts: &Hosts, desk: &Arc<dyn Desk>, effect: Effect) -> Answer {
    match effect {
        Effect::Reach { host } => Answer::Reached(hosts.greet_fresh(&host).await.map(greeting).map_err(trouble)),
        Effect::Port { host, port } => Answer::Truth(hosts.port(&host, port).await.map_err(trouble)),
        Effect::Http { url } => {
            Answer::Truth(Ok(tokio::task::spawn_blocking(move || answers(&url)).await.unwrap_or(false)))
        }
        Effect::Sleep { ms } => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Answer::Slept
        }
        Effect::Notify { channel, subject, fields } => {
            let desk = desk.clone();
            let sent = tokio::task::spawn_blocking(move || desk.notify(&channel, &subject, &fields).err()).await;
            Answer::Notified(sent.unwrap_or_else(|why| Some(why.to_string())))
        }
        Effect::Confirm { question } => {
            let desk = desk.clone();
            Answer::Confirmed(tokio::task::spawn_blocking(move || desk.confirm(&question)).await.unwrap_or(false))
        }
        // Done before, or no matter of this.
        Effect::Forget { .. }
        | Effect::Release(_)
        | Effect::Claim(_)
        | Effect::Watch(_)
        | Effect::Unwatch(_)
        | Effect::LeaveOff(_)
        | Effect::Run(_) => Answer::Slept,
    }
}

/// The request that a command is, with the secrets that it needs, and these; else why one of them is not there.
fn request(
    desk: &dyn Desk,
    become_users: &BTreeMap<String, String>,
    run_id: &str,
    run: Run,
) -> Result<(Request, Vec<String>), String> {
    let mut secrets = Vec::new();
    let mut text = |datum: Datum| -> Result<String, String> {
        match datum {
            Datum::Text(text) => Ok(text),
            Datum::Secret(source) => {
                let secret = desk.secret(&source)?;
                secrets.push(secret.clone());
                Ok(secret)
            }
        }
    };
    let env = run.env.into_iter().map(|(name, datum)| Ok((name, text(datum)?))).collect::<Result<_, String>>()?;
    let stdin = run.stdin.map(&mut text).transpose()?.unwrap_or_default().into_bytes();
    let within = Duration::from_millis(run.within);
    // The watch is in the spool of its user, and another's knows nothing of it.
    let user = run.user.or_else(|| become_users.get(&run.host).cloned());
    let can_see_watch = user.as_deref() == Some(WATCHER);
    let operation = run.operation.map(|machine::Operation { step, subject, effect, watched }| Operation {
        not_after: within,
        own_power: effect.is_power() && subject == run.host,
        watch: (watched && can_see_watch).then(|| Operation::watch_of(run_id, &step, &run.host, &subject)),
        ..Operation::of_step(run_id, &step, &run.host, &subject)
    });
    let request = Request { user, host: run.host, argv: run.argv, env, stdin, within, operation };
    Ok((request, secrets))
}

/// What a command printed, without the secrets that it was given: nothing that is shown or kept has them.
fn reply(reply: request::Reply, secrets: &[String]) -> Reply {
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        // A short one would be found everywhere.
        let secrets = secrets.iter().map(|secret| secret.trim()).filter(|secret| secret.len() >= SHORTEST_SECRET);
        secrets.fold(text, |text, secret| text.replace(secret, "•••"))
    };
    Reply {
        code: reply.code,
        stdout: text(&reply.stdout),
        stderr: text(&reply.stderr),
        truncated: reply.truncated,
        took: reply.took.as_millis() as u64,
    }
}

fn greeting(greeting: request::Greeting) -> Greeting {
    Greeting { boot_id: greeting.boot_id, uptime: (greeting.uptime * 1000.0) as u64 }
}

fn trouble(trouble: request::Trouble) -> Trouble {
    match trouble {
        request::Trouble::Unreachable { host, why } => Trouble::Unreachable { host, why },
        request::Trouble::Refused { host, why } => Trouble::Refused { host, why },
        request::Trouble::Unwatched { host } => Trouble::Unwatched { host },
        request::Trouble::Timeout { host, after } => Trouble::Timeout { host, after: after.as_millis() as u64 },
        request::Trouble::Unknown { host, why, began } => Trouble::Unknown { host, why, began },
    }
}

/// Whether an address answers with a status of 200 to 399. Redirections count as answers and are not followed.
fn answers(url: &str) -> bool {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(HTTP))
        .max_redirects(0)
        .http_status_as_error(false)
        .build()
        .into();
    agent.get(url).call().is_ok_and(|response| matches!(response.status().as_u16(), 200..=399))
}
