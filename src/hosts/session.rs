//! One shell on one host: a child process whose other end runs the courier, and the requests that are under way.
//!
//! A session never falls back to another connection. When it ends, that is the answer to whatever was under way, and
//! each request knows whether its line had left this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::blame::{self, End, Ending};
use super::courier;
use super::endpoint::Endpoint;
use super::folder::random_hex;
use super::frames::{Ended, Frame, Frames};
use super::request::{Greeting, Request};
use super::told::{Step, Told};

/// How often the courier is told that the controller is alive; it gives up after 60 s without.
const BEAT_EVERY: Duration = Duration::from_secs(20);

/// How long the child may take to end by itself when its work is over.
const GRACE: Duration = Duration::from_secs(3);

/// How long a login may be under way before lines are written although ssh did not tell of its end.
const SILENT_LOGIN: Duration = Duration::from_secs(2);

/// How long to wait before a host that had too many connections is tried again; twice as long each time, up to
/// [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest such wait.
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// How many requests are over before their files on the host are removed, by one process for all.
const SWEEP: usize = 32;

/// How much of what a host prints instead of a greeting is kept, in bytes.
const NOISE: usize = 2000;

/// What a session is opened with.
pub(super) struct Plan {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) endpoint: Endpoint,
    /// The user to whom it is raised, where it is.
    pub(super) raised: Option<String>,
    /// How long the greeting may take.
    pub(super) patience: Duration,
    /// Bounds how many connections are opened at the same time.
    pub(super) opening: Arc<Semaphore>,
    /// Code that tests put into the courier.
    pub(super) points: Arc<[(String, String)]>,
}

/// How far a session has come.
#[derive(Clone, Debug)]
enum Stage {
    Opening,
    Open(Greeted),
    Over(End),
}

/// What the courier said of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Greeted {
    pub(super) greeting: Greeting,
    pub(super) uid: String,
}

/// How a request ended, when its session ended first.
#[derive(Clone, Debug)]
pub(super) struct Lost {
    pub(super) end: End,
    /// Its line had been written in full, so that the host may have acted on it.
    pub(super) sent: bool,
}

/// A handle; the connection is closed when the last one is dropped.
pub(super) struct Session {
    shared: Arc<Shared>,
    points: Arc<[(String, String)]>,
    lines: mpsc::UnboundedSender<Line>,
    stage: watch::Receiver<Stage>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What a host says to a request.
#[derive(Debug)]
pub(super) enum Said {
    /// A command ended.
    Ended(Ended),
    /// Something else, in the courier's words.
    Words(Vec<String>),
}

/// The turn of a changing command, kept as long as somebody waits for it or its host has not answered.
pub(super) type Turn = Arc<Vec<OwnedSemaphorePermit>>;

/// A request under way. Dropped before its end, a reading command is ended on the host.
pub(super) struct Asked {
    session: Arc<Session>,
    id: u64,
    reading: bool,
    answer: oneshot::Receiver<Result<Said, Lost>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next_id: u64,
    pending: BTreeMap<u64, Pending>,
    over: Option<End>,
    done: Vec<u64>,
    /// The courier has what operations take.
    taught: bool,
}

struct Pending {
    sent: bool,
    answer: oneshot::Sender<Result<Said, Lost>>,
    _turn: Option<Turn>,
}

struct Line {
    id: Option<u64>,
    bytes: Vec<u8>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and the state is whole between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Begins to open one. Reading requests can be asked at once: they travel behind the program.
    pub(super) fn open(plan: Plan) -> Arc<Session> {
        let shared = Arc::new(Shared::default());
        let (lines, queue) = mpsc::unbounded_channel();
        let (stage_sender, stage) = watch::channel(Stage::Opening);
        let life = Life { shared: shared.clone(), lines: lines.downgrade(), stage: stage_sender };
        let points = plan.points.clone();
        let task = tokio::spawn(life.live(plan, queue));
        Arc::new(Session { shared, points, lines, stage, task: Mutex::new(Some(task)) })
    }

    /// Waits until the courier has greeted, or will not.
    pub(super) async fn greeted(&self) -> Result<Greeted, End> {
        let mut stage = self.stage.clone();
        let settled = stage.wait_for(|stage| !matches!(stage, Stage::Opening)).await;
        match settled.as_deref() {
            Ok(Stage::Open(greeted)) => Ok(greeted.clone()),
            Ok(Stage::Over(end)) => Err(end.clone()),
            Ok(Stage::Opening) | Err(_) => Err(End { why: "The connection was given up.".into(), ..End::default() }),
        }
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.shared.state().over.is_some()
    }

    /// Hands a reading command over.
    pub(super) fn ask(self: &Arc<Self>, request: &Request) -> Asked {
        self.hand_over(true, None, |id| courier::line(id, request))
    }

    /// Hands over what is about an operation or a claim. `turn` is kept until the host has answered, also when nobody
    /// waits any more.
    pub(super) fn operate(self: &Arc<Self>, turn: Option<Turn>, line: impl FnOnce(u64) -> Vec<u8>) -> Asked {
        self.hand_over(false, turn, line)
    }

    /// Says something about an operation that needs no answer.
    pub(super) fn say(&self, bytes: Vec<u8>) {
        let mut state = self.shared.state();
        self.teach(&mut state);
        let _ = self.lines.send(Line { id: None, bytes });
    }

    fn hand_over(self: &Arc<Self>, reading: bool, turn: Option<Turn>, line: impl FnOnce(u64) -> Vec<u8>) -> Asked {
        let (answer, receiver) = oneshot::channel();
        let mut state = self.shared.state();
        state.next_id += 1;
        let id = state.next_id;
        if let Some(end) = state.over.clone() {
            let _ = answer.send(Err(Lost { end, sent: false }));
        } else {
            if !reading {
                self.teach(&mut state);
            }
            state.pending.insert(id, Pending { sent: false, answer, _turn: turn });
            let _ = self.lines.send(Line { id: Some(id), bytes: line(id) });
        }
        drop(state);
        Asked { session: self.clone(), id, reading, answer: receiver }
    }

    fn teach(&self, state: &mut State) {
        if !std::mem::replace(&mut state.taught, true) {
            let _ = self.lines.send(Line { id: None, bytes: courier::operation_program(&self.points) });
        }
    }

    /// Gives the task that keeps it, to wait for its end after the last handle is dropped.
    pub(super) fn task(&self) -> Option<JoinHandle<()>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Asked {
    /// Waits for the answer.
    pub(super) async fn answer(&mut self) -> Result<Said, Lost> {
        match (&mut self.answer).await {
            Ok(answer) => answer,
            Err(_) => {
                // The runtime ends; nobody will see this.
                Err(Lost { end: End { why: "The program ends.".into(), ..End::default() }, sent: true })
            }
        }
    }

    /// The host will not answer any more: whatever waited for that goes on.
    pub(super) fn give_up(&self) {
        self.session.shared.state().pending.remove(&self.id);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let under_way = self.session.shared.state().pending.contains_key(&self.id);
        if self.reading && under_way {
            let _ = self.session.lines.send(Line { id: None, bytes: courier::kill_line(self.id) });
        }
    }
}

/// The right to open a connection, kept until it is open.
struct Permit(Option<OwnedSemaphorePermit>);

/// The task's part of a session.
struct Life {
    shared: Arc<Shared>,
    lines: mpsc::WeakUnboundedSender<Line>,
    stage: watch::Sender<Stage>,
}

/// The two ways in which reading ends.
enum Stop {
    /// The other side closed, or says what is not the protocol.
    Host(Option<String>),
    /// No greeting came in time.
    NoGreeting,
}

/// The other end of the queue of lines. The writer gives it back when it ends.
type Queue = mpsc::UnboundedReceiver<Line>;

impl Life {
    async fn live(self, plan: Plan, mut queue: Queue) {
        let permit = plan.opening.clone().acquire_owned().await.ok();
        let mut permit = Permit(permit);
        // Another try must still leave time for its own login.
        let deadline = Instant::now() + plan.patience / 2;
        let mut pause = FIRST_PAUSE;
        loop {
            if queue.is_closed() && queue.is_empty() {
                return self.over(ours("The connection was given up.".into()));
            }
            let (end, untouched) = self.attempt(&plan, queue, &mut permit).await;
            match untouched {
                Some(back) if end.busy && Instant::now() + pause < deadline => queue = back,
                _ => return self.over(end),
            }
            // Not all at the same moment again.
            let jitter = random_hex().ok().and_then(|hex| u32::from_str_radix(&hex[..2], 16).ok()).unwrap_or(0);
            tokio::time::sleep(pause + pause * jitter / 256).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// One connection, from its start to its end. Gives the queue back when no line was taken from it, so that
    /// nothing was sent.
    async fn attempt(&self, plan: &Plan, queue: Queue, permit: &mut Permit) -> (End, Option<Queue>) {
        let Plan { endpoint, raised, patience, .. } = plan;
        let nonce = match random_hex() {
            Ok(nonce) => nonce,
            Err(error) => return (ours(format!("This machine has no random numbers: {error}.")), None),
        };
        let mut command = Command::new(&plan.program);
        command.args(&plan.arguments);
        if endpoint.local {
            // A stale name of a user would be believed; without one, the courier asks the system.
            command.env_remove("USER");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: Ctrl-C at the controller's terminal must not end connections behind our back.
        command.process_group(0).kill_on_drop(true);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return (ours(cannot_start(&plan.program, &error)), None),
        };
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return (ours("This machine gave no pipes to its ssh.".into()), None);
        };
        let (logged_in, ready) = oneshot::channel();
        let mut logged_in = Some(logged_in);
        if endpoint.local {
            let _ = logged_in.take().map(|logged_in| logged_in.send(()));
        }
        let told = tokio::spawn(listen(stderr, logged_in));
        let queue = Arc::new(tokio::sync::Mutex::new(queue));
        let began = Arc::new(AtomicBool::new(false));
        let writer = Writer { shared: self.shared.clone(), stdin, queue: queue.clone(), began: began.clone() };
        let writer = tokio::spawn(writer.write(courier::program(&nonce, &plan.points), ready));
        let mut noise = Vec::new();
        let stop = self.read(stdout, Frames::new(&nonce), permit, *patience, &mut noise).await;
        let code = finish(&mut child, &stop).await;
        // The writer goes first: afterwards it is known of each line whether it was written.
        writer.abort();
        let _ = writer.await;
        let wrote = began.load(Ordering::Relaxed);
        let mut told = tokio::time::timeout(GRACE, told).await.ok().and_then(Result::ok).unwrap_or_default();
        if endpoint.local {
            told.step = Step::LoggedIn;
        }
        let noise = String::from_utf8_lossy(&noise);
        let ours = match &stop {
            Stop::Host(ours) => ours.clone(),
            Stop::NoGreeting => Some(no_greeting(&told)),
        };
        let ending = Ending { code, ours, noise: &noise };
        let end = match &*self.stage.borrow() {
            Stage::Open(_) => blame::after_greeting(&told, &ending),
            _ => blame::before_greeting(&told, endpoint, raised.as_deref(), &ending),
        };
        let back = if wrote { None } else { Arc::into_inner(queue).map(tokio::sync::Mutex::into_inner) };
        (end, back)
    }

    async fn read(
        &self,
        mut stdout: ChildStdout,
        mut frames: Frames,
        permit: &mut Permit,
        patience: Duration,
        noise: &mut Vec<u8>,
    ) -> Stop {
        let greeting = tokio::time::sleep(patience);
        tokio::pin!(greeting);
        let mut opening = true;
        let mut bytes = vec![0u8; 16 << 10];
        loop {
            let length = tokio::select! {
                biased;
                read = stdout.read(&mut bytes) => match read {
                    Ok(0) | Err(_) => return Stop::Host(None),
                    Ok(length) => length,
                },
                () = &mut greeting, if opening => return Stop::NoGreeting,
            };
            if opening && noise.len() < NOISE {
                noise.extend_from_slice(&bytes[..length.min(NOISE)]);
            }
            frames.push(&bytes[..length]);
            loop {
                match frames.next() {
                    Ok(None) => break,
                    Ok(Some(Frame::Hello { greeting, uid })) => {
                        opening = false;
                        permit.0 = None;
                        noise.clear();
                        let _ = self.stage.send(Stage::Open(Greeted { greeting, uid }));
                    }
                    Ok(Some(Frame::Reply(ended))) => self.answered(ended.id, Said::Ended(ended)),
                    Ok(Some(Frame::Words { id, words })) => self.answered(id, Said::Words(words)),
                    Ok(Some(Frame::NoRoom)) => {
                        let why = "It has no folder that its user can write to (/dev/shm, /run, /tmp and /var/tmp are full or read-only).";
                        return Stop::Host(Some(why.into()));
                    }
                    Err(broken) => return Stop::Host(Some(format!("It broke the protocol ({broken})."))),
                }
            }
        }
    }

    fn answered(&self, id: u64, said: Said) {
        let mut state = self.shared.state();
        let Some(pending) = state.pending.remove(&id) else { return };
        state.done.push(id);
        let _ = pending.answer.send(Ok(said));
        if state.done.len() >= SWEEP
            && let Some(lines) = self.lines.upgrade()
        {
            let done = std::mem::take(&mut state.done);
            let _ = lines.send(Line { id: None, bytes: courier::done_line(&done) });
        }
    }

    fn over(&self, end: End) {
        let pending = {
            let mut state = self.shared.state();
            state.over = Some(end.clone());
            std::mem::take(&mut state.pending)
        };
        for request in pending.into_values() {
            let _ = request.answer.send(Err(Lost { end: end.clone(), sent: request.sent }));
        }
        let _ = self.stage.send(Stage::Over(end));
    }
}

/// Writes lines as they come, and marks each request whose line is whole. A line that is not whole is not carried
/// out: the courier takes lines up to their newline only.
struct Writer {
    shared: Arc<Shared>,
    stdin: ChildStdin,
    queue: Arc<tokio::sync::Mutex<Queue>>,
    /// Set when the first byte is about to be written.
    began: Arc<AtomicBool>,
}

impl Writer {
    /// Begins when the login is over, since nothing reaches the host before.
    async fn write(mut self, program: Vec<u8>, ready: oneshot::Receiver<()>) {
        // A client that does not tell of its login is written to all the same; one that has ended is not.
        if let Ok(Err(_)) = tokio::time::timeout(SILENT_LOGIN, ready).await {
            return;
        }
        self.began.store(true, Ordering::Relaxed);
        let mut queue = self.queue.lock().await;
        if self.stdin.write_all(&program).await.is_err() {
            return;
        }
        drop(program);
        let mut beat = tokio::time::interval(BEAT_EVERY);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        beat.reset();
        loop {
            let line = tokio::select! {
                biased;
                _ = beat.tick() => Line { id: None, bytes: courier::BEAT.to_vec() },
                line = queue.recv() => match line {
                    Some(line) => line,
                    None => return,
                },
            };
            if self.stdin.write_all(&line.bytes).await.is_err() {
                return;
            }
            if let Some(id) = line.id
                && let Some(pending) = self.shared.state().pending.get_mut(&id)
            {
                pending.sent = true;
            }
        }
    }
}

/// Sorts what ssh tells, and says when the login is over; at once where there is none.
async fn listen(stderr: ChildStderr, mut logged_in: Option<oneshot::Sender<()>>) -> Told {
    let mut told = Told::default();
    let mut lines = BufReader::with_capacity(1024, stderr);
    let mut line = Vec::new();
    // A line without an end is taken in pieces, so that a host can not fill our memory.
    while let Ok(read) = (&mut lines).take(4096).read_until(b'\n', &mut line).await {
        if read == 0 {
            break;
        }
        told.line(&String::from_utf8_lossy(&line));
        line.clear();
        if told.step == Step::LoggedIn
            && let Some(logged_in) = logged_in.take()
        {
            let _ = logged_in.send(());
        }
    }
    told
}

/// The child's exit status. It is given a moment when the other side closed, and none when it said nothing in time.
async fn finish(child: &mut Child, stop: &Stop) -> Option<i32> {
    let patience = if matches!(stop, Stop::Host(None)) { GRACE } else { Duration::ZERO };
    if let Ok(Ok(status)) = tokio::time::timeout(patience, child.wait()).await {
        return status.code();
    }
    let _ = child.kill().await;
    None
}

fn no_greeting(told: &Told) -> String {
    match told.step {
        Step::Started => "Nothing answered within the time for connecting.".into(),
        Step::Connected => "Something accepted the connection and then said nothing.".into(),
        Step::Introduced | Step::Trusted => "It stopped answering in the middle of the login.".into(),
        Step::LoggedIn => {
            "It lets its user log in and then says nothing: a login file hangs, or waits for input.".into()
        }
    }
}

fn cannot_start(program: &Path, error: &std::io::Error) -> String {
    let program = program.display();
    if error.kind() == std::io::ErrorKind::NotFound {
        return format!("There is no `{program}` on this machine; install OpenSSH's client (package openssh-client).");
    }
    format!("This machine can not start `{program}`: {error}.")
}

fn ours(why: String) -> End {
    End { why, ..End::default() }
}
