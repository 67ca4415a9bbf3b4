//! Saved plans: `hostler plan --out FILE` writes down what will run, and `hostler run FILE` runs exactly that.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use serde::{Deserialize, Serialize};

use super::arguments::{OneArguments, PlanArguments, SiteArguments};
use super::trusted::digest;
use crate::code::Code;
use crate::report::dry_run;
use crate::text::Sources;

/// What a saved plan's file holds, as JSON. Of a vault it has a digest of the encrypted file, and of a secret its
/// source: nothing in it is secret.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Saved {
    /// The form of this file.
    hostler_plan: u32,
    /// The program that wrote it.
    version: String,
    /// The folder in which it was started; the paths are as they were given there.
    folder: String,
    pub(crate) file: Option<String>,
    pub(crate) eval: Option<String>,
    pub(crate) plan: PlanArguments,
    pub(crate) site: SiteArguments,
    /// Every file that was read, with its SHA-256.
    sources: BTreeMap<String, String>,
    /// The SHA-256 of what will run.
    code: String,
    /// The same for people: targets, commands, guards, times.
    shows: Vec<String>,
}

/// The form that this program writes and reads.
const FORM: u32 = 1;

impl Saved {
    /// What will run, with all that it was made of.
    pub(crate) fn new(file: Option<&String>, one: &OneArguments, sources: &Sources, code: &Code) -> Saved {
        let OneArguments { eval, plan, site } = one.clone();
        Saved {
            hostler_plan: FORM,
            version: env!("CARGO_PKG_VERSION").to_string(),
            folder: folder(),
            file: file.cloned(),
            eval,
            plan,
            site,
            sources: digests(sources),
            code: digest_of(code),
            shows: dry_run(code).lines().map(str::to_string).collect(),
        }
    }

    /// Reads one, where a file is one: a plan never begins with a brace.
    ///
    /// # Errors
    /// A sentence, where it is one that this program can not read.
    pub(crate) fn read(path: &str) -> Result<Option<Saved>, String> {
        let Ok(text) = fs::read_to_string(path) else { return Ok(None) };
        if !text.trim_start().starts_with('{') {
            return Ok(None);
        }
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| format!("`{path}` is no saved plan: {error}"))?;
        match value.get("hostler_plan").and_then(serde_json::Value::as_u64) {
            Some(form) if form == u64::from(FORM) => {}
            Some(_) => return Err(format!("`{path}` was saved by another version of hostler; save the plan again")),
            None => return Err(format!("`{path}` is no saved plan; `hostler plan FILE --out {path}` writes one")),
        }
        serde_json::from_value(value).map(Some).map_err(|error| format!("`{path}` is no saved plan: {error}"))
    }

    /// Writes it, for this user alone.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn write(&self, path: &str) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let written = options.open(path).and_then(|mut file| writeln!(file, "{text}"));
        written.map_err(|error| format!("`{path}` can not be written: {error}"))
    }

    /// Whether it is run where it was saved: its paths mean something there only.
    ///
    /// # Errors
    /// A sentence that names the folder.
    pub(crate) fn is_at_home(&self) -> Result<(), String> {
        if self.folder == folder() {
            return Ok(());
        }
        Err(format!("the plan was saved in `{}`; run it there", self.folder))
    }

    /// What has changed since it was saved; empty where exactly that would run.
    pub(crate) fn changes(&self, sources: &Sources, code: &Code) -> Vec<String> {
        let now = digests(sources);
        let mut changes = Vec::new();
        for (file, digest) in &self.sources {
            match now.get(file) {
                None => changes.push(format!("`{file}` is not read any more")),
                Some(found) if found != digest => changes.push(format!("`{file}` has changed")),
                Some(_) => {}
            }
        }
        let new = now.keys().filter(|file| !self.sources.contains_key(*file));
        changes.extend(new.map(|file| format!("`{file}` is new")));
        if self.version != env!("CARGO_PKG_VERSION") {
            changes.push(format!(
                "it was saved by hostler {}, and this is {}",
                self.version,
                env!("CARGO_PKG_VERSION")
            ));
        }
        if changes.is_empty() && self.code != digest_of(code) {
            changes.push("what would run is not what was saved".to_string());
        }
        changes
    }
}

fn folder() -> String {
    std::env::current_dir().map_or_else(|_| ".".to_string(), |folder| folder.to_string_lossy().into_owned())
}

/// Of each file that was read. What is on the disk counts: an encrypted file stays encrypted.
fn digests(sources: &Sources) -> BTreeMap<String, String> {
    let of_disk = |name: &str| fs::read(name).ok().map(|bytes| digest(&bytes));
    let files = sources.iter().filter_map(|source| Some((source.name.to_string(), of_disk(&source.name)?)));
    files.collect()
}

fn digest_of(code: &Code) -> String {
    digest(&serde_json::to_vec(code).unwrap_or_default())
}
