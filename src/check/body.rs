//! The scope of one body: locals, the subject, and what the code asks of it.

use std::cell::Cell;

use super::modules::ModuleId;
use super::needs::{Obligation, ObligationKind};
use super::program::{Expr, ProcKind, Slot};
use super::{About, CallEdge, Checker, ProcFacts, Type, errors};
use crate::diag::Diagnostic;
use crate::syntax::tree;
use crate::text::{IndexMap, Span};

/// A local value.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub(super) slot: Slot,
    pub(super) ty: Type,
    pub(super) span: Span,
    /// Which hosts it can be, when it is one.
    pub(super) about: About,
    /// Its value, where it is the same in every run.
    pub(super) constant: Option<super::Value>,
    /// Whether a `let` names it, and nothing has asked for it yet.
    unused: Cell<bool>,
}

/// One body while it is lowered.
pub(super) struct Body<'c, 'a> {
    pub(super) checker: &'c mut Checker<'a>,
    pub(super) module: ModuleId,
    pub(super) kind: ProcKind,
    /// What a probe answers.
    pub(super) result: Type,
    /// Whether it is the body of a plan without `for`.
    pub(super) is_site: bool,
    /// Whether it is the body of a test.
    pub(super) is_test: bool,
    scopes: Vec<IndexMap<String, Local>>,
    slots: usize,
    /// The names of the loops over hosts that are under way.
    host_loops: Vec<String>,
    subject: Option<Slot>,
    /// Types of inventory variables that the plan's `needs` declare.
    pub(super) needs: IndexMap<String, Type>,
    /// Defaults that `needs` gives.
    pub(super) defaults: IndexMap<String, super::Value>,
    obligations: Vec<Obligation>,
    calls: Vec<CallEdge>,
}

impl<'c, 'a> Body<'c, 'a> {
    pub(super) fn new(checker: &'c mut Checker<'a>, module: ModuleId, kind: ProcKind) -> Self {
        Body {
            checker,
            module,
            kind,
            result: Type::Unknown,
            is_site: false,
            is_test: false,
            scopes: vec![IndexMap::default()],
            slots: 0,
            host_loops: Vec::new(),
            subject: None,
            needs: IndexMap::default(),
            defaults: IndexMap::default(),
            obligations: Vec::new(),
            calls: Vec::new(),
        }
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.checker.problems.push(diagnostic);
    }

    /// A warning: of the library's own statements nobody is warned.
    pub(super) fn warn(&mut self, warning: Diagnostic) {
        if !self.checker.modules.get(self.module).is_std {
            self.checker.warnings.push(warning);
        }
    }

    /// The first slot is what the code is about.
    pub(super) fn subject_is(&mut self, slot: Slot) {
        self.subject = Some(slot);
    }

    /// The subject as an expression.
    pub(super) fn subject(&self) -> Option<Expr> {
        self.subject.map(Expr::Slot)
    }

    /// A new local in the innermost scope. A name that is visible already is reported.
    pub(super) fn declare(&mut self, name: &tree::Name, ty: Type, about: About) -> Slot {
        if let Some(first) = self.scopes.iter().rev().find_map(|scope| scope.get(&name.text)) {
            let first = first.span;
            self.report(errors::shadows(name.span, &name.text, first));
        }
        let slot = Slot(self.slots);
        self.slots += 1;
        let local = Local { slot, ty, span: name.span, about, constant: None, unused: Cell::new(false) };
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.text.clone(), local);
        }
        slot
    }

    /// Says that a local has this value in every run.
    pub(super) fn is_always(&mut self, name: &str, value: super::Value) {
        if let Some(local) = self.scopes.iter_mut().rev().find_map(|scope| scope.get_mut(name)) {
            local.constant = Some(value);
        }
    }

    pub(super) fn local(&self, name: &str) -> Option<&Local> {
        let local = self.scopes.iter().rev().find_map(|scope| scope.get(name));
        if let Some(local) = local {
            local.unused.set(false);
        }
        local
    }

    /// Says that a `let` gives this name.
    pub(super) fn is_let(&mut self, name: &str) {
        if let Some(local) = self.scopes.last().and_then(|scope| scope.get(name)) {
            local.unused.set(true);
        }
    }

    /// The names of all visible locals.
    pub(super) fn local_names(&self) -> Vec<String> {
        self.scopes.iter().flat_map(|scope| scope.keys().cloned()).collect()
    }

    pub(super) fn enter(&mut self) {
        self.scopes.push(IndexMap::default());
    }

    pub(super) fn leave(&mut self) {
        for (name, local) in self.scopes.pop().unwrap_or_default() {
            if local.unused.get() {
                self.warn(errors::unused(local.span, &name));
            }
        }
    }

    /// The innermost loop over hosts, by the name of its item.
    pub(super) fn host_loop(&self) -> Option<String> {
        self.host_loops.last().cloned()
    }

    pub(super) fn enter_host_loop(&mut self, item: &str) {
        self.host_loops.push(item.to_string());
    }

    pub(super) fn leave_host_loop(&mut self) {
        self.host_loops.pop();
    }

    /// Something that the host which the code is about must have or be.
    pub(super) fn oblige(&mut self, kind: ObligationKind, about: About, span: Span) {
        if about != About::Unknown {
            self.obligations.push(Obligation { kind, about, span });
        }
    }

    pub(super) fn calls(&mut self, edge: CallEdge) {
        self.calls.push(edge);
    }

    /// A type as written.
    pub(super) fn ty(&mut self, ty: &tree::Type) -> Type {
        match &ty.kind {
            tree::TypeKind::Named(name) => match Type::named(name) {
                Some(ty) => ty,
                // The parser has said that there is none.
                None if name.is_empty() => Type::Unknown,
                None => {
                    self.report(errors::unknown_type(ty.span, name));
                    Type::Unknown
                }
            },
            tree::TypeKind::List(of) => Type::List(Box::new(self.ty(of))),
            tree::TypeKind::Literals(words) => Type::Literals(words.iter().map(|word| word.text.clone()).collect()),
        }
    }

    /// How many slots a frame needs, and what was found out on the way.
    pub(super) fn finish(mut self) -> (usize, ProcFacts) {
        while !self.scopes.is_empty() {
            self.leave();
        }
        let facts = ProcFacts { obligations: self.obligations, calls: self.calls };
        (self.slots, facts)
    }
}
