//! A run as its journal keeps it: what it is, and where it stands.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hmac::Mac as _;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

use super::arguments::OneArguments;
use super::check::EVAL;
use super::endpoints;
use super::ready::Ready;
use super::trusted::digest;
use crate::check::Channel;
use crate::code::Code;
use crate::hosts::{Endpoint, hex, keyed, random_hex};
use crate::journal::{EVENT, OWNER, RUN, Record, Runs, new_id};
use crate::machine::{Event, Note};
use crate::run::Replay;
use crate::text::Sources;

/// The form of the first record that this program writes and reads.
const FORM: u32 = 1;

/// What a run is: the first record of its journal. Of a secret it holds the source; an inventory is kept as what the
/// code and the connections take from it, since its files may hold what nobody marked as secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    form: u32,
    /// The program that wrote it.
    version: String,
    pub(crate) id: String,
    /// What the digests of secrets are keyed with.
    key: String,
    /// When it began, in milliseconds since 1970.
    pub(crate) began: i64,
    /// The site's time zone, by which its times are shown.
    zone: Option<String>,
    /// The folder in which it was started.
    pub(crate) folder: String,
    pub(crate) file: Option<String>,
    pub(crate) one: OneArguments,
    /// Whether every question is answered with yes.
    pub(crate) yes: bool,
    /// The plan files that were read; of other files, such as inventories, only the digest.
    pub(crate) sources: Vec<Source>,
    /// The environment variables that the plan takes secrets from, and a keyed digest of each.
    secrets: BTreeMap<String, String>,
    /// The SHA-256 of the code, as JSON.
    digest: String,
    pub(crate) code: Code,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) become_users: BTreeMap<String, String>,
    pub(crate) channels: crate::text::IndexMap<String, Channel>,
}

/// A file that was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Source {
    name: String,
    sha256: String,
    text: Option<String>,
}

/// Who drives a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Owner {
    /// When, in milliseconds since 1970.
    at: i64,
    user: String,
    machine: String,
    process: u32,
    version: String,
}

/// A run that was read from its journal.
pub(crate) struct Past {
    pub(crate) kept: Kept,
    pub(crate) owners: Vec<Owner>,
    pub(crate) replay: Replay,
    pub(crate) notes: Vec<Note>,
}

/// The runs of this user: `$XDG_STATE_HOME/hostler/runs`, else `~/.local/state/hostler/runs`.
pub(crate) fn runs() -> Result<Runs, String> {
    let folder = runs_folder(|name| std::env::var_os(name));
    Runs::at(&folder.ok_or("a run keeps a journal, and there is no place for it: set HOME or XDG_STATE_HOME")?)
}

/// Where the runs of a user with such an environment are.
pub(crate) fn runs_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).map(PathBuf::from).filter(|value| value.is_absolute());
    let state = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("hostler/runs"))
}

impl Kept {
    /// A run that is about to begin.
    pub(crate) fn new(ready: &Ready, yes: bool, now: &Zoned) -> Result<Kept, String> {
        let (endpoints, become_users) = endpoints::endpoints(&ready.loaded.inventory, &ready.loaded.vault);
        let random = random_hex().map_err(|error| error.to_string())?;
        let stamp = now.strftime("%Y%m%d-%H%M%S").to_string();
        let folder = std::env::current_dir().map_err(|error| format!("the folder can not be told: {error}"))?;
        Ok(Kept {
            form: FORM,
            version: env!("CARGO_PKG_VERSION").to_string(),
            key: random.clone(),
            id: new_id(&stamp, &ready.code.plan().name, &random[..8]),
            began: now.timestamp().as_millisecond(),
            zone: ready.loaded.site.timezone.clone(),
            folder: folder.to_string_lossy().into_owned(),
            file: ready.file.clone(),
            one: ready.one.clone(),
            yes,
            secrets: secrets(&ready.code, &random),
            sources: sources(&ready.sources),
            digest: digest_of(&ready.code),
            code: ready.code.clone(),
            endpoints,
            become_users,
            channels: ready.loaded.site.notify.clone(),
        })
    }

    /// Environment variables whose secrets are not what they were when the run began.
    pub(crate) fn changed_secrets(&self) -> Vec<&str> {
        let now = secrets(&self.code, &self.key);
        let changed = self.secrets.iter().filter(|(name, digest)| now.get(*name) != Some(digest));
        changed.map(|(name, _)| name.as_str()).collect()
    }

    /// Milliseconds since the run began, by the clock of this machine.
    pub(crate) fn elapsed(&self) -> u64 {
        u64::try_from(Timestamp::now().as_millisecond() - self.began).unwrap_or(0)
    }

    /// A time of the run as people read it.
    pub(crate) fn time(&self, at: u64) -> Zoned {
        let zone = self.zone.as_deref().and_then(|zone| TimeZone::get(zone).ok()).unwrap_or_else(TimeZone::system);
        let since = self.began.saturating_add(i64::try_from(at).unwrap_or(i64::MAX));
        Timestamp::from_millisecond(since).unwrap_or_default().to_zoned(zone)
    }

    fn read(record: &Record) -> Result<Kept, String> {
        #[derive(Deserialize)]
        struct Form {
            form: u32,
            version: String,
        }
        let unreadable = |error: serde_json::Error| format!("the journal's first record can not be read: {error}");
        let Form { form, version } = serde_json::from_str(&record.body).map_err(unreadable)?;
        let another = || {
            if version == env!("CARGO_PKG_VERSION") {
                return format!(
                    "the run was begun by another build of hostler {version}, which alone reads its journal"
                );
            }
            format!(
                "the run was begun by hostler {version}, whose journals (form {form}) this program, {}, does not read; use hostler {version} for it",
                env!("CARGO_PKG_VERSION")
            )
        };
        if form != FORM {
            return Err(another());
        }
        let kept: Kept = serde_json::from_str(&record.body).map_err(|_| another())?;
        if kept.digest == digest_of(&kept.code) { Ok(kept) } else { Err(another()) }
    }
}

impl Owner {
    /// This process.
    pub(crate) fn this() -> Owner {
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Owner {
            at: Timestamp::now().as_millisecond(),
            user: std::env::var("USER")
                .or_else(|_| std::env::var("LOGNAME"))
                .unwrap_or_else(|_| "somebody".to_string()),
            machine: machine.trim().to_string(),
            process: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_string(),
        }
    }

    /// Who that is, whichever of their processes.
    pub(crate) fn person(&self) -> String {
        format!("{}@{}", self.user, self.machine)
    }

    /// For a person.
    pub(crate) fn text(&self) -> String {
        format!("{}@{}, process {}", self.user, self.machine, self.process)
    }
}

impl Past {
    /// Reads a run: its state is the fold of its events.
    pub(crate) fn read(runs: &Runs, id: &str) -> Result<Past, String> {
        Past::read_each(runs, id, |_, _, _| {})
    }

    /// The same; `each` sees every event with the effects that it gave, after the state before it.
    pub(crate) fn read_each(
        runs: &Runs,
        id: &str,
        mut each: impl FnMut(&Replay, &Event, &[(crate::machine::EffectId, crate::machine::Effect)]),
    ) -> Result<Past, String> {
        let mut past: Option<Past> = None;
        let mut owners = Vec::new();
        runs.read(id)?.each(|record| {
            let unreadable = |error: serde_json::Error| format!("record {} can not be read: {error}", record.number);
            match record.kind.as_str() {
                RUN => {
                    let kept = Kept::read(&record)?;
                    let replay = Replay::new(Arc::new(kept.code.clone()));
                    past = Some(Past { kept, owners: Vec::new(), replay, notes: Vec::new() });
                }
                OWNER => owners.push(serde_json::from_str(&record.body).map_err(unreadable)?),
                EVENT => {
                    let past = past.as_mut().ok_or("the journal does not say what the run is")?;
                    let event: Event = serde_json::from_str(&record.body).map_err(unreadable)?;
                    let stepped = past.replay.step(event.clone());
                    each(&past.replay, &event, &stepped.effects);
                    past.notes.extend(stepped.notes);
                }
                other => {
                    return Err(format!("record {} is a `{other}`, which this program does not know", record.number));
                }
            }
            Ok(())
        })?;
        let mut past = past.ok_or_else(|| format!("the run `{id}` was never begun: its journal is empty"))?;
        past.owners = owners;
        Ok(past)
    }

    /// Whether nothing more will happen.
    pub(crate) fn is_over(&self) -> bool {
        // Without its first event nothing was begun.
        !self.notes.is_empty() && self.replay.state().is_over()
    }
}

/// Plans with their text, all other files by the digest of what is on the disk: an encrypted file stays encrypted.
fn sources(sources: &Sources) -> Vec<Source> {
    let all = sources.iter().filter_map(|source| {
        let path = Path::new(&*source.name);
        let is_plan = path.extension().is_some_and(|ending| ending == "plan") || &*source.name == EVAL;
        let (sha256, text) = if is_plan {
            (digest(source.text.as_bytes()), Some(source.text.to_string()))
        } else {
            (digest(&std::fs::read(path).ok()?), None)
        };
        Some(Source { name: source.name.to_string(), sha256, text })
    });
    all.collect()
}

/// The variables of the environment that are set and that a plan takes secrets from, with keyed digests.
fn secrets(code: &Code, key: &str) -> BTreeMap<String, String> {
    let of = |secret: &OsStr| {
        let mut digest = keyed(key);
        digest.update(secret.as_encoded_bytes());
        hex(&digest.finalize().into_bytes())
    };
    let names = code.secrets_of_the_environment().into_iter();
    names.filter_map(|name| std::env::var_os(&name).map(|secret| (name, of(&secret)))).collect()
}

fn digest_of(code: &Code) -> String {
    digest(&serde_json::to_vec(code).unwrap_or_default())
}
