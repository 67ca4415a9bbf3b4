//! What stands at the top level: plans, tasks, probes, and how they are headed.

use super::{Builder, Pair, children, end, has, start};
use crate::syntax::errors;
use crate::syntax::grammar::Rule;
use crate::syntax::tree::{
    Block, Clause, ClauseKind, Edition, File, Item, Name, Param, Plan, Probe, Subject, TargetTerm, Targets, Task, Type,
    TypeKind, Use,
};
use crate::text::Span;

/// The editions that this program reads.
const EDITIONS: [&str; 1] = ["2026"];

impl Builder<'_> {
    /// All that the piece holds.
    pub(super) fn items(&mut self, pairs: pest::iterators::Pairs<'_, Rule>, file: &mut File) {
        for pair in pairs.flat_map(children) {
            match pair.as_rule() {
                Rule::edition => self.edition(pair, file),
                Rule::EOI => {}
                _ => {
                    let item = self.item(pair);
                    file.items.extend(item);
                }
            }
        }
    }

    pub(super) fn item(&mut self, pair: Pair<'_>) -> Option<Item> {
        match pair.as_rule() {
            Rule::use_item => self.use_item(pair).map(Item::Use),
            Rule::plan => Some(Item::Plan(self.plan(pair))),
            Rule::task => Some(Item::Task(self.task(pair))),
            Rule::probe => Some(Item::Probe(self.probe(pair))),
            Rule::command_decl => Some(Item::Command(self.command_decl(pair))),
            Rule::driver => Some(Item::Driver(self.driver(pair))),
            Rule::test => Some(Item::Test(self.test(pair))),
            Rule::statement => Some(Item::Statement(self.statement(pair))),
            _ => None,
        }
    }

    /// A plan says for whom it runs, a script does not: the two can not stand in one file.
    pub(super) fn mixed_script(&mut self, file: &File) {
        let plan = file.items.iter().find_map(|item| match item {
            Item::Plan(plan) => Some(plan),
            _ => None,
        });
        let statement = file.items.iter().find_map(|item| match item {
            Item::Statement(statement) => Some(statement),
            _ => None,
        });
        if let (Some(plan), Some(statement)) = (plan, statement)
            && !matches!(statement.kind, crate::syntax::tree::StmtKind::Bad)
        {
            let first = self.token((statement.span.start - self.base) as usize).0;
            self.report(errors::mixed_script(first, plan.name.span));
        }
    }

    fn edition(&mut self, pair: Pair<'_>, file: &mut File) {
        let span = self.span(&pair);
        let (mut year, mut rest) = (None, None);
        for part in children(pair) {
            match part.as_rule() {
                Rule::year => year = Some(self.name(&part)),
                Rule::bad_rest => rest = Some(part),
                _ => {}
            }
        }
        match (&year, &rest) {
            (None, _) => {
                let (at, token) = self.token((span.start - self.base) as usize + "edition".len());
                self.report(errors::incomplete(at, &token, "edition", "a year", "edition 2026"));
            }
            (Some(year), _) if !EDITIONS.contains(&year.text.as_str()) => {
                self.report(errors::unknown_edition(year, &EDITIONS));
            }
            (Some(_), Some(rest)) => self.after_complete(rest),
            (Some(_), None) => {}
        }
        match &file.edition {
            Some(first) => self.report(errors::edition_twice(span, first.span)),
            None if !file.items.is_empty() => self.report(errors::edition_late(span)),
            None => {}
        }
        if file.edition.is_none() {
            file.edition = year.map(|year| Edition { year: year.text, span });
        }
    }

    /// Text behind something that is complete.
    fn after_complete(&mut self, rest: &Pair<'_>) {
        let (span, token) = self.token(start(rest));
        self.report(errors::after_complete(span, &token));
    }

    fn use_item(&mut self, pair: Pair<'_>) -> Option<Use> {
        let (span, from) = (self.span(&pair), start(&pair));
        let (mut path, mut alias, mut alias_asked, mut rest) = (None, None, false, None);
        for part in children(pair) {
            match part.as_rule() {
                Rule::use_path => path = Some(self.name(&part)),
                Rule::kw_as => alias_asked = true,
                Rule::bound => alias = Some(self.bound(&part, "a module")),
                Rule::bad_rest => rest = Some(part),
                _ => {}
            }
        }
        let stop = (span.end - self.base) as usize;
        let Some(path) = path else {
            let (at, token) = self.token(from + "use".len());
            self.report(errors::incomplete(at, &token, "use", "a module", "use std.apt"));
            return None;
        };
        if let Some(rest) = &rest {
            self.after_complete(rest);
        } else if alias_asked && alias.is_none() {
            let (at, token) = self.token(stop);
            self.report(errors::incomplete(at, &token, "as", "a name", "use ./lib/dns as names"));
        } else if let Some(bare) = path.text.strip_suffix(".plan") {
            self.report(errors::use_with_ending(path.span, bare));
        }
        Some(Use { path, alias, span })
    }

    fn plan(&mut self, pair: Pair<'_>) -> Plan {
        let (span, from) = (self.span(&pair), start(&pair));
        let doc = self.doc_above(from);
        let after = from + "plan".len();
        let before = self.reported();
        let (mut name, mut params, mut subject, mut clauses, mut body, mut rest) =
            (None, None, None, Vec::new(), None, None);
        let mut seen: Vec<(&'static str, Span)> = Vec::new();
        let mut head_end = after;
        for part in children(pair) {
            if matches!(part.as_rule(), Rule::bound | Rule::params | Rule::bad_params | Rule::clause) {
                head_end = end(&part);
            }
            match part.as_rule() {
                Rule::bound => name = Some(self.bound(&part, "a plan")),
                Rule::params | Rule::bad_params => params = Some(self.params(part)),
                Rule::clause => self.clause(part, &mut subject, &mut clauses, &mut seen),
                Rule::block => body = Some(self.block(part)),
                Rule::bad_rest => rest = Some(part),
                _ => {}
            }
        }
        let name = name.unwrap_or_else(|| {
            let (at, token) = self.token(after);
            self.report(errors::incomplete(at, &token, "plan", "a name", "plan patch_pbs for guest in pbs { … }"));
            self.no_name(after)
        });
        let body = self.body(body, rest, head_end, "plan", before);
        Plan { doc, name, params, subject, clauses, body, span }
    }

    /// The block of an item, or the report that there is none; and of what stands behind it.
    pub(super) fn body(
        &mut self,
        body: Option<Block>,
        rest: Option<Pair<'_>>,
        head_end: usize,
        what: &str,
        before: usize,
    ) -> Block {
        let head_end = self.trimmed(0, head_end);
        if let Some(rest) = rest {
            if self.reported() == before {
                if body.is_some() {
                    self.after_complete(&rest);
                } else {
                    let (span, token) = self.token(start(&rest));
                    self.report(match (what, token.as_str()) {
                        ("plan", "on") => errors::plan_on(span),
                        _ => errors::unexpected(span, &token, &["`{`".to_string()], None),
                    });
                }
            }
            self.blocks_of(rest);
        } else if body.is_none() && self.reported() == before {
            self.report(errors::missing_block(self.at(head_end, head_end), what));
        }
        body.unwrap_or_else(|| Block { statements: Vec::new(), span: self.at(head_end, head_end) })
    }

    fn task(&mut self, pair: Pair<'_>) -> Task {
        let (span, from) = (self.span(&pair), start(&pair));
        let doc = self.doc_above(from);
        let head = self.callable(pair, "task");
        Task { doc, name: head.name, params: head.params, body: head.body.unwrap_or_default(), span }
    }

    fn probe(&mut self, pair: Pair<'_>) -> Probe {
        let (span, from) = (self.span(&pair), start(&pair));
        let doc = self.doc_above(from);
        let head = self.callable(pair, "probe");
        let result = head.result.unwrap_or_else(|| self.no_type(from));
        Probe { doc, name: head.name, params: head.params, result, body: head.body, span }
    }

    /// What tasks and probes have in common.
    fn callable(&mut self, pair: Pair<'_>, word: &str) -> Callable {
        let (from, after) = (start(&pair), start(&pair) + word.len());
        let before = self.reported();
        let (mut name, mut params, mut result, mut bad, mut body, mut rest) = (None, None, None, None, None, None);
        let mut head_end = after;
        for part in children(pair) {
            if matches!(
                part.as_rule(),
                Rule::bound | Rule::params | Rule::bad_params | Rule::r#type | Rule::bad_item_head
            ) {
                head_end = end(&part);
            }
            match part.as_rule() {
                Rule::bound => name = Some(self.bound(&part, &format!("a {word}"))),
                Rule::params | Rule::bad_params => params = Some(self.params(part)),
                Rule::r#type => result = Some(self.ty(part)),
                Rule::bad_item_head => bad = Some(part),
                Rule::block => body = Some(self.block(part)),
                Rule::bad_rest => rest = Some(part),
                _ => {}
            }
        }
        let example = match word {
            "task" => "task patch(guest: Guest) { … }",
            _ => "probe running(guest: Guest) -> Bool { … }",
        };
        let named = name.is_some();
        let name = name.unwrap_or_else(|| self.no_name(after));
        if !named && self.reported() == before {
            let (at, token) = self.token(after);
            self.report(errors::incomplete(at, &token, word, "a name", example));
        } else if params.is_none() && self.reported() == before {
            let at = (name.span.end - self.base) as usize;
            let (at, token) = self.token(at);
            self.report(errors::incomplete(at, &token, word, "its parameters in parentheses", example));
        } else if word == "probe" && result.is_none() && self.reported() == before {
            let (at, token) = self.token(bad.as_ref().map_or(head_end, start));
            let behind_arrow = (at.end - self.base) as usize;
            let (at, token) = if token == "->" { self.token(behind_arrow) } else { (at, token) };
            self.report(errors::incomplete(at, &token, word, "the type of its answer after `->`", example));
        } else if let Some(bad) = &bad
            && self.reported() == before
        {
            let (span, token) = self.token(start(bad));
            self.report(errors::unexpected(span, &token, &["`{`".to_string()], Some(format!("write `{example}`"))));
        }
        let body = if word == "probe" && body.is_none() && rest.is_none() {
            // A declaration without a body: the runtime answers it.
            None
        } else {
            Some(self.body(body, rest, head_end.max(from), word, before))
        };
        Callable { name, params: params.unwrap_or_default(), result, body }
    }

    /// `( … )` of a head.
    pub(super) fn params(&mut self, pair: Pair<'_>) -> Vec<Param> {
        let (from, to, readable) = (start(&pair), end(&pair), pair.as_rule() == Rule::params);
        if !readable {
            let hint = "parameters are written `name: Type` or `name: Type = value`, with commas between";
            self.puzzled(Rule::lone_params, from, self.trimmed(from, to), Some(hint.to_string()));
            return Vec::new();
        }
        children(pair).map(|param| self.param(param)).collect()
    }

    pub(super) fn param(&mut self, pair: Pair<'_>) -> Param {
        let (span, from) = (self.span(&pair), start(&pair));
        let before = self.reported();
        let (mut name, mut ty, mut default, mut bad) = (None, None, None, None);
        let assigned = has(&pair, Rule::equals);
        for part in children(pair) {
            match part.as_rule() {
                Rule::bound => name = Some(self.bound(&part, "a parameter")),
                Rule::r#type => ty = Some(self.ty(part)),
                Rule::expr => default = Some(self.expr(part)),
                Rule::bad_param => bad = Some(part),
                _ => {}
            }
        }
        let name = name.unwrap_or_else(|| self.no_name(from));
        let stop = (name.span.end - self.base) as usize;
        if self.reported() == before {
            if ty.is_none() {
                let behind =
                    bad.as_ref().map_or("", |bad| self.between(start(bad), self.trimmed(start(bad), end(bad))).trim());
                let value = default.as_ref().map_or("", |value| self.slice(value.span));
                self.report(errors::missing_type(&name, behind, value));
            } else if let Some(bad) = &bad {
                let (span, token) = self.token(start(bad));
                self.report(errors::unexpected(span, &token, &["`,`".to_string(), "`)`".to_string()], None));
            } else if default.is_none() && assigned {
                let (at, token) = self.token((span.end - self.base) as usize);
                self.report(errors::unexpected(at, &token, &["a value".to_string()], None));
            }
        }
        Param { name, ty: ty.unwrap_or_else(|| self.no_type(stop)), default, span }
    }

    /// The type that should have stood there; its absence was reported.
    fn no_type(&self, at: usize) -> Type {
        Type { kind: TypeKind::Named(String::new()), span: self.at(at, at) }
    }

    pub(super) fn ty(&mut self, pair: Pair<'_>) -> Type {
        let span = self.span(&pair);
        let kind = children(pair).next().map(|form| match form.as_rule() {
            Rule::type_literals => {
                let strings = children(form);
                TypeKind::Literals(strings.map(|string| self.fixed_string(string, "a type")).collect())
            }
            Rule::type_list => {
                let item = children(form).find(|part| part.as_rule() == Rule::r#type);
                let item = match item {
                    Some(item) => self.ty(item),
                    None => self.no_type(0),
                };
                TypeKind::List(Box::new(item))
            }
            _ => TypeKind::Named(form.as_str().to_string()),
        });
        Type { kind: kind.unwrap_or_else(|| TypeKind::Named(String::new())), span }
    }

    fn clause(
        &mut self,
        pair: Pair<'_>,
        subject: &mut Option<Subject>,
        clauses: &mut Vec<Clause>,
        seen: &mut Vec<(&'static str, Span)>,
    ) {
        let span = self.span(&pair);
        let Some(form) = children(pair).next() else { return };
        let form_span = self.span(&form);
        let kind = match form.as_rule() {
            Rule::for_clause => {
                let (mut name, mut targets) = (None, None);
                for part in children(form) {
                    match part.as_rule() {
                        Rule::bound => name = Some(self.bound(&part, "a guest")),
                        Rule::targets => targets = Some(self.targets(part)),
                        _ => {}
                    }
                }
                self.clause_once("for", form_span, seen);
                if let Some((name, targets)) = name.zip(targets)
                    && subject.is_none()
                {
                    *subject = Some(Subject { name, targets });
                }
                return;
            }
            Rule::bad_clause => {
                self.bad_clause(&form);
                ClauseKind::Bad
            }
            rule => self.clause_kind(rule, form),
        };
        if let Some(group) = clause_group(&kind) {
            self.clause_once(group, span, seen);
        }
        clauses.push(Clause { kind, span: form_span });
    }

    fn clause_once(&mut self, group: &'static str, span: Span, seen: &mut Vec<(&'static str, Span)>) {
        match seen.iter().find(|(known, _)| *known == group) {
            Some((_, first)) => self.report(errors::clause_twice(span, group, *first)),
            None => seen.push((group, span)),
        }
    }

    fn clause_kind(&mut self, rule: Rule, form: Pair<'_>) -> ClauseKind {
        let (mut exprs, mut params, mut targets, mut per) = (Vec::new(), Vec::new(), None, false);
        for part in children(form) {
            match part.as_rule() {
                Rule::expr => exprs.push(self.expr(part)),
                Rule::need => params.push(self.param(part)),
                Rule::targets => targets = Some(self.targets(part)),
                Rule::per_hypervisor => per = true,
                _ => {}
            }
        }
        let single =
            |kind: fn(crate::syntax::tree::Expr) -> ClauseKind, exprs: Vec<_>| exprs.into_iter().next().map(kind);
        match rule {
            Rule::needs => Some(ClauseKind::Needs(params)),
            Rule::one_at_a_time => Some(ClauseKind::OneAtATime),
            Rule::at_most if per => single(ClauseKind::PerHypervisor, exprs),
            Rule::at_most => single(ClauseKind::AtMost, exprs),
            Rule::batches => Some(ClauseKind::Batches(exprs)),
            Rule::never_together => targets.map(ClauseKind::NeverTogether),
            Rule::stop_after => single(ClauseKind::StopAfter, exprs),
            Rule::window => single(ClauseKind::Window, exprs),
            Rule::lock => single(ClauseKind::Lock, exprs),
            Rule::deadline => single(ClauseKind::Deadline, exprs),
            _ => None,
        }
        .unwrap_or(ClauseKind::Bad)
    }

    fn bad_clause(&mut self, form: &Pair<'_>) {
        let (from, to) = (start(form), self.trimmed(start(form), end(form)));
        let (span, token) = self.token(from);
        match errors::clause_example(&token) {
            Some(example) => {
                let at = self.stops(Rule::lone_clause, from, to).0;
                let hint =
                    (token == "for").then(|| errors::targets_hint(&self.token(at).1, self.between(at, to))).flatten();
                let hint = hint.unwrap_or_else(|| format!("write `{example}`"));
                self.puzzled(Rule::lone_clause, from, to, Some(hint));
            }
            None => self.report(errors::unknown_clause(span, &token)),
        }
    }

    pub(super) fn targets(&mut self, pair: Pair<'_>) -> Targets {
        let span = self.span(&pair);
        let mut targets = Targets::nobody(span);
        for part in children(pair) {
            match part.as_rule() {
                Rule::target_list => targets.any = self.target_list(part),
                rule => {
                    let list = children(part).find(|part| part.as_rule() == Rule::target_list);
                    let list = list.map(|list| self.target_list(list)).unwrap_or_default();
                    if rule == Rule::target_and { targets.and.push(list) } else { targets.except.push(list) }
                }
            }
        }
        targets
    }

    fn target_list(&mut self, pair: Pair<'_>) -> Vec<TargetTerm> {
        children(pair).filter_map(|target| children(target).next()).map(|target| self.target(target)).collect()
    }

    fn target(&mut self, pair: Pair<'_>) -> TargetTerm {
        match pair.as_rule() {
            Rule::target_parens => {
                let span = self.span(&pair);
                let inner = children(pair).next().map(|targets| self.targets(targets));
                let empty = || Targets::nobody(span);
                TargetTerm::Parens(Box::new(inner.unwrap_or_else(empty)))
            }
            Rule::target_host | Rule::target_group => {
                let host = pair.as_rule() == Rule::target_host;
                let span = self.span(&pair);
                let empty = || Name { text: String::new(), span };
                let name = children(pair).next().map(|string| self.fixed_string(string, "a name"));
                let name = name.unwrap_or_else(empty);
                if host { TargetTerm::Host(name) } else { TargetTerm::Group(name) }
            }
            _ => TargetTerm::Name(self.name(&pair)),
        }
    }

    /// The `##` lines directly above.
    pub(super) fn doc_above(&self, at: usize) -> Vec<String> {
        let offset = self.base.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
        let mut before = self.comments.partition_point(|comment| comment.span.start < offset);
        let mut line = self.line(at);
        let mut doc = Vec::new();
        if !self.between(self.lines[line], at).bytes().all(|byte| matches!(byte, b' ' | b'\t' | b';')) {
            // The lines above belong to what begins this line.
            return doc;
        }
        while let Some(comment) = before.checked_sub(1).and_then(|last| self.comments.get(last)) {
            let stands = self.line((comment.span.start - self.base) as usize);
            let Some(text) = comment.text.strip_prefix("##").filter(|_| comment.own_line && stands + 1 == line) else {
                break;
            };
            doc.push(text.strip_prefix(' ').unwrap_or(text).to_string());
            line = stands;
            before -= 1;
        }
        doc.reverse();
        doc
    }
}

struct Callable {
    name: Name,
    params: Vec<Param>,
    result: Option<Type>,
    body: Option<Block>,
}

/// Clauses of one group exclude one another.
fn clause_group(kind: &ClauseKind) -> Option<&'static str> {
    Some(match kind {
        ClauseKind::Needs(_) => "needs",
        ClauseKind::OneAtATime | ClauseKind::AtMost(_) | ClauseKind::Batches(_) => "at once",
        ClauseKind::PerHypervisor(_) => "per hypervisor",
        ClauseKind::NeverTogether(_) => "never together",
        ClauseKind::StopAfter(_) => "stop after",
        ClauseKind::Window(_) => "window",
        ClauseKind::Lock(_) => "lock",
        ClauseKind::Deadline(_) => "deadline",
        ClauseKind::Bad => return None,
    })
}
