//! Plans: headers, targets, and the programs that come of them.

use super::body::Body;
use super::constants::{argument, constant};
use super::modules::{DeclId, ModuleId};
use super::program::{
    Driver, Expr, HostFacts, Param, Plan, PlanId, Proc, ProcId, ProcKind, Program, Proof, Schedule, Share, Slot, Step,
    StepKind, Test, Window,
};
use super::{About, Checker, Request, Type, Value, errors, paths};
use crate::syntax::tree::{self, ClauseKind};
use crate::text::{IndexMap, IndexSet, Span};

/// A plan that was read, before it is held against its targets.
pub(super) struct Draft {
    plan: Plan,
    defaults: IndexMap<String, Value>,
    /// Where its window stands.
    window: Option<Span>,
    /// Where its locks are named.
    lock: Option<Span>,
    /// Whether it was asked for, or is only run by one that was.
    asked: bool,
    /// Where it is a test.
    test: Option<Test>,
}

impl Draft {
    /// One that was asked for, without clauses.
    fn of(plan: Plan) -> Self {
        Draft { plan, defaults: IndexMap::default(), window: None, lock: None, asked: true, test: None }
    }
}

impl Checker<'_> {
    /// Reads the plans of the file: the one that is meant, or all.
    pub(super) fn plans(&mut self, entry: ModuleId, request: &Request) -> Vec<Draft> {
        let tree = self.modules.get(entry).tree.clone();
        let (items, file) = (&tree.items, tree.span);
        let plans: Vec<(usize, &tree::Plan)> = items
            .iter()
            .enumerate()
            .filter_map(|(i, item)| if let tree::Item::Plan(plan) = item { Some((i, plan)) } else { None })
            .collect();
        let tests = self.tests(items);
        if request.tests {
            return self.drafts_of(entry, &tests, request, &[]);
        }
        let statements: Vec<&tree::Stmt> = items
            .iter()
            .filter_map(|item| if let tree::Item::Statement(one) = item { Some(one) } else { None })
            .collect();
        if plans.is_empty() {
            if statements.is_empty() {
                if !tests.is_empty() && !request.one_plan {
                    return self.drafts_of(entry, &tests, request, &[]);
                }
                let declares = items.iter().any(|item| !matches!(item, tree::Item::Use(_)));
                if (request.one_plan || !declares) && !self.problems.has_errors() {
                    self.problems.push(errors::nothing_to_run(file.before(), !tests.is_empty()));
                }
                return Vec::new();
            }
            return vec![self.script(entry, &statements, request)];
        }
        let names: Vec<String> = plans.iter().map(|(_, plan)| plan.name.text.clone()).collect();
        let chosen: Vec<(usize, &tree::Plan)> = match &request.plan {
            Some(name) if !names.contains(name) => {
                let known = names.iter().map(String::as_str);
                self.problems.push(errors::unknown_plan(file.before(), name, known));
                return Vec::new();
            }
            Some(name) => plans.into_iter().filter(|(_, plan)| plan.name.text == *name).collect(),
            None if request.one_plan && plans.len() > 1 => {
                self.problems.push(errors::which_plan(plans[1].1.name.span, &names));
                return Vec::new();
            }
            None => plans,
        };
        let arguments: &[(String, String)] = if chosen.len() == 1 { &request.arguments } else { &[] };
        let mut asked: Vec<usize> = chosen.iter().map(|(item, _)| *item).collect();
        if !request.one_plan {
            asked.extend(tests);
        }
        self.drafts_of(entry, &asked, request, arguments)
    }

    /// Which items are tests. Each has a name of its own.
    fn tests(&mut self, items: &[tree::Item]) -> Vec<usize> {
        let mut names: IndexMap<&str, Span> = IndexMap::default();
        let mut tests = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let tree::Item::Test(test) = item else { continue };
            tests.push(i);
            match names.get(test.name.text.as_str()) {
                Some(first) => self.problems.push(errors::test_twice(test.name.span, &test.name.text, *first)),
                None => {
                    names.insert(&test.name.text, test.name.span);
                }
            }
        }
        tests
    }

    /// The plans and tests that are asked for, and those that they run.
    fn drafts_of(
        &mut self,
        entry: ModuleId,
        asked: &[usize],
        request: &Request,
        arguments: &[(String, String)],
    ) -> Vec<Draft> {
        for item in asked {
            self.plan_of(DeclId { module: entry, item: *item, inner: None });
        }
        let mut drafts = Vec::new();
        // A plan that runs others adds them while it is read.
        while let Some((decl, _)) = self.plan_ids.get_index(drafts.len()).map(|(decl, body)| (*decl, *body)) {
            let tree = self.modules.get(decl.module).tree.clone();
            let is_asked = drafts.len() < asked.len();
            match decl.item_of(&tree) {
                Some(tree::Item::Plan(plan)) => {
                    drafts.push(self.plan(decl, plan, request, if is_asked { arguments } else { &[] }, is_asked));
                }
                Some(tree::Item::Test(test)) => drafts.push(self.test(decl, test)),
                _ => break,
            }
        }
        drafts
    }

    fn test(&mut self, decl: DeclId, test: &tree::Test) -> Draft {
        let (_, id) = self.plan_of(decl);
        let mut body = Body::new(self, decl.module, ProcKind::Body);
        (body.is_site, body.is_test) = (true, true);
        let begins = test.at.as_ref().and_then(|at| body.fixed(at, &Type::Str, "when it begins"));
        let steps = body.block(&test.body);
        let (slots, facts) = body.finish();
        if !runs_a_plan(&steps) && !self.problems.has_errors() {
            self.problems.push(errors::runs_nothing(test.name.span));
        }
        let proc = Proc {
            name: "test".to_string(),
            kind: ProcKind::Body,
            params: Vec::new(),
            slots,
            has_subject: false,
            result: Type::Unknown,
            body: steps,
            span: test.span,
        };
        self.keep(id, proc, facts);
        let plan = Plan { doc: test.doc.clone(), ..Plan::of(test.name.text.clone(), id, true) };
        let test = Test { span: test.name.span, begins: begins.and_then(|begins| begins.text()) };
        Draft { test: Some(test), ..Draft::of(plan) }
    }

    fn script(&mut self, entry: ModuleId, statements: &[&tree::Stmt], request: &Request) -> Draft {
        let file = self.modules.get(entry).tree.span;
        let start = statements.first().map_or(file, |first| first.span);
        let targets = if request.target.is_none() && request.limit.is_none() {
            self.problems.push(errors::no_target(start));
            None
        } else {
            Some(self.narrow(self.inventory.hosts.keys().cloned().collect(), request, start, true))
        };
        let decl = DeclId { module: entry, item: 0, inner: None };
        let (_, id) = self.plan_of(decl);
        let name = tree::Name { text: "guest".to_string(), span: file.before() };
        let mut body = Body::new(self, entry, ProcKind::Body);
        body.declare(&name, Type::Guest, About::Subject);
        body.subject_is(Slot(0));
        let steps = body.statements(statements.iter().copied());
        let (slots, facts) = body.finish();
        let params = vec![Param { name: name.text.clone(), ty: Type::Guest, default: None }];
        let proc = Proc {
            name: "script".to_string(),
            kind: ProcKind::Body,
            params,
            slots,
            has_subject: true,
            result: Type::Unknown,
            body: steps,
            span: file,
        };
        self.keep(id, proc, facts);
        let targets = targets.unwrap_or_default();
        Draft::of(Plan { targets, ..Plan::of("script".to_string(), id, false) })
    }

    fn keep(&mut self, id: ProcId, proc: Proc, facts: super::ProcFacts) {
        self.procs[id.0] = Some(proc);
        self.facts[id.0] = facts;
    }

    /// `--target` and `--limit` only narrow. A plan that another runs may be left with nobody.
    fn narrow(&mut self, mut targets: Vec<String>, request: &Request, span: Span, asked: bool) -> Vec<String> {
        for (option, pattern) in [("--target", &request.target), ("--limit", &request.limit)] {
            let Some(pattern) = pattern else { continue };
            match self.inventory.pattern(pattern) {
                Ok(wanted) => {
                    let wanted: IndexSet<String> = wanted.into_iter().collect();
                    targets.retain(|host| wanted.contains(host));
                    if targets.is_empty() {
                        if asked {
                            self.problems.push(errors::no_targets(span, &format!("`{option} {pattern}`")));
                        }
                        return targets;
                    }
                }
                Err(why) => {
                    self.problems.push(errors::bad_pattern(&format!("`{option} {pattern}`"), &why.to_string()));
                    // What other hosts lack was not asked.
                    return Vec::new();
                }
            }
        }
        targets
    }

    fn plan(
        &mut self,
        decl: DeclId,
        plan: &tree::Plan,
        request: &Request,
        arguments: &[(String, String)],
        asked: bool,
    ) -> Draft {
        let (_, id) = self.plan_of(decl);
        let whole = plan.subject.as_ref().map(|subject| self.targets(&subject.targets));
        let mut body = Body::new(self, decl.module, ProcKind::Body);
        let mut params = Vec::new();
        body.is_site = plan.subject.is_none();
        if let Some(subject) = &plan.subject {
            body.declare(&subject.name, Type::Host, About::Subject);
            body.subject_is(Slot(0));
            params.push(Param { name: subject.name.text.clone(), ty: Type::Host, default: None });
        }
        let declared: Vec<&str> = plan.params.iter().flatten().map(|param| param.name.text.as_str()).collect();
        for (name, _) in arguments {
            if !declared.contains(&name.as_str()) {
                body.report(errors::unknown_parameter(name, declared.iter().copied()));
            }
        }
        for param in plan.params.iter().flatten() {
            params.push(body.parameter(param, arguments, request.one_plan && asked));
        }
        let (schedule, defaults) = body.clauses(&plan.clauses);
        let steps = body.block(&plan.body);
        let (slots, facts) = body.finish();
        let is_site = plan.subject.is_none();
        let proc = Proc {
            name: plan.name.text.clone(),
            kind: ProcKind::Body,
            params,
            slots,
            has_subject: !is_site,
            result: Type::Unknown,
            body: steps,
            span: plan.span,
        };
        self.keep(id, proc, facts);
        let targets = match whole {
            Some(whole) if !whole.is_empty() => self.narrow(whole, request, plan.name.span, asked),
            _ => Vec::new(),
        };
        let window = plan.clauses.iter().find(|clause| matches!(clause.kind, ClauseKind::Window(_)));
        let lock = plan.clauses.iter().find(|clause| matches!(clause.kind, ClauseKind::Lock(_)));
        let (window, lock) = (window.map(|clause| clause.span), lock.map(|clause| clause.span));
        let plan = Plan { doc: plan.doc.clone(), targets, schedule, ..Plan::of(plan.name.text.clone(), id, is_site) };
        Draft { defaults, window, lock, asked, ..Draft::of(plan) }
    }

    /// Holds each plan against its targets. Nothing is answered where an error was found.
    pub(super) fn held(&mut self, mut drafts: Vec<Draft>) -> Vec<Draft> {
        // A statement that could not be read may be the very one that starts the guest.
        let readable = !self.problems.has_errors();
        for draft in &mut drafts {
            let lock = draft.lock.and_then(|at| Some((self.site.lock_host.clone()?, at)));
            draft.plan.reaches = self.hold_against(draft.plan.body, &draft.plan.targets, lock);
        }
        if readable {
            self.walk_plans(&mut drafts);
        }
        if self.problems.has_errors() {
            return Vec::new();
        }
        for draft in &mut drafts {
            let targets = draft.plan.targets.clone();
            let longest = self.longest_of_each(&draft.plan);
            let Plan { body, ref schedule, .. } = draft.plan;
            draft.plan.altogether = self.altogether(schedule, &targets, &longest);
            let most = targets.iter().zip(&longest).max_by_key(|(_, longest)| **longest);
            draft.plan.costliest = most.and_then(|(host, _)| self.costliest(body, host));
            draft.plan.longest = longest;
            self.hold_against_window(draft);
        }
        if self.problems.has_errors() { Vec::new() } else { drafts }
    }

    /// A program of each plan that was asked for.
    pub(super) fn programs(&self, drafts: &[Draft]) -> Vec<Program> {
        (0..drafts.len()).filter(|i| drafts[*i].asked).map(|i| self.program(PlanId(i), drafts)).collect()
    }

    /// Walks every way through each plan: for the guards, and for guests that would be left off.
    fn walk_plans(&mut self, drafts: &mut [Draft]) {
        let mut guards = IndexMap::default();
        for draft in drafts {
            let mut found = paths::Found { guards, ..paths::Found::default() };
            let kinds: IndexSet<paths::Kind> = draft.plan.targets.iter().map(|host| self.kind_of(host)).collect();
            for kind in &kinds {
                self.walk(draft.plan.body, kind, &mut found);
            }
            draft.plan.verify = found.verify;
            let mut down = std::mem::take(&mut found.taken_down);
            if found.takes_subject_down {
                down.extend(draft.plan.targets.iter().cloned());
            }
            draft.plan.hands_off = down.into_iter().filter(|host| self.carries_controller(host)).collect();
            for span in found.left_off {
                self.problems.push(errors::left_off(span));
            }
            self.warnings.extend(found.hard_stops.iter().map(|(span, text)| errors::hard_stop(*span, text)));
            self.warnings.extend(found.old_systems.iter().map(|(span, power)| errors::old_system(*span, *power)));
            guards = found.guards;
        }
        for (id, proc) in self.procs.iter_mut().enumerate() {
            if let Some(proc) = proc {
                paths::annotate(&mut proc.body, &mut |span, command| {
                    if let Some(needed) = guards.get(&(ProcId(id), span)) {
                        command.guards = *needed;
                    }
                });
            }
        }
    }

    /// Whether the machine that runs the plan is this host, or a guest of it.
    fn carries_controller(&self, host: &str) -> bool {
        let Some(controller) = &self.site.controller else { return false };
        controller == host || self.roles.hypervisor(controller) == Some(host)
    }

    fn kind_of(&self, host: &str) -> paths::Kind {
        let standing = self.roles.of(host);
        let proof = self.proof_of(host);
        paths::Kind {
            driver: standing.driver.clone(),
            ssh: proof.contains(&Proof::Ssh),
            agent: proof.contains(&Proof::Agent),
        }
    }

    fn proof_of(&self, host: &str) -> Vec<Proof> {
        let variable = self.inventory.hosts.get(host).and_then(|host| host.variables.get("hostler_proof"));
        variable.and_then(|variable| Proof::list(&variable.value).ok()).unwrap_or_else(|| Proof::ALL.to_vec())
    }

    fn hold_against_window(&mut self, draft: &Draft) {
        let (Some(window), Some(span)) = (&draft.plan.schedule.window, draft.window) else { return };
        let open = u64::from(window.length()) * 60_000;
        let all = draft.plan.targets.iter().zip(&draft.plan.longest);
        if let Some((host, longest)) = all.max_by_key(|(_, longest)| **longest)
            && *longest > open
        {
            let costliest = draft.plan.costliest.map(|(span, _)| span);
            self.problems.push(errors::exceeds_window(span, host, *longest, open, costliest));
        }
    }

    fn program(&self, entry: PlanId, drafts: &[Draft]) -> Program {
        let used: IndexSet<String> = drafts.iter().flat_map(|draft| self.variables_used(draft.plan.body)).collect();
        let mut hosts = IndexMap::default();
        for (name, host) in &self.inventory.hosts {
            let standing = self.roles.of(name);
            let identity = self.drivers.get(&standing.driver).map_or("vmid", |driver| driver.identity.as_str());
            let text = |variable: &str| {
                let value = &host.variables.get(variable)?.value;
                Some(value.as_str().map_or_else(|| value.to_string(), str::to_string))
            };
            let mut variables: IndexMap<String, serde_json::Value> = IndexMap::default();
            for variable in &used {
                if let Some(found) = host.variables.get(variable) {
                    // A secret's value stays where it is; what runs knows only where that is.
                    let value = if found.secret { serde_json::Value::Null } else { found.value.clone() };
                    variables.insert(variable.clone(), value);
                } else if let Some(default) = drafts.iter().find_map(|draft| draft.defaults.get(variable)) {
                    let text = default.text().unwrap_or_default();
                    variables.insert(variable.clone(), serde_json::Value::String(text));
                }
            }
            hosts.insert(
                name.clone(),
                HostFacts {
                    hypervisor: standing.hypervisor.clone(),
                    role: standing.role,
                    driver: standing.driver.clone(),
                    guest_name: text("vm_name").unwrap_or_else(|| name.clone()),
                    guest_uuid: text("vm_uuid"),
                    identity: text(identity),
                    own_file: host.own_file.clone(),
                    proof: self.proof_of(name),
                    variables,
                },
            );
        }
        let drivers = self
            .drivers
            .iter()
            .map(|(name, driver)| {
                let driver = Driver {
                    identity: driver.identity.clone(),
                    look: driver.look.clone(),
                    wake: driver.wake.clone(),
                    tasks: driver.tasks.clone(),
                    procs: driver.procs.clone(),
                };
                (name.clone(), driver)
            })
            .collect();
        let missing = Proc {
            name: String::new(),
            kind: ProcKind::Task,
            params: Vec::new(),
            slots: 0,
            has_subject: false,
            result: Type::Unknown,
            body: Vec::new(),
            span: Span::default(),
        };
        let mut plans: Vec<Plan> = drafts.iter().map(|draft| draft.plan.clone()).collect();
        let mut procs: Vec<Proc> =
            self.procs.iter().map(|proc| proc.clone().unwrap_or_else(|| missing.clone())).collect();
        if let Some(body) = procs.get_mut(drafts[entry.0].plan.body.0) {
            narrow_runs(&mut body.body, &mut plans);
        }
        Program {
            entry,
            plans,
            procs,
            drivers,
            hosts,
            controller: self.site.controller.clone(),
            lock_host: self.site.lock_host.clone(),
            test: drafts[entry.0].test.clone(),
        }
    }

    fn variables_used(&self, body: ProcId) -> IndexSet<String> {
        let mut used = IndexSet::default();
        for driver in self.drivers.values() {
            used.insert(driver.identity.clone());
        }
        for id in self.reachable(body) {
            for obligation in &self.facts[id.0].obligations {
                if let super::needs::ObligationKind::Variable { name, .. } = &obligation.kind {
                    used.insert(name.clone());
                }
            }
        }
        used
    }
}

/// Whether a test runs anything.
fn runs_a_plan(steps: &[Step]) -> bool {
    steps
        .iter()
        .any(|step| matches!(step.kind, StepKind::Rehearse(..)) || step.blocks().iter().any(|steps| runs_a_plan(steps)))
}

/// A plan that a test runs for some of its targets is a plan of its own, for those.
fn narrow_runs(steps: &mut [Step], plans: &mut Vec<Plan>) {
    for step in steps {
        if let StepKind::Rehearse(id, _, whom) = &mut step.kind
            && let Some(wanted) = whom.take()
            && let Some(mut plan) = plans.get(id.0).cloned()
        {
            let all = std::mem::take(&mut plan.targets).into_iter().zip(std::mem::take(&mut plan.longest));
            (plan.targets, plan.longest) = all.filter(|(host, _)| wanted.contains(host)).unzip();
            *id = PlanId(plans.len());
            plans.push(plan);
        }
        step.blocks_mut().into_iter().for_each(|steps| narrow_runs(steps, plans));
    }
}

impl Body<'_, '_> {
    fn parameter(&mut self, param: &tree::Param, arguments: &[(String, String)], must_have: bool) -> Param {
        let ty = self.ty(&param.ty);
        let given = arguments.iter().rev().find(|(name, _)| *name == param.name.text);
        let default = match (given, &param.default) {
            (Some((name, text)), _) => match argument(text, &ty) {
                Ok(value) => Some(Expr::Const(value)),
                Err(why) => {
                    self.report(errors::bad_parameter(name, &why));
                    None
                }
            },
            (None, Some(default)) => Some(self.expr(default, &ty).0),
            (None, None) if must_have => {
                self.report(errors::bad_parameter(
                    &param.name.text,
                    &format!("the plan needs a value: `--set {}=…`", param.name.text),
                ));
                None
            }
            (None, None) => None,
        };
        self.declare(&param.name, ty.clone(), About::Unknown);
        if let Some(value) = default.as_ref().and_then(constant) {
            self.is_always(&param.name.text, value);
        }
        Param { name: param.name.text.clone(), ty, default }
    }

    /// A clause's value, which is known before the run.
    fn fixed(&mut self, expr: &tree::Expr, ty: &Type, what: &str) -> Option<Value> {
        let (value, found) = self.expr(expr, ty);
        if found == Type::Unknown {
            return None;
        }
        let known = match &expr.kind {
            tree::ExprKind::Value(name) => self.local(&name.text).and_then(|local| local.constant.clone()),
            _ => constant(&value),
        };
        if known.is_none() {
            self.report(errors::needs_constant(expr.span, what));
        }
        known
    }

    fn count(&mut self, expr: &tree::Expr, what: &str) -> Option<u64> {
        match self.fixed(expr, &Type::Int, what)? {
            Value::Int(number) if number > 0 => Some(number as u64),
            _ => {
                self.report(errors::needs_constant(expr.span, &format!("{what} is at least 1, and")));
                None
            }
        }
    }

    fn share(&mut self, expr: &tree::Expr, what: &str) -> Option<Share> {
        match &expr.kind {
            tree::ExprKind::Percent(share) => Some(Share::Percent(*share)),
            _ => self.count(expr, what).map(Share::Count),
        }
    }

    fn clauses(&mut self, clauses: &[tree::Clause]) -> (Schedule, IndexMap<String, Value>) {
        let mut schedule = Schedule::default();
        let mut defaults = IndexMap::default();
        for clause in clauses {
            match &clause.kind {
                ClauseKind::Needs(params) => {
                    for param in params {
                        let ty = self.ty(&param.ty);
                        if let Some(default) = &param.default
                            && let Some(value) = self.fixed(default, &ty, "a default")
                        {
                            self.defaults.insert(param.name.text.clone(), value.clone());
                            defaults.insert(param.name.text.clone(), value);
                        }
                        self.needs.insert(param.name.text.clone(), ty.clone());
                        let kind = super::needs::ObligationKind::Variable {
                            name: param.name.text.clone(),
                            ty,
                            optional: param.default.is_some(),
                        };
                        self.oblige(kind, About::Subject, param.span);
                    }
                }
                ClauseKind::OneAtATime => {}
                ClauseKind::AtMost(count) => {
                    if let Some(count) = self.share(count, "how many at once") {
                        schedule.batches = vec![count];
                    }
                }
                ClauseKind::PerHypervisor(count) => {
                    schedule.per_hypervisor = self.count(count, "how many per hypervisor").map(|count| count as usize);
                }
                ClauseKind::Batches(sizes) => {
                    let sizes: Vec<Share> =
                        sizes.iter().filter_map(|size| self.share(size, "a batch's size")).collect();
                    if !sizes.is_empty() {
                        schedule.batches = sizes;
                    }
                    schedule.whole_batches = true;
                }
                ClauseKind::NeverTogether(targets) => {
                    let hosts = self.checker.targets(targets);
                    schedule.never_together.push(hosts);
                }
                ClauseKind::StopAfter(count) => {
                    if let Some(count) = self.share(count, "after how many failures to stop") {
                        schedule.stop_after = count;
                    }
                }
                ClauseKind::Window(text) => {
                    let written = self.fixed(text, &Type::Str, "a window").and_then(|value| value.text());
                    match written.map(|written| Window::read(&written)) {
                        Some(Ok(window)) => schedule.window = Some(window),
                        Some(Err(why)) => self.report(errors::bad_window(text.span, &why)),
                        None => {}
                    }
                }
                ClauseKind::Lock(text) => {
                    schedule.locks.extend(self.fixed(text, &Type::Str, "a lock's name").and_then(|value| value.text()));
                }
                ClauseKind::Deadline(time) => {
                    if let Some(Value::Duration(ms)) = self.fixed(time, &Type::Duration, "a deadline") {
                        schedule.deadline = Some(ms);
                    }
                }
                ClauseKind::Bad => {}
            }
        }
        (schedule, defaults)
    }
}
