//! Where steps lead: probes that answer, and calls that come back to themselves.

use super::errors;
use super::program::{Callee, ProcId, Step, StepKind};
use super::{Checker, ProcFacts};
use crate::syntax::tree;
use crate::text::{IndexSet, Span};

/// Whether every way through the steps ends with `return` or `fail`.
pub(super) fn always_returns(steps: &[Step]) -> bool {
    ends(steps, &|kind| matches!(kind, StepKind::Return(_) | StepKind::Fail(_)))
}

/// Whether no way leads past a step.
pub(super) fn leaves(step: &Step) -> bool {
    let kinds = |kind: &StepKind| matches!(kind, StepKind::Return(_) | StepKind::Fail(_) | StepKind::Skip(_));
    ends(std::slice::from_ref(step), &kinds)
}

fn ends(steps: &[Step], is_end: &dyn Fn(&StepKind) -> bool) -> bool {
    steps.iter().any(|step| match &step.kind {
        StepKind::If(branches, otherwise) => {
            branches.iter().all(|(_, steps)| ends(steps, is_end)) && ends(otherwise, is_end)
        }
        StepKind::Try(body, recover, finally) => {
            finally.as_ref().is_some_and(|steps| ends(steps, is_end))
                || ends(body, is_end) && recover.as_ref().is_none_or(|(_, steps)| ends(steps, is_end))
        }
        StepKind::Retry(_, _, steps) => ends(steps, is_end),
        kind => is_end(kind),
    })
}

/// Whether a statement of the block could not be read, so that nothing can be said about its end.
pub(super) fn has_bad(block: &tree::Block) -> bool {
    block.statements.iter().any(|statement| matches!(statement.kind, tree::StmtKind::Bad))
}

impl Checker<'_> {
    /// Every plan ends: nothing calls itself.
    pub(super) fn find_recursion(&mut self) {
        let mut done: IndexSet<ProcId> = IndexSet::default();
        let mut reported: IndexSet<ProcId> = IndexSet::default();
        for id in 0..self.procs.len() {
            self.walk_calls(ProcId(id), &mut Vec::new(), &mut done, &mut reported);
        }
    }

    fn walk_calls(
        &mut self,
        id: ProcId,
        path: &mut Vec<(ProcId, Span)>,
        done: &mut IndexSet<ProcId>,
        reported: &mut IndexSet<ProcId>,
    ) {
        if let Some(at) = path.iter().position(|(seen, _)| *seen == id) {
            let circle: Vec<ProcId> = path[at..].iter().map(|(id, _)| *id).collect();
            if circle.iter().any(|id| reported.contains(id)) {
                return;
            }
            // The first of the circle in the file is where a reader looks.
            let first = circle.iter().copied().min_by_key(|id| self.span_of(*id).start).unwrap_or(id);
            let from = circle.iter().position(|id| *id == first).unwrap_or(0);
            let mut names: Vec<String> = (0..circle.len())
                .map(|i| self.name_of(circle[(from + i) % circle.len()]))
                .map(|name| format!("`{name}`"))
                .collect();
            names.push(names[0].clone());
            reported.extend(circle);
            self.problems.push(errors::recursion(self.span_of(first), &names.join(" calls ")));
            return;
        }
        if done.contains(&id) {
            return;
        }
        let ProcFacts { calls, .. } = self.facts[id.0].clone();
        for call in calls {
            path.push((id, call.span));
            match call.callee {
                Callee::Proc(callee) => self.walk_calls(callee, path, done, reported),
                Callee::Driver(name) => {
                    let callees: Vec<ProcId> =
                        self.drivers.values().filter_map(|driver| driver.procs.get(&name).copied()).collect();
                    for callee in callees {
                        self.walk_calls(callee, path, done, reported);
                    }
                }
                Callee::Builtin(_) => {}
            }
            path.pop();
        }
        done.insert(id);
    }

    fn name_of(&self, id: ProcId) -> String {
        self.procs[id.0].as_ref().map_or_else(String::new, |proc| proc.name.clone())
    }

    fn span_of(&self, id: ProcId) -> Span {
        match self.modules.item(self.decls[id.0]) {
            Some(tree::Item::Task(task)) => task.name.span,
            Some(tree::Item::Probe(probe)) => probe.name.span,
            Some(tree::Item::Plan(plan)) => plan.name.span,
            Some(tree::Item::Test(test)) => test.name.span,
            _ => Span::default(),
        }
    }
}
