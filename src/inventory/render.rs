//! Templates and vaults to values.
//!
//! A variable that refers to others is worked out when it is asked for, and they with it, each once a host. What can
//! not be worked out is no error here: the variable keeps the reason, which is due where the variable is used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::value::{Enumerator, Object};
use minijinja::{Environment, Error, ErrorKind, Value as Item};
use serde_json::{Map, Value};

use super::variable::{is_template, unsafe_text, vault_text};
use super::vault::VaultKeys;
use super::{Host, Inventory, Variable, errors, jinja, paths};
use crate::diag::Diagnostic;
use crate::text::{IndexMap, Span};

/// How many variables may wait for each other.
const MAX_CHAIN: usize = 40;
/// Names that templates may use without being variables.
const FUNCTIONS: [&str; 4] = ["range", "dict", "namespace", "hostvars"];

/// Works out every variable of an inventory that is a template or in a vault. Values in vaults stay closed: that the
/// right password is there is found out when one is used, or by [`Inventory::open`].
pub(super) fn resolve(inventory: &mut Inventory, keys: &VaultKeys) {
    let is_live = |variable: &Arc<Variable>| variable.written.is_some();
    if !inventory.hosts.values().any(|host| host.variables.values().any(is_live)) {
        return;
    }
    let world = Arc::new(World::take(inventory, Vaults::Closed { any_key: !keys.is_empty() }));
    let mut values: Vec<Vec<(usize, Arc<Variable>)>> = Vec::new();
    for (number, host) in world.hosts.values().enumerate() {
        let live = host.variables.iter().enumerate().filter(|(_, (_, variable))| is_live(variable));
        let resolved = live.filter_map(|(index, (name, variable))| {
            let outcome = world.outcome(number, name)?;
            Some((index, Arc::new(outcome.apply(variable))))
        });
        values.push(resolved.collect());
    }
    world.give_back(inventory, values);
}

impl Inventory {
    /// The value of a variable of a host, a vault opened where it is in one.
    ///
    /// `Ok(None)`: the host has no such variable.
    ///
    /// # Errors
    /// The error that is due for a variable that can not be worked out: a vault that stays closed, a template that
    /// uses what is not there or not known here.
    pub fn open(&self, host: &str, name: &str, keys: &VaultKeys) -> Result<Option<Value>, Box<Diagnostic>> {
        match self.hosts.get(host) {
            Some(known) => self.open_of(host, known, name, keys),
            None => Ok(None),
        }
    }

    /// As [`Inventory::open`], of a host that is at hand.
    ///
    /// # Errors
    /// As [`Inventory::open`].
    pub(super) fn open_of(
        &self,
        host: &str,
        known: &Host,
        name: &str,
        keys: &VaultKeys,
    ) -> Result<Option<Value>, Box<Diagnostic>> {
        let Some(variable) = known.variables.get(name) else { return Ok(None) };
        match &variable.problem {
            None if !variable.sealed => return Ok(Some(variable.value.clone())),
            // With a password now, a vault that was closed may open.
            Some(problem) if keys.is_empty() => return Err(problem.clone()),
            _ => {}
        }
        let world = Arc::new(World::copy(self, host, keys));
        let Some(number) = world.hosts.get_index_of(host) else { return Ok(None) };
        let Some(outcome) = world.outcome(number, name) else { return Ok(None) };
        match &outcome.problem {
            Some(problem) => Err(problem.clone()),
            None => Ok(outcome.part.value()),
        }
    }
}

/// What is done with values in vaults.
#[derive(Debug)]
enum Vaults {
    /// They stay closed.
    Closed { any_key: bool },
    /// They are opened.
    Open(VaultKeys),
}

/// Every host with its variables, for templates to look at.
#[derive(Debug)]
struct World {
    environment: Environment<'static>,
    hosts: IndexMap<String, Known>,
    /// The members of every group.
    groups: Item,
    vaults: Vaults,
    /// By host, what was worked out.
    outcomes: Vec<Mutex<BTreeMap<String, Arc<Outcome>>>>,
    /// What is being worked out, each for the one before it.
    chain: Mutex<Vec<(usize, String)>>,
}

#[derive(Debug)]
struct Known {
    variables: IndexMap<String, Arc<Variable>>,
    /// Sorted, without `all`.
    groups: Vec<String>,
    file: Arc<str>,
    /// Encrypted files that apply to it and stayed closed.
    locked: Vec<Span>,
}

/// A value of which parts may be missing: one of them is no reason to have none of the others.
#[derive(Clone, Debug)]
enum Part {
    Whole(Value),
    /// It has no value, because something is not there (what `default` and `is defined` answer) or for another reason.
    Missing {
        is_undefined: bool,
    },
    List(Vec<Part>),
    Map(Vec<(String, Part)>),
}

impl Part {
    /// The value, where no part is missing.
    fn value(&self) -> Option<Value> {
        match self {
            Part::Whole(value) => Some(value.clone()),
            Part::Missing { .. } => None,
            Part::List(items) => items.iter().map(Part::value).collect::<Option<_>>().map(Value::Array),
            Part::Map(entries) => {
                let entries = entries.iter().map(|(key, part)| Some((key.clone(), part.value()?)));
                entries.collect::<Option<Map<_, _>>>().map(Value::Object)
            }
        }
    }

    /// As templates see it: what is missing hinders only those that use it.
    fn item(&self) -> Item {
        match self {
            Part::Whole(value) => jinja::to_item(value),
            Part::Missing { is_undefined: true } => Item::UNDEFINED,
            Part::Missing { is_undefined: false } => {
                Item::from(Error::new(ErrorKind::InvalidOperation, "a variable has no value"))
            }
            Part::List(items) => Item::from_iter(items.iter().map(Part::item)),
            Part::Map(entries) => Item::from_pairs(entries.iter().map(|(key, part)| (key.as_str(), part.item()))),
        }
    }
}

/// What became of a variable.
#[derive(Clone, Debug)]
struct Outcome {
    part: Part,
    /// Whether a vault had a part in it.
    secret: bool,
    /// Whether a vault that stays closed is needed for it.
    sealed: bool,
    problem: Option<Box<Diagnostic>>,
    /// The variable without which there would be no problem, and its own; nothing where it is this one.
    root: Option<(String, Box<Diagnostic>)>,
}

impl Outcome {
    /// Nothing is known of it yet.
    fn new(secret: bool) -> Self {
        Outcome { part: Part::Missing { is_undefined: false }, secret, sealed: false, problem: None, root: None }
    }

    fn apply(&self, variable: &Variable) -> Variable {
        Variable {
            value: self.part.value().unwrap_or_default(),
            secret: variable.secret || self.secret,
            sealed: self.sealed,
            problem: self.problem.clone(),
            ..variable.clone()
        }
    }
}

/// A lock that was left by a panic still holds whole data here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// Takes the variables of an inventory until they are given back.
    fn take(inventory: &mut Inventory, vaults: Vaults) -> Self {
        let mut groups = groups_of_hosts(inventory);
        let hosts = inventory.hosts.iter_mut().map(|(name, host)| {
            let variables = std::mem::take(&mut host.variables);
            let groups = groups.remove(name).unwrap_or_default();
            (name.clone(), Known { variables, groups, file: host.file.clone(), locked: host.locked.clone() })
        });
        let hosts = hosts.collect();
        World::new(hosts, inventory, vaults)
    }

    /// The variables of one host, and those of all where its templates look at others.
    fn copy(inventory: &Inventory, host: &str, keys: &VaultKeys) -> Self {
        let looks_around = |variable: &Arc<Variable>| variable.written.as_deref().is_some_and(mentions_hostvars);
        let all = inventory.hosts.get(host).is_some_and(|host| host.variables.values().any(looks_around));
        let mut groups = groups_of_hosts(inventory);
        let wanted = inventory.hosts.iter().filter(|(name, _)| all || *name == host);
        let hosts = wanted.map(|(name, host)| {
            let groups = groups.remove(name).unwrap_or_default();
            let (variables, locked) = (host.variables.clone(), host.locked.clone());
            (name.clone(), Known { variables, groups, file: host.file.clone(), locked })
        });
        let hosts = hosts.collect();
        World::new(hosts, inventory, Vaults::Open(keys.clone()))
    }

    fn new(hosts: IndexMap<String, Known>, inventory: &Inventory, vaults: Vaults) -> Self {
        let mut environment = jinja::environment();
        let mut seen = BTreeSet::new();
        for variable in hosts.values().flat_map(|host| host.variables.values()) {
            if let Some(written) = &variable.written {
                prepare(&mut environment, &mut seen, written);
            }
        }
        let members = |members: &[String]| Item::from_iter(members.iter().map(|host| Item::from(host.as_str())));
        let groups = inventory.groups.iter().map(|(name, group)| (name.as_str(), members(&group.members)));
        let groups = Item::from_pairs(groups);
        let outcomes = hosts.iter().map(|_| Mutex::default()).collect();
        World { environment, hosts, groups, vaults, outcomes, chain: Mutex::default() }
    }

    fn give_back(self: Arc<Self>, inventory: &mut Inventory, values: Vec<Vec<(usize, Arc<Variable>)>>) {
        // Nothing else holds the world once no template is at work; were it so, its variables would be copied.
        let hosts = match Arc::try_unwrap(self) {
            Ok(world) => world.hosts.into_iter().map(|(name, known)| (name, known.variables)).collect(),
            Err(world) => {
                let copied = world.hosts.iter().map(|(name, known)| (name.clone(), known.variables.clone()));
                copied.collect::<Vec<_>>()
            }
        };
        for ((name, mut variables), values) in hosts.into_iter().zip(values) {
            for (index, value) in values {
                if let Some((_, variable)) = variables.get_index_mut(index) {
                    *variable = value;
                }
            }
            if let Some(host) = inventory.hosts.get_mut(&name) {
                host.variables = variables;
            }
        }
    }

    /// What a variable of a host is; `None` where it has none of that name.
    fn outcome(self: &Arc<Self>, host: usize, name: &str) -> Option<Arc<Outcome>> {
        let (host_name, known) = self.hosts.get_index(host)?;
        let variable = known.variables.get(name)?;
        let Some(written) = &variable.written else {
            let part = Part::Whole(variable.value.clone());
            return Some(Arc::new(Outcome { part, ..Outcome::new(variable.secret) }));
        };
        if let Some(done) = lock(&self.outcomes[host]).get(name) {
            return Some(done.clone());
        }
        let mut chain = lock(&self.chain);
        let waiting = chain.iter().any(|(other, waiting)| *other == host && waiting == name);
        if waiting || chain.len() >= MAX_CHAIN {
            let problem = match waiting {
                true => errors::template_loop(variable.span, name, host_name),
                false => errors::template_chain(variable.span, name, host_name, MAX_CHAIN),
            };
            return Some(Arc::new(Outcome { problem: Some(Box::new(problem)), ..Outcome::new(variable.secret) }));
        }
        chain.push((host, name.to_string()));
        drop(chain);
        let outcome = Outcome::new(variable.secret);
        let mut work = Work { world: self, host, host_name, name, span: variable.span, outcome };
        work.outcome.part = work.part(written);
        let mut outcome = work.outcome;
        if outcome.sealed {
            outcome.part = Part::Missing { is_undefined: false };
        }
        lock(&self.chain).pop();
        let outcome = Arc::new(outcome);
        lock(&self.outcomes[host]).insert(name.to_string(), outcome.clone());
        Some(outcome)
    }
}

/// The groups of every host, sorted, without `all`.
fn groups_of_hosts(inventory: &Inventory) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, group) in inventory.groups.iter().filter(|(name, _)| *name != "all") {
        for member in &group.members {
            groups.entry(member.clone()).or_default().push(name.clone());
        }
    }
    for names in groups.values_mut() {
        names.sort();
    }
    groups
}

fn mentions_hostvars(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("hostvars"),
        Value::Array(items) => items.iter().any(mentions_hostvars),
        Value::Object(map) => map.values().any(mentions_hostvars),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Compiles every template in a value, each once. One that does not compile is left out, and found missing when it
/// is used.
fn prepare(environment: &mut Environment<'static>, seen: &mut BTreeSet<String>, value: &Value) {
    match value {
        Value::String(text) if is_template(text) => {
            let source = jinja::source(text);
            if seen.insert(text.clone()) && jinja::is_short(&source) {
                let _ = environment.add_template_owned(text.clone(), source);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| prepare(environment, seen, item)),
        Value::Object(map) => map.values().for_each(|item| prepare(environment, seen, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The work on one variable.
struct Work<'a> {
    world: &'a Arc<World>,
    host: usize,
    host_name: &'a str,
    name: &'a str,
    span: Span,
    outcome: Outcome,
}

impl Work<'_> {
    /// A value with its templates and vaults worked out.
    fn part(&mut self, written: &Value) -> Part {
        match written {
            Value::Null | Value::Bool(_) | Value::Number(_) => Part::Whole(written.clone()),
            Value::String(text) if is_template(text) => self.template(text),
            Value::String(_) => Part::Whole(written.clone()),
            Value::Array(items) => Part::List(items.iter().map(|item| self.part(item)).collect()),
            Value::Object(map) => match (vault_text(map), unsafe_text(map)) {
                (Some(vault), _) => self.vault(vault),
                (None, Some(text)) => Part::Whole(Value::String(text.to_string())),
                (None, None) => Part::Map(map.iter().map(|(key, value)| (key.clone(), self.part(value))).collect()),
            },
        }
    }

    fn problem(&mut self, problem: Diagnostic) {
        self.outcome.problem.get_or_insert_with(|| Box::new(problem));
    }

    fn vault(&mut self, text: &str) -> Part {
        let missing = Part::Missing { is_undefined: false };
        self.outcome.secret = true;
        let closed = match &self.world.vaults {
            Vaults::Closed { any_key: true } => {
                self.outcome.sealed = true;
                return missing;
            }
            Vaults::Closed { any_key: false } => VaultKeys::new().open(text),
            Vaults::Open(keys) => keys.open(text),
        };
        match closed {
            Ok(text) => Part::Whole(Value::String(text)),
            Err(closed) => {
                self.problem(errors::vault(self.span, &format!("`{}` of `{}`", self.name, self.host_name), &closed));
                missing
            }
        }
    }

    fn template(&mut self, text: &str) -> Part {
        let notes = Arc::new(Mutex::new(Notes::default()));
        let scope = Scope { world: self.world.clone(), host: self.host, notes: notes.clone() };
        let result = jinja::render(&self.world.environment, text, Item::from_object(scope));
        let notes = std::mem::take(&mut *lock(&notes));
        self.outcome.secret |= notes.secret;
        if notes.sealed {
            self.outcome.sealed = true;
            return Part::Missing { is_undefined: false };
        }
        let (is_undefined, problem) = match result {
            Ok(_) if notes.is_odd && text.contains('~') => {
                let why = "it joins, with `~`, what is no text and no whole number";
                (false, errors::template(self.span, self.name, self.host_name, why))
            }
            Ok(value) => return Part::Whole(value),
            Err(error) => {
                let problem = match notes.blame {
                    Some(Blame::Variable { name, problem }) if is_of_value(error.kind()) => {
                        let needs = errors::template_needs(self.span, self.name, self.host_name, &name, &problem);
                        self.outcome.root.get_or_insert((name, problem));
                        needs
                    }
                    blame => {
                        let why = self.reason(text, &error, blame.as_ref());
                        let problem = errors::template(self.span, self.name, self.host_name, &why);
                        let locked = self.world.hosts.get_index(self.host).and_then(|(_, host)| host.locked.first());
                        match (blame, locked) {
                            (Some(Blame::Name(_)), Some(file)) => errors::may_be_locked(problem, *file),
                            _ => problem,
                        }
                    }
                };
                (error.kind() == ErrorKind::UndefinedError, problem)
            }
        };
        self.problem(problem);
        Part::Missing { is_undefined }
    }

    /// Why a template can not be worked out, in the middle of a sentence.
    fn reason(&self, text: &str, error: &Error, blame: Option<&Blame>) -> String {
        let named = |what: &str| match error.detail() {
            Some(detail) => format!("{what}: {detail}"),
            None => what.to_string(),
        };
        match error.kind() {
            ErrorKind::TemplateNotFound if !jinja::is_short(&jinja::source(text)) => {
                "an expression in it is too long".to_string()
            }
            ErrorKind::TemplateNotFound => match jinja::environment().template_from_str(&jinja::source(text)) {
                Err(error) => format!("it is no template ({})", error.detail().unwrap_or("its syntax")),
                Ok(_) => "it is no template".to_string(),
            },
            ErrorKind::UndefinedError => match blame {
                Some(Blame::Name(name)) if name.starts_with("ansible_") => {
                    format!("`{name}` is no variable of the host: facts and what a playbook sets are not known here")
                }
                Some(Blame::Name(name)) => format!("`{name}` is no variable of the host"),
                Some(Blame::Variable { .. }) | None => "a part of it is not there".to_string(),
            },
            ErrorKind::UnknownFilter => named("a filter is not known here"),
            ErrorKind::UnknownTest => named("a test is not known here"),
            ErrorKind::UnknownFunction => named("a function is not known here"),
            ErrorKind::OutOfFuel => "it does not come to an end".to_string(),
            _ => named("it can not be worked out"),
        }
    }
}

/// What a template touched.
#[derive(Debug, Default)]
struct Notes {
    secret: bool,
    sealed: bool,
    /// Whether it looked at something that is neither text nor a whole number.
    is_odd: bool,
    /// What it looked at last that has no value.
    blame: Option<Blame>,
}

/// What a template lacks.
#[derive(Debug)]
enum Blame {
    /// A name that is no variable.
    Name(String),
    /// A variable that has no value, and why.
    Variable { name: String, problem: Box<Diagnostic> },
}

/// Whether an error can come from a value that is not there.
fn is_of_value(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UndefinedError | ErrorKind::InvalidOperation | ErrorKind::BadSerialization)
}

/// The names that a template sees on a host.
#[derive(Debug)]
struct Scope {
    world: Arc<World>,
    host: usize,
    notes: Arc<Mutex<Notes>>,
}

impl Object for Scope {
    fn get_value(self: &Arc<Self>, key: &Item) -> Option<Item> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Item> {
        if let Some(item) = self.magic(name) {
            return Some(item);
        }
        let Some(outcome) = self.world.outcome(self.host, name) else {
            return self.own(name).or_else(|| {
                if !FUNCTIONS.contains(&name) {
                    lock(&self.notes).blame = Some(Blame::Name(name.to_string()));
                }
                None
            });
        };
        let mut notes = lock(&self.notes);
        notes.secret |= outcome.secret;
        notes.is_odd |= match &outcome.part {
            Part::Whole(value) => !(value.is_string() || value.is_i64() || value.is_u64()),
            Part::Missing { .. } | Part::List(_) | Part::Map(_) => true,
        };
        if outcome.sealed {
            notes.sealed = true;
        }
        if let Some(problem) = &outcome.problem {
            let (name, problem) = outcome.root.clone().unwrap_or_else(|| (name.to_string(), problem.clone()));
            notes.blame = Some(Blame::Variable { name, problem });
        }
        match &outcome.part {
            Part::Missing { is_undefined: true } => None,
            part => Some(part.item()),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = self.world.hosts.get_index(self.host).map(|(_, known)| known.variables.keys());
        Enumerator::Values(names.into_iter().flatten().map(|name| Item::from(name.as_str())).collect())
    }
}

impl Scope {
    /// What Ansible says itself, whatever the variables say.
    fn magic(&self, name: &str) -> Option<Item> {
        let (host, known) = self.world.hosts.get_index(self.host)?;
        match name {
            "inventory_hostname" => Some(Item::from(host.as_str())),
            "inventory_hostname_short" => {
                let is_address = host.parse::<std::net::IpAddr>().is_ok();
                let short = if is_address { host } else { host.split('.').next().unwrap_or(host) };
                Some(Item::from(short))
            }
            "group_names" => Some(Item::from_iter(known.groups.iter().map(|group| Item::from(group.as_str())))),
            "groups" => Some(self.world.groups.clone()),
            "hostvars" => Some(Item::from_object(HostVars { world: self.world.clone(), notes: self.notes.clone() })),
            _ => None,
        }
    }

    /// What Ansible says where no variable does.
    fn own(&self, name: &str) -> Option<Item> {
        let (_, known) = self.world.hosts.get_index(self.host)?;
        match name {
            "inventory_file" => Some(Item::from(&*known.file)),
            "inventory_dir" => Some(Item::from(paths::folder(&known.file))),
            _ => None,
        }
    }
}

/// `hostvars`: every host by its name.
#[derive(Debug)]
struct HostVars {
    world: Arc<World>,
    notes: Arc<Mutex<Notes>>,
}

impl Object for HostVars {
    fn get_value(self: &Arc<Self>, key: &Item) -> Option<Item> {
        let name = key.as_str()?;
        let Some(host) = self.world.hosts.get_index_of(name) else {
            lock(&self.notes).blame = Some(Blame::Name(format!("hostvars['{name}']")));
            return None;
        };
        let scope = Scope { world: self.world.clone(), host, notes: self.notes.clone() };
        Some(Item::from_object(scope))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.world.hosts.keys().map(|name| Item::from(name.as_str())).collect())
    }
}
