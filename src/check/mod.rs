//! From trees and an inventory to a program: names, types, signatures, effects, and what each host must have.
//!
//! Problems are collected, not thrown: one run reports all of them, for every target.

mod allowed;
mod body;
mod bounds;
mod commands;
mod connections;
mod constants;
mod errors;
mod expressions;
mod flow;
mod modules;
mod needs;
mod paths;
mod plans;
pub mod program;
mod roles;
mod schedule;
mod signatures;
mod site;
mod stage;
mod staging;
mod statements;
mod targets;
mod types;
mod value;

use std::rc::Rc;

use std::cell::RefCell;

pub use program::Program;
pub use program::Window;
pub use roles::{DEFAULT_DRIVER, Roles};
pub use site::{Channel, Site};
pub use types::Type;
pub use value::{Failed, Output, SecretSource, VMID, Value, duration, duration_text, from_json, size, size_text};

use crate::diag::{Diagnostic, Problems};
use crate::inventory::{Inventory, VaultKeys};
use crate::stdlib;
use crate::syntax::{self, tree};
use crate::text::{Files, IndexMap, IndexSet, Sources, Span};
use body::Body;
use modules::{Brought, DeclId, ModuleId, Modules, Reader, Wanted};
use needs::Obligation;
use program::{Param, Proc, ProcId, ProcKind};
use signatures::{Signature, Signatures};

/// What is checked, and for whom.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The plan file's name, or `-e` for text from the command line.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Which plan of the file is meant, where it has several and one is to run.
    pub plan: Option<String>,
    /// `--target`: host patterns that narrow the targets, and name them for a script.
    pub target: Option<String>,
    /// `--limit`: as `--target`.
    pub limit: Option<String>,
    /// Values of the plan's parameters: name and text.
    pub arguments: Vec<(String, String)>,
    /// Whether one plan of the file is chosen, or all of them are only checked.
    pub one_plan: bool,
    /// Whether programs of the file's tests are asked for, and none of its plans.
    pub tests: bool,
    /// The passwords of the inventory's vaults, for settings of connections that are in one.
    pub vault: VaultKeys,
    /// Whether guests may lack what identifies them (`vmid`): what is missing is about to be looked up.
    pub without_identities: bool,
    /// Whether only what is to be said is asked for, and nobody needs a program.
    pub without_programs: bool,
}

/// What a check found.
#[derive(Debug)]
pub struct Checked {
    /// A program for each plan that was checked, where no error stands in its way.
    pub programs: Vec<Program>,
    /// Everything that is to be said, sorted.
    pub diagnostics: Vec<Diagnostic>,
    kept: Kept,
}

/// What was read and made on the way. To take the parts of a long plan apart takes a tenth of a check, so that is left to
/// whoever owns the result: a process that ends may [`Checked::leave`] them.
#[derive(Debug, Default)]
struct Kept {
    _modules: Modules,
    _procs: Vec<Option<Proc>>,
    _facts: Vec<ProcFacts>,
}

impl Checked {
    /// Whether an error was found.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Nothing but what is to be said, without programs.
    pub fn refused(diagnostics: Vec<Diagnostic>) -> Checked {
        Checked { programs: Vec::new(), diagnostics, kept: Kept::default() }
    }

    /// What is to be said. All else stays in memory until the process ends.
    pub fn leave(self) -> Vec<Diagnostic> {
        std::mem::forget((self.programs, self.kept));
        self.diagnostics
    }
}

/// Checks a file of plans, or a script, against an inventory.
pub fn check(
    files: &dyn Files,
    sources: &mut Sources,
    inventory: &Inventory,
    site: &Site,
    request: &Request,
    mut problems: Problems,
) -> Checked {
    let unread: Vec<Diagnostic> = problems.iter().filter(|problem| problem.is_error()).cloned().collect();
    let mut modules = Modules::default();
    let named = inventory.hosts.values().map(roles::driver_of).chain([DEFAULT_DRIVER]);
    let drivers = (!request.without_identities).then(|| named.collect());
    let mut reader = Reader { files, sources, problems: &mut problems, drivers };
    let always: Vec<ModuleId> = stdlib::ALWAYS.iter().filter_map(|name| modules.standard(name, &mut reader)).collect();
    let entry = modules.entry(&request.name, &request.text, &mut reader);

    let mut checker = Checker::new(sources, inventory, (site, &request.vault), modules, always, problems);
    checker.without_identities = request.without_identities;
    checker.read_declarations();
    checker.lower_own_procedures();
    let plans = checker.plans(entry, request);
    checker.lower_queued();
    checker.find_recursion();
    let drafts = checker.held(plans);
    let programs = if request.without_programs { Vec::new() } else { checker.programs(&drafts) };
    // A statement that could not be read may use the name, or start the guest.
    if !checker.problems.has_errors() {
        let warnings = std::mem::take(&mut checker.warnings);
        for warning in allowed::held(warnings, &checker.modules, checker.sources) {
            checker.problems.push(warning);
        }
    }
    let mut diagnostics = checker.problems.sorted();
    if !unread.is_empty() {
        diagnostics.retain(|problem| !OF_THE_SITE.contains(&problem.code) || unread.contains(problem));
    }
    let kept = Kept { _modules: checker.modules, _procs: checker.procs, _facts: checker.facts };
    Checked { programs, diagnostics, kept }
}

/// What a plan is told when the site lacks something. Where a part of the site could not be read, that may be why, so
/// only that is said.
const OF_THE_SITE: [&str; 9] = [
    "command/wrong-place",
    "inventory/bad-pattern",
    "inventory/missing-variable",
    "inventory/unknown-hypervisor",
    "name/unknown-channel",
    "name/unknown-host",
    "name/unknown-value",
    "power/wrong-hypervisor",
    "run/no-target",
];

/// A driver as it is declared.
#[derive(Clone, Debug, Default)]
struct DriverInfo {
    identity: String,
    look: String,
    wake: Option<String>,
    tasks: Option<String>,
    procs: IndexMap<String, ProcId>,
}

/// Everything that the passes share.
struct Checker<'a> {
    sources: &'a Sources,
    inventory: &'a Inventory,
    site: &'a Site,
    vault: &'a VaultKeys,
    /// Where the parser found what only a shell or a template understands, in order.
    of_shells: Vec<Span>,
    without_identities: bool,
    modules: Modules,
    always: Vec<ModuleId>,
    problems: Problems,
    /// Said at the end, where no error stands before them and no comment allows them.
    warnings: Vec<Diagnostic>,
    signatures: Signatures,
    drivers: IndexMap<String, DriverInfo>,
    roles: Roles,
    /// Every variable that some host has, and those that belong to the language.
    known_variables: IndexSet<String>,
    /// Variables that stand in a vault for some host.
    secret_variables: IndexSet<String>,
    decls: Vec<DeclId>,
    procs: Vec<Option<Proc>>,
    facts: Vec<ProcFacts>,
    by_decl: IndexMap<DeclId, ProcId>,
    queue: Vec<ProcId>,
    /// Variables of hosts that the time of a plan was found to depend on.
    asked_variables: RefCell<IndexSet<String>>,
    /// The plans that are run or checked, with their bodies.
    plan_ids: IndexMap<DeclId, ProcId>,
}

/// What a procedure asks of the host that it is about, and whom it calls.
#[derive(Clone, Debug, Default)]
struct ProcFacts {
    obligations: Vec<Obligation>,
    calls: Vec<CallEdge>,
}

/// A call, with the hosts that its first argument can be.
#[derive(Clone, Debug)]
struct CallEdge {
    callee: program::Callee,
    about: About,
    span: Span,
}

/// Which hosts an expression can be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum About {
    /// The subject of the code.
    Subject,
    /// These.
    Hosts(Vec<String>),
    /// The subject's hypervisor.
    Hypervisor,
    /// Not known before the run, or no host at all.
    Unknown,
}

impl<'a> Checker<'a> {
    fn new(
        sources: &'a Sources,
        inventory: &'a Inventory,
        (site, vault): (&'a Site, &'a VaultKeys),
        modules: Modules,
        always: Vec<ModuleId>,
        problems: Problems,
    ) -> Self {
        let mut known_variables: IndexSet<String> = IndexSet::default();
        let mut secret_variables: IndexSet<String> = IndexSet::default();
        for host in inventory.hosts.values() {
            for (name, variable) in &host.variables {
                if !known_variables.contains(name) {
                    known_variables.insert(name.clone());
                }
                if variable.secret && !secret_variables.contains(name) {
                    secret_variables.insert(name.clone());
                }
            }
        }
        let is_of_shells = |problem: &&Diagnostic| matches!(problem.code, "command/shell-syntax" | "syntax/bad-dollar");
        let places = problems.iter().filter(is_of_shells).filter_map(|problem| Some(problem.primary.as_ref()?.span));
        let mut of_shells: Vec<Span> = places.collect();
        of_shells.sort_unstable();
        Checker {
            sources,
            inventory,
            site,
            vault,
            of_shells,
            without_identities: false,
            modules,
            always,
            problems,
            warnings: Vec::new(),
            signatures: Signatures::default(),
            drivers: IndexMap::default(),
            roles: Roles::default(),
            known_variables,
            secret_variables,
            decls: Vec::new(),
            procs: Vec::new(),
            facts: Vec::new(),
            by_decl: IndexMap::default(),
            queue: Vec::new(),
            asked_variables: RefCell::default(),
            plan_ids: IndexMap::default(),
        }
    }

    /// Reads signatures and drivers, which every later step asks.
    fn read_declarations(&mut self) {
        let mut drivers = IndexMap::default();
        for module in 0..self.modules.list.len() {
            for (_, name, identity) in self.modules.unused_drivers.iter().filter(|(of, ..)| of.0 == module) {
                let identity = identity.to_string();
                drivers.insert(name.to_string(), DriverInfo { identity, ..DriverInfo::default() });
            }
            for item in 0..self.modules.list[module].tree.items.len() {
                match &self.modules.list[module].tree.items[item] {
                    tree::Item::Command(declaration) => {
                        let signature = Rc::new(Signature::read(declaration, &mut self.problems));
                        for name in &declaration.names {
                            self.signatures.add(&name.text, signature.clone());
                        }
                    }
                    tree::Item::Driver(driver) => {
                        let identity =
                            driver.identity.as_ref().map_or("vmid", |param| param.name.text.as_str()).to_string();
                        let scripts = driver.scripts.iter();
                        let script = |wanted: &str| {
                            let found = scripts.clone().find(|(name, _, _)| name.text == wanted);
                            found.map(|(_, text, _)| text.clone())
                        };
                        let look = script("look").unwrap_or_default();
                        let (wake, tasks) = (script("wake"), script("tasks"));
                        let name = driver.name.text.clone();
                        let items: Vec<(usize, String)> = driver
                            .items
                            .iter()
                            .enumerate()
                            .filter_map(|(inner, item)| match item {
                                tree::Item::Task(task) => Some((inner, task.name.text.clone())),
                                tree::Item::Probe(probe) => Some((inner, probe.name.text.clone())),
                                _ => None,
                            })
                            .collect();
                        let mut procs = IndexMap::default();
                        for (inner, item_name) in items {
                            let decl = DeclId { module: ModuleId(module), item, inner: Some(inner) };
                            procs.insert(item_name, self.new_proc(decl));
                        }
                        drivers.insert(name, DriverInfo { identity, look, wake, tasks, procs });
                    }
                    _ => {}
                }
            }
        }
        let identities = drivers.iter().map(|(name, driver)| (name.clone(), driver.identity.clone())).collect();
        self.roles = Roles::new(self.inventory, self.site, &identities);
        self.drivers = drivers;
        self.queue_drivers();
    }

    /// The bodies of drivers are read: of those of the standard library that some host has, and of the default one.
    fn queue_drivers(&mut self) {
        let mut used: IndexSet<&str> = self.roles.iter().map(|(_, standing)| standing.driver.as_str()).collect();
        used.insert(DEFAULT_DRIVER);
        for (name, driver) in &self.drivers {
            for id in driver.procs.values() {
                let is_std = self.modules.get(self.decls[id.0].module).is_std;
                // Where ids are looked up, a guest may turn out to be of another kind than the inventory says.
                if !is_std || self.without_identities || used.contains(name.as_str()) {
                    self.queue.push(*id);
                }
            }
        }
    }

    /// What is known of a command whose next word is `word`, as far as that word needs it. A signature of the standard
    /// library is read when it is first asked for, and only where no file of the plan's own declares that command.
    fn signature(&mut self, command: &str, word: Option<&str>) -> Option<Rc<Signature>> {
        if let Some(known) = self.signatures.get(command, word) {
            return Some(known);
        }
        let unread = *self.modules.unread.get(command)?;
        let part = word.and_then(|word| Some((word, stdlib::with_subcommand(unread.text, word)?)));
        let text = part.as_ref().map_or(unread.text, |(_, text)| text);
        let file = syntax::parse(text, unread.base, &mut self.problems);
        let declaration = file.items.iter().find_map(|item| match item {
            tree::Item::Command(declaration) => Some(declaration),
            _ => None,
        })?;
        let signature = Rc::new(Signature::read(declaration, &mut self.problems));
        match part {
            Some((word, _)) => self.signatures.add_part(command, word, signature.clone()),
            None => self.signatures.add(command, signature.clone()),
        }
        Some(signature)
    }

    fn identities(&self) -> IndexMap<String, String> {
        self.drivers.iter().map(|(name, driver)| (name.clone(), driver.identity.clone())).collect()
    }

    /// Whether `$name` can be a variable of the inventory.
    fn is_variable(&self, name: &str) -> bool {
        self.known_variables.contains(name)
            || matches!(name, "proxmox_host" | "hypervisor" | "vm_name" | "vm_uuid")
            || name.starts_with("hostler_")
            || name.starts_with("ansible_")
            || self.drivers.values().any(|driver| driver.identity == name)
    }

    /// The procedure of a declaration; its body is read later.
    fn proc_of(&mut self, decl: DeclId) -> ProcId {
        if let Some(id) = self.by_decl.get(&decl) {
            return *id;
        }
        let id = self.new_proc(decl);
        self.by_decl.insert(decl, id);
        self.queue.push(id);
        id
    }

    /// The number and the body of a plan; it is read later.
    fn plan_of(&mut self, decl: DeclId) -> (program::PlanId, ProcId) {
        let body = match self.plan_ids.get(&decl) {
            Some(body) => *body,
            None => {
                let body = self.new_proc(decl);
                self.plan_ids.insert(decl, body);
                body
            }
        };
        (program::PlanId(self.plan_ids.get_index_of(&decl).unwrap_or_default()), body)
    }

    fn new_proc(&mut self, decl: DeclId) -> ProcId {
        let id = ProcId(self.procs.len());
        self.procs.push(None);
        self.facts.push(ProcFacts::default());
        self.decls.push(decl);
        id
    }

    /// Every task and probe of the files that are not the standard library's, called or not.
    fn lower_own_procedures(&mut self) {
        for module in 0..self.modules.list.len() {
            if self.modules.list[module].is_std {
                continue;
            }
            let decls: Vec<DeclId> = self.modules.list[module].names.values().copied().collect();
            for decl in decls {
                if matches!(self.modules.kind(decl), Some(Wanted::Task | Wanted::Probe)) {
                    self.proc_of(decl);
                }
            }
        }
    }

    fn lower_queued(&mut self) {
        while let Some(id) = self.queue.pop() {
            let decl = self.decls[id.0];
            let tree = self.modules.get(decl.module).tree.clone();
            let Some(item) = decl.item_of(&tree) else { continue };
            let (proc, facts) = match item {
                tree::Item::Task(task) => self.lower_proc(decl, &task.name, &task.params, None, &task.body, task.span),
                tree::Item::Probe(probe) => {
                    let Some(body) = &probe.body else { continue };
                    self.lower_proc(decl, &probe.name, &probe.params, Some(&probe.result), body, probe.span)
                }
                _ => continue,
            };
            self.procs[id.0] = Some(proc);
            self.facts[id.0] = facts;
        }
    }

    fn lower_proc(
        &mut self,
        decl: DeclId,
        name: &tree::Name,
        params: &[tree::Param],
        result: Option<&tree::Type>,
        block: &tree::Block,
        span: Span,
    ) -> (Proc, ProcFacts) {
        let kind = if result.is_some() { ProcKind::Probe } else { ProcKind::Task };
        let mut body = Body::new(self, decl.module, kind);
        let mut lowered = Vec::new();
        let mut has_subject = false;
        for (i, param) in params.iter().enumerate() {
            let ty = body.ty(&param.ty);
            let default = param.default.as_ref().map(|value| body.expr(value, &ty).0);
            let is_host = matches!(ty, Type::Host | Type::Guest);
            body.declare(&param.name, ty.clone(), if i == 0 && is_host { About::Subject } else { About::Unknown });
            if i == 0 && is_host {
                has_subject = true;
                body.subject_is(program::Slot(0));
            }
            lowered.push(Param { name: param.name.text.clone(), ty, default });
        }
        let result_type = result.map(|ty| body.ty(ty)).unwrap_or(Type::Unknown);
        body.result = result_type.clone();
        let steps = body.block(block);
        if kind == ProcKind::Probe && !flow::always_returns(&steps) && !flow::has_bad(block) {
            body.report(errors::probe_without_answer(name.span, &name.text));
        }
        let (slots, facts) = body.finish();
        let label = &self.modules.get(decl.module).label;
        let name = if label.is_empty() { name.text.clone() } else { format!("{label}.{}", name.text) };
        (Proc { name, kind, params: lowered, slots, has_subject, result: result_type, body: steps, span }, facts)
    }

    /// A name as a task, probe or plan, as the code of a module sees it.
    fn find(&self, from: ModuleId, path: &[&str], wanted: Wanted) -> Option<DeclId> {
        let of_kind = |decl: DeclId| (self.modules.kind(decl) == Some(wanted)).then_some(decl);
        match path {
            [name] => {
                let module = self.modules.get(from);
                if let Some(decl) = module.names.get(*name).copied().and_then(of_kind) {
                    return Some(decl);
                }
                if let Some((Brought::Item(decl), _)) = module.uses.get(*name) {
                    return of_kind(*decl);
                }
                let prelude = self.always.first()?;
                self.modules.get(*prelude).names.get(*name).copied().and_then(of_kind)
            }
            [module, name] => match self.modules.get(from).uses.get(*module) {
                Some((Brought::Module(id), _)) => self.modules.get(*id).names.get(*name).copied().and_then(of_kind),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether a `use` that failed was to bring what a path begins with.
    fn is_missing(&self, from: ModuleId, path: &[&str]) -> bool {
        path.first().is_some_and(|name| self.modules.get(from).missing.contains(*name))
    }

    /// What could have been meant by such a path.
    fn candidates(&self, from: ModuleId, path: &[&str], wanted: Wanted) -> Vec<String> {
        if let [module, _] = path
            && let Some((Brought::Module(id), _)) = self.modules.get(from).uses.get(*module)
        {
            return self.modules.names_of(*id, wanted).iter().map(|name| format!("{module}.{name}")).collect();
        }
        let mut known: Vec<String> = self.modules.names_of(from, wanted).iter().map(|name| name.to_string()).collect();
        for (name, (brought, _)) in &self.modules.get(from).uses {
            match brought {
                Brought::Item(decl) if self.modules.kind(*decl) == Some(wanted) => known.push(name.clone()),
                Brought::Module(id) => {
                    known.extend(self.modules.names_of(*id, wanted).iter().map(|item| format!("{name}.{item}")));
                }
                Brought::Item(_) => {}
            }
        }
        if let Some(prelude) = self.always.first() {
            known.extend(self.modules.names_of(*prelude, wanted).iter().map(|name| name.to_string()));
        }
        for driver in self.drivers.values() {
            for (name, id) in &driver.procs {
                if self.modules.kind(self.decls[id.0]) == Some(wanted) {
                    known.push(name.clone());
                }
            }
        }
        known
    }
}
