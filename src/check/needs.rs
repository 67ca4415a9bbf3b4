//! What each step asks of the hosts that it is about, held against the inventory for every target at once.

use std::rc::Rc;

use super::connections::Reached;
use super::program::{Callee, ProcId, Proof, Role};
use super::{About, Checker, Type, VMID, Value, errors, from_json};
use crate::inventory::Variable;
use crate::text::{IndexMap, IndexSet, Span};

/// Something that a host must have or be, and where the code asks for it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Obligation {
    pub(super) kind: ObligationKind,
    pub(super) about: About,
    pub(super) span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum ObligationKind {
    /// It has this variable, a value of this type; `optional` where the plan's `needs` gives a default.
    Variable { name: String, ty: Type, optional: bool },
    /// Its value does not look like an option.
    NotOptionLike { name: String },
    /// A connection to it is opened; then its commands run as this user, where one is named.
    Reached { user: Option<String> },
    /// Its power changes, and after it the host is to prove that it is well.
    Verified,
    /// It has a hypervisor.
    HasHypervisor,
    /// It has a hypervisor and an identity there.
    Guest,
    /// These hosts run a power command for it.
    PowerFromHosts { hosts: Vec<String>, command: String },
    /// A place that is known only in the run runs a power command for it.
    PowerFrom { place: String, command: String },
    /// It runs a hypervisor's command.
    RunsHypervisorCommand { command: String, place: String },
    /// It changes its own power.
    OwnAuthority { command: String },
    /// It is no guest, so a script that seems to change its power is as right as any.
    NoOwnPowerInScript { word: String },
    /// It is no hypervisor, so a script that names such a command is another thing.
    NoHiddenPower { word: String },
}

/// What was found for several hosts at one place, reported once.
#[derive(Default)]
pub(super) struct Findings {
    missing: IndexMap<(Span, String), IndexSet<String>>,
    no_hypervisor: IndexMap<Span, IndexSet<String>>,
    /// Hosts for which a miss was found already; what only follows from it is not said again.
    known_without: IndexSet<(String, String)>,
    /// Hosts whose identity matters to the plan.
    identified: IndexSet<String>,
    reported: IndexSet<(Span, &'static str)>,
    /// Hosts to which a connection is opened.
    reached: IndexMap<String, Reached>,
}

/// A list of hosts of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct ListId(usize);

/// A plan's body and all that it calls, each with the hosts that it can be about.
#[derive(Default)]
struct Visit {
    /// Each list of hosts once: there are few of them, and they may be long.
    lists: Vec<Rc<Vec<String>>>,
    seen: IndexSet<(ProcId, ListId)>,
    /// What was asked of a list of hosts, and found right with all of them.
    clean: IndexSet<(ObligationKind, About, ListId)>,
    /// The hypervisors of a list of hosts.
    hypervisors: IndexMap<ListId, ListId>,
    /// A list of hosts by their drivers.
    by_driver: IndexMap<ListId, IndexMap<String, ListId>>,
    findings: Findings,
}

impl Visit {
    fn list(&mut self, hosts: Vec<String>) -> ListId {
        let known = self.lists.iter().position(|list| **list == hosts);
        ListId(known.unwrap_or_else(|| {
            self.lists.push(Rc::new(hosts));
            self.lists.len() - 1
        }))
    }
}

impl Findings {
    fn reach(&mut self, host: &str, user: Option<&str>, span: Span) {
        self.reached.entry(host.to_string()).or_insert_with(|| Reached::at(span)).also_as(user);
    }
}

impl<'a> Checker<'a> {
    /// Holds a plan's body against its targets. Answers to which hosts it opens connections, and the users there.
    ///
    /// `lock` is the host that keeps its locks, and the clause that names them.
    pub(super) fn hold_against(
        &mut self,
        body: ProcId,
        targets: &[String],
        lock: Option<(String, Span)>,
    ) -> IndexMap<String, Vec<String>> {
        self.infer_hypervisor(body, targets);
        let mut visit = Visit::default();
        let subjects = visit.list(targets.to_vec());
        self.visit(body, subjects, None, &mut visit);
        let mut findings = visit.findings;
        if let Some((host, at)) = lock {
            findings.reached.entry(host).or_insert_with(|| Reached::at(at));
        }
        let reached = std::mem::take(&mut findings.reached);
        self.report_findings(findings);
        self.hold_connections(targets, &reached);
        self.hold_proofs(targets);
        reached.into_iter().map(|(host, reached)| (host, reached.named_users())).collect()
    }

    /// What a guest is to prove can be proven.
    fn hold_proofs(&mut self, targets: &[String]) {
        for host in targets {
            let Some(variable) = self.variable(host, "hostler_proof") else { continue };
            if let Err(why) = Proof::list(&variable.value) {
                self.problems.push(errors::wrong_type(variable.span, "hostler_proof", host, &why));
            }
        }
    }

    /// The hosts that a plan's steps can be about, with all that they call.
    pub(super) fn reachable(&self, body: ProcId) -> IndexSet<ProcId> {
        let mut reached: IndexSet<ProcId> = IndexSet::default();
        let mut open = vec![body];
        while let Some(id) = open.pop() {
            if !reached.insert(id) {
                continue;
            }
            for call in &self.facts[id.0].calls {
                match &call.callee {
                    Callee::Proc(id) => open.push(*id),
                    Callee::Driver(name) => {
                        open.extend(self.drivers.values().filter_map(|driver| driver.procs.get(name)));
                    }
                    Callee::Builtin(_) => {}
                }
            }
        }
        reached
    }

    fn infer_hypervisor(&mut self, body: ProcId, targets: &[String]) {
        let mut places: IndexSet<String> = IndexSet::default();
        for id in self.reachable(body) {
            for obligation in &self.facts[id.0].obligations {
                if let (ObligationKind::PowerFromHosts { hosts, .. }, About::Subject) =
                    (&obligation.kind, &obligation.about)
                {
                    places.extend(hosts.iter().cloned());
                }
            }
        }
        if let [place] = places.iter().collect::<Vec<_>>().as_slice() {
            let identities = self.identities();
            self.roles.infer(&(*place).clone(), targets, self.inventory, &identities);
        }
    }

    fn visit(&mut self, id: ProcId, subjects: ListId, via: Option<Span>, visit: &mut Visit) {
        if !visit.seen.insert((id, subjects)) {
            return;
        }
        let is_std = self.modules.get(self.decls[id.0].module).is_std;
        let facts = self.facts[id.0].clone();
        for obligation in &facts.obligations {
            // A miss inside the standard library is shown where the plan calls it.
            let span = if is_std { via.unwrap_or(obligation.span) } else { obligation.span };
            let list = self.resolve(&obligation.about, subjects, visit);
            // What these hosts are known to have, they have everywhere.
            let asked = (obligation.kind.clone(), obligation.about.clone(), list);
            if visit.clean.contains(&asked) {
                continue;
            }
            let before = self.found(&visit.findings);
            let mut all = true;
            for host in visit.lists[list.0].clone().iter() {
                // What the plan itself misses already is not said again for the library that it calls.
                if let ObligationKind::Variable { name, .. } = &obligation.kind
                    && is_std
                    && visit.findings.known_without.contains(&(host.clone(), name.clone()))
                {
                    all = false;
                    continue;
                }
                self.hold(&obligation.kind, &obligation.about, host, span, &mut visit.findings);
            }
            if all && self.found(&visit.findings) == before {
                visit.clean.insert(asked);
            }
        }
        for call in &facts.calls {
            let via = if is_std { via } else { Some(call.span) };
            let hosts = self.resolve(&call.about, subjects, visit);
            match &call.callee {
                Callee::Proc(callee) => self.visit(*callee, hosts, via, visit),
                Callee::Driver(name) => {
                    self.split_by_driver(hosts, visit);
                    let callees: Vec<(ProcId, ListId)> = self
                        .drivers
                        .iter()
                        .filter_map(|(driver, info)| {
                            Some((*info.procs.get(name)?, *visit.by_driver[&hosts].get(driver)?))
                        })
                        .collect();
                    for (callee, mine) in callees {
                        self.visit(callee, mine, via, visit);
                    }
                }
                Callee::Builtin(_) => {}
            }
        }
    }

    fn split_by_driver(&self, hosts: ListId, visit: &mut Visit) {
        if visit.by_driver.contains_key(&hosts) {
            return;
        }
        let mut split: IndexMap<String, Vec<String>> = IndexMap::default();
        for host in visit.lists[hosts.0].iter() {
            let driver = &self.roles.of(host).driver;
            match split.get_mut(driver) {
                Some(hosts) => hosts.push(host.clone()),
                None => drop(split.insert(driver.clone(), vec![host.clone()])),
            }
        }
        let split = split.into_iter().map(|(driver, hosts)| (driver, visit.list(hosts))).collect();
        visit.by_driver.insert(hosts, split);
    }

    /// How much has been found wrong up to here.
    fn found(&self, findings: &Findings) -> [usize; 6] {
        [
            self.problems.len(),
            self.warnings.len(),
            findings.missing.values().map(IndexSet::len).sum(),
            findings.no_hypervisor.values().map(IndexSet::len).sum(),
            findings.known_without.len(),
            findings.reported.len(),
        ]
    }

    fn resolve(&self, about: &About, subjects: ListId, visit: &mut Visit) -> ListId {
        match about {
            About::Subject => subjects,
            About::Hosts(hosts) => visit.list(hosts.clone()),
            About::Hypervisor => {
                if let Some(known) = visit.hypervisors.get(&subjects) {
                    return *known;
                }
                let list = visit.lists[subjects.0].clone();
                let hosts: IndexSet<&str> = list.iter().filter_map(|host| self.roles.hypervisor(host)).collect();
                let hypervisors = visit.list(hosts.into_iter().map(str::to_string).collect());
                visit.hypervisors.insert(subjects, hypervisors);
                hypervisors
            }
            About::Unknown => visit.list(Vec::new()),
        }
    }

    fn variable(&self, host: &str, name: &str) -> Option<&'a Variable> {
        Some(&**self.inventory.hosts.get(host)?.variables.get(name)?)
    }

    /// The encrypted files of a host that stayed closed.
    fn locked_files(&self, host: &str) -> &[Span] {
        self.inventory.hosts.get(host).map_or(&[], |host| &host.locked)
    }

    fn hold(&mut self, kind: &ObligationKind, about: &About, host: &str, span: Span, findings: &mut Findings) {
        match kind {
            ObligationKind::Variable { name, ty, optional } => {
                self.hold_variable(host, name, ty, *optional, span, findings)
            }
            ObligationKind::NotOptionLike { name } => {
                let text = self.variable(host, name).and_then(|variable| variable.value.as_str()).map(str::to_string);
                if let Some(text) = text.filter(|text| text.starts_with('-'))
                    && findings.reported.insert((span, "option-like"))
                {
                    self.problems.push(errors::option_like_value(span, &format!("${name}"), &text));
                }
            }
            ObligationKind::Reached { user } => findings.reach(host, user.as_deref(), span),
            ObligationKind::Verified => {
                let proof = self.variable(host, "hostler_proof").and_then(|proof| Proof::list(&proof.value).ok());
                let without_ssh = proof.is_some_and(|proof| !proof.contains(&Proof::Ssh));
                if !without_ssh || self.roles.role(host) != Role::Guest {
                    findings.reach(host, None, span);
                }
            }
            ObligationKind::HasHypervisor => {
                self.needs_hypervisor(host, span, findings);
            }
            ObligationKind::Guest => {
                if findings.known_without.contains(&(host.to_string(), "hypervisor".to_string())) {
                    return;
                }
                if self.needs_hypervisor(host, span, findings) {
                    // The driver looks at it from there.
                    let hypervisor = self.roles.hypervisor(host).unwrap_or_default();
                    findings.reach(hypervisor, Some("root"), span);
                    let driver = self.drivers.get(&self.roles.of(host).driver);
                    let identity = driver.map_or("vmid".to_string(), |driver| driver.identity.clone());
                    let ty = if identity == "vmid" { Type::VmId } else { Type::Str };
                    if !findings.known_without.contains(&(host.to_string(), identity.clone())) {
                        self.hold_variable(host, &identity, &ty, false, span, findings);
                    }
                }
            }
            ObligationKind::PowerFromHosts { hosts, .. } => {
                if !self.needs_hypervisor(host, span, findings) {
                    return;
                }
                findings.identified.insert(host.to_string());
                let hypervisor = self.roles.hypervisor(host).unwrap_or_default();
                if let Some(place) = hosts.iter().find(|place| *place != hypervisor)
                    && findings.reported.insert((span, "wrong-hypervisor"))
                {
                    self.problems.push(errors::wrong_hypervisor(span, place, host, hypervisor));
                }
            }
            ObligationKind::PowerFrom { place, .. } => {
                if self.needs_hypervisor(host, span, findings) && findings.reported.insert((span, "wrong-hypervisor")) {
                    let hypervisor = self.roles.hypervisor(host).unwrap_or_default();
                    self.problems.push(errors::wrong_hypervisor(span, place, host, hypervisor));
                }
            }
            ObligationKind::RunsHypervisorCommand { command, place } => {
                let standing = self.roles.of(host);
                let fine = match standing.role {
                    Role::Hypervisor => true,
                    // A host that nobody names may be a hypervisor all the same; the subject of a guest's plan is none.
                    Role::BareMetal => *about != About::Subject,
                    Role::Guest | Role::Undetermined => false,
                };
                if !fine && findings.reported.insert((span, "wrong-place")) {
                    let help = match standing.hypervisor {
                        Some(_) => format!("write `on hypervisor: {command} …`"),
                        None => format!("if `{host}` is a hypervisor, say so in the inventory: `hypervisor: {host}`"),
                    };
                    self.problems.push(errors::wrong_place(span, command, "hypervisor", place, &help));
                }
            }
            ObligationKind::OwnAuthority { command } => {
                if matches!(self.roles.role(host), Role::Guest | Role::Undetermined)
                    && findings.reported.insert((span, "guest-initiated"))
                {
                    self.problems.push(errors::guest_initiated(span, host, command));
                }
            }
            ObligationKind::NoOwnPowerInScript { word } => {
                if matches!(self.roles.role(host), Role::Guest | Role::Undetermined)
                    && findings.reported.insert((span, "guest-initiated"))
                {
                    self.warnings.push(errors::may_be_guest_initiated(span, host, word));
                }
            }
            ObligationKind::NoHiddenPower { word } => {
                if self.roles.role(host) == Role::Hypervisor && findings.reported.insert((span, "hidden")) {
                    self.problems.push(errors::hidden_in_script(span, word));
                }
            }
        }
    }

    fn needs_hypervisor(&mut self, host: &str, span: Span, findings: &mut Findings) -> bool {
        let standing = self.roles.of(host);
        match &standing.hypervisor {
            None => {
                if findings.known_without.insert((host.to_string(), "hypervisor".to_string())) {
                    findings.no_hypervisor.entry(span).or_default().insert(host.to_string());
                }
                false
            }
            Some(name) if !self.inventory.hosts.contains_key(name) => {
                let at = standing.named_at.unwrap_or(span);
                let known = self.inventory.hosts.keys().map(String::as_str);
                let mut error = errors::unknown_hypervisor(at, name, host, known);
                if at != span {
                    error = error.and(span, "needed here");
                }
                if findings.reported.insert((at, "unknown-hypervisor")) {
                    self.problems.push(error);
                }
                false
            }
            Some(_) if !self.drivers.contains_key(&standing.driver) => {
                let at = self.variable(host, "hostler_driver").map_or(span, |variable| variable.span);
                let known: Vec<String> = self.drivers.keys().cloned().collect();
                if findings.reported.insert((at, "unknown-driver")) {
                    let known = known.iter().map(String::as_str);
                    self.problems.push(errors::unknown_driver(at, &standing.driver, host, known));
                }
                false
            }
            Some(_) => true,
        }
    }

    fn hold_variable(
        &mut self,
        host: &str,
        name: &str,
        ty: &Type,
        optional: bool,
        span: Span,
        findings: &mut Findings,
    ) {
        let is_identity = self.drivers.get(&self.roles.of(host).driver).is_some_and(|driver| driver.identity == name);
        let Some(variable) = self.variable(host, name) else {
            let may_lack = optional || (is_identity && self.without_identities);
            if !may_lack {
                findings.missing.entry((span, name.to_string())).or_default().insert(host.to_string());
                findings.known_without.insert((host.to_string(), name.to_string()));
            }
            return;
        };
        if let Some(problem) = &variable.problem {
            let mut problem = (**problem).clone().and(span, format!("`{name}` is needed here"));
            problem.secondary.dedup();
            if findings.reported.insert((variable.span, "problem")) {
                self.problems.push(problem);
            }
            return;
        }
        if is_identity {
            findings.identified.insert(host.to_string());
        }
        if *ty == Type::VmId {
            let raw = variable.raw.clone().unwrap_or_else(|| variable.value.to_string());
            let digits = raw.trim_matches(['"', '\'']);
            if digits.len() > 1
                && digits.starts_with('0')
                && digits.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            {
                if findings.reported.insert((variable.span, "vmid")) {
                    let error = errors::vmid_ambiguous(variable.span, digits, &variable.value.to_string());
                    self.problems.push(error.and(span, "needed here"));
                }
                return;
            }
            let number = match from_json(&variable.value, &Type::Int) {
                Ok(Value::Int(number)) => Some(number),
                _ => None,
            };
            if let Some(number) = number.filter(|number| !VMID.contains(number)) {
                if findings.reported.insert((variable.span, "vmid")) {
                    let error = errors::vmid_out_of_range(variable.span, &number.to_string());
                    self.problems.push(error.and(span, "needed here"));
                }
                return;
            }
        }
        if *ty != Type::Secret
            && let Err(why) = from_json(&variable.value, ty)
            && findings.reported.insert((span, "wrong-type"))
        {
            self.problems.push(errors::wrong_type(span, name, host, &why).and(variable.span, "its value"));
        }
    }

    fn report_findings(&mut self, findings: Findings) {
        // What a host lacks is said once, where it is needed first.
        let mut told: IndexSet<(&str, &str)> = IndexSet::default();
        for ((span, name), hosts) in &findings.missing {
            let untold = hosts.iter().filter(|host| told.insert((name, host))).cloned();
            let (locked, hosts): (Vec<String>, Vec<String>) =
                untold.partition(|host| !self.locked_files(host).is_empty());
            if !locked.is_empty() {
                let files: IndexSet<Span> = locked.iter().flat_map(|host| self.locked_files(host)).copied().collect();
                let files: Vec<(String, Span)> = files
                    .into_iter()
                    .map(|at| (self.sources.find(at).map_or("", |s| &*s.name).to_string(), at))
                    .collect();
                self.problems.push(errors::maybe_locked(*span, name, &locked, &files));
            }
            if hosts.is_empty() {
                continue;
            }
            let files: Vec<(String, Option<Span>)> = hosts
                .iter()
                .filter_map(|host| self.inventory.hosts.get(host))
                .map(|host| (host.own_file.clone(), host.own_file_span.or(Some(host.span))))
                .collect();
            let mut error = errors::missing_variable(*span, name, &hosts);
            for (file, at) in files.iter().take(3) {
                if let Some(at) = at {
                    error = error.and(*at, format!("`{name}` belongs into `{file}`"));
                }
            }
            if let Some((file, _)) = files.first() {
                let value = if name == "vmid" { "101".to_string() } else { "…".to_string() };
                error = error.help(format!("write `{name}: {value}` into `{file}`"));
            }
            self.problems.push(error);
        }
        let mut told: IndexSet<&str> = IndexSet::default();
        for (span, hosts) in &findings.no_hypervisor {
            let hosts: Vec<String> = hosts.iter().filter(|host| told.insert(host)).cloned().collect();
            if hosts.is_empty() {
                continue;
            }
            let mut error = errors::no_hypervisor(*span, &hosts);
            for host in hosts.iter().take(3).filter_map(|host| self.inventory.hosts.get(host)) {
                error = error.and(host.own_file_span.unwrap_or(host.span), "this host");
            }
            if let Some(file) = hosts.iter().find_map(|host| self.locked_files(host).first()) {
                error = error.and(*file, "or it stands here: this file is encrypted, and no password was given");
            }
            self.problems.push(error);
        }
        self.report_duplicates(&findings.identified);
    }

    fn report_duplicates(&mut self, identified: &IndexSet<String>) {
        let mut by_identity: IndexMap<(String, String), Vec<String>> = IndexMap::default();
        let hypervisors: IndexSet<String> =
            identified.iter().filter_map(|host| self.roles.hypervisor(host)).map(str::to_string).collect();
        for (host, standing) in self.roles.iter() {
            let Some(hypervisor) = &standing.hypervisor else { continue };
            if !hypervisors.contains(hypervisor) {
                continue;
            }
            let Some(driver) = self.drivers.get(&standing.driver) else { continue };
            let Some(variable) = self.variable(host, &driver.identity) else { continue };
            let identity = variable.value.as_str().map_or_else(|| variable.value.to_string(), str::to_string);
            by_identity.entry((hypervisor.clone(), identity)).or_default().push(host.to_string());
        }
        for ((hypervisor, identity), hosts) in by_identity {
            let [first, others @ ..] = hosts.as_slice() else { continue };
            for other in others {
                if !identified.contains(first) && !identified.contains(other) {
                    continue;
                }
                let span_of = |host: &str| {
                    let driver = self.drivers.get(&self.roles.of(host).driver)?;
                    Some(self.variable(host, &driver.identity)?.span)
                };
                if let (Some(span), Some(other_span)) = (span_of(first), span_of(other)) {
                    let error = errors::duplicate_vmid(span, &identity, first, other, &hypervisor, other_span);
                    self.problems.push(error);
                }
            }
        }
    }
}
