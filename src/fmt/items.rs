//! What stands at the top level.

use super::expressions::{expr, param, params, ty};
use super::signatures::{command_decl, driver};
use super::statements::{Blocks, block, laid_out, statement};
use super::writer::{Line, Sep, Writer};
use super::{STEP, WIDTH};
use crate::syntax::tree::{
    Block, Clause, ClauseKind, File, Item, Plan, Probe, Stmt, TargetTerm, Targets, Task, Test, Use,
};
use crate::text::Span;

/// A whole file.
pub(super) fn file(writer: &mut Writer<'_>, file: &File) {
    if let Some(edition) = &file.edition {
        writer.word(Line::next(0), "edition");
        writer.word(Sep::Space, &edition.year);
    }
    let mut rest = file.items.as_slice();
    while !rest.is_empty() {
        let script = script_line(writer, rest);
        if script.len() > 1 {
            writer.place(Line::next(0));
            let whole = |writer: &mut Writer<'_>| {
                for (number, item) in script.iter().enumerate() {
                    statement(writer, if number == 0 { Sep::Tight } else { Sep::Then }, 0, item);
                }
            };
            if !writer.fits(WIDTH, whole) {
                for (number, item) in script.iter().enumerate() {
                    statement(writer, if number == 0 { Sep::Tight } else { Line::next(0) }, 0, item);
                }
            }
            rest = &rest[script.len()..];
        } else if let [next, after @ ..] = rest {
            item(writer, Line::next(0), 0, next);
            rest = after;
        }
    }
}

/// The statements of a script that stand on one line, from the first item.
fn script_line<'f>(writer: &Writer<'_>, items: &'f [Item]) -> Vec<&'f Stmt> {
    let mut line: Vec<&Stmt> = Vec::new();
    for item in items {
        let Item::Statement(statement) = item else { break };
        let same_line = line.last().is_none_or(|last| writer.same_line(last.span, statement.span));
        if !same_line || !writer.on_one_line(statement.span) {
            break;
        }
        line.push(statement);
    }
    line
}

/// One item, at this indentation.
pub(super) fn item(writer: &mut Writer<'_>, sep: Sep, indent: usize, item: &Item) {
    writer.hang = indent + STEP;
    match item {
        Item::Use(used) => use_item(writer, sep, used),
        Item::Plan(item) => plan(writer, sep, indent, item),
        Item::Task(item) => {
            let one_line = writer.on_one_line(item.span);
            laid_out(writer, sep, one_line, |writer, sep, blocks| task(writer, sep, indent, blocks, item));
        }
        Item::Probe(item) => {
            let one_line = writer.on_one_line(item.span);
            laid_out(writer, sep, one_line, |writer, sep, blocks| probe(writer, sep, indent, blocks, item));
        }
        Item::Command(item) => command_decl(writer, sep, indent, item),
        Item::Driver(item) => driver(writer, sep, indent, item),
        Item::Test(item) => {
            let one_line = writer.on_one_line(item.span);
            laid_out(writer, sep, one_line, |writer, sep, blocks| test(writer, sep, indent, blocks, item));
        }
        Item::Statement(item) => statement(writer, sep, indent, item),
    }
    writer.hang = indent + STEP;
}

fn use_item(writer: &mut Writer<'_>, sep: Sep, used: &Use) {
    writer.word(sep, "use");
    writer.copy(Sep::Space, used.path.span);
    if let Some(alias) = &used.alias {
        writer.word(Sep::Space, "as");
        writer.copy(Sep::Space, alias.span);
    }
}

fn task(writer: &mut Writer<'_>, sep: Sep, indent: usize, blocks: Blocks, task: &Task) {
    writer.word(sep, "task");
    writer.copy(Sep::Space, task.name.span);
    params(writer, &task.params);
    block(writer, indent, blocks, &task.body);
}

fn test(writer: &mut Writer<'_>, sep: Sep, indent: usize, blocks: Blocks, test: &Test) {
    writer.word(sep, "test");
    writer.copy(Sep::Space, test.name.span);
    if let Some(at) = &test.at {
        writer.word(Sep::Space, "at");
        expr(writer, Sep::Space, at);
    }
    block(writer, indent, blocks, &test.body);
}

fn probe(writer: &mut Writer<'_>, sep: Sep, indent: usize, blocks: Blocks, probe: &Probe) {
    writer.word(sep, "probe");
    writer.copy(Sep::Space, probe.name.span);
    params(writer, &probe.params);
    writer.word(Sep::Space, "->");
    ty(writer, Sep::Space, &probe.result);
    if let Some(body) = &probe.body {
        block(writer, indent, blocks, body);
    }
}

/// A plan with clauses has one a line, and its braces too; one without is headed like a task.
fn plan(writer: &mut Writer<'_>, sep: Sep, indent: usize, plan: &Plan) {
    let subject_at = plan.subject.as_ref().map(|subject| subject.name.span.start);
    let first_clause = plan.clauses.first().map(|clause| clause.span.start);
    let subject_first = subject_at.is_none_or(|at| first_clause.is_none_or(|clause| at < clause));
    if plan.clauses.is_empty() {
        let one_line = writer.on_one_line(plan.span);
        laid_out(writer, sep, one_line, |writer, sep, blocks| {
            plan_head(writer, sep, plan, true);
            block(writer, indent, blocks, &plan.body);
        });
        return;
    }
    plan_head(writer, sep, plan, subject_first);
    let line = |indent| Sep::Line(Line { indent, comments: indent, empty_above: false, empty_below: false });
    let mut subject_to_come = subject_at.filter(|_| !subject_first);
    for clause in &plan.clauses {
        if subject_to_come.is_some_and(|at| at < clause.span.start) {
            writer.hang = indent + 2 * STEP;
            subject(writer, line(indent + STEP), plan);
            subject_to_come = None;
        }
        writer.hang = indent + 2 * STEP;
        clause_line(writer, line(indent + STEP), clause);
    }
    if subject_to_come.is_some() {
        subject(writer, line(indent + STEP), plan);
    }
    writer.place(Sep::Line(Line { indent, comments: indent + STEP, empty_above: false, empty_below: false }));
    body_on_its_line(writer, indent, &plan.body);
}

/// A body whose `{` begins a line.
fn body_on_its_line(writer: &mut Writer<'_>, indent: usize, body: &Block) {
    writer.hang = indent;
    writer.word(Sep::Tight, "{");
    writer.hang = indent + STEP;
    super::statements::braced(writer, indent, Blocks::Broken, body.span, &body.statements, statement);
}

fn plan_head(writer: &mut Writer<'_>, sep: Sep, plan: &Plan, with_subject: bool) {
    writer.word(sep, "plan");
    writer.copy(Sep::Space, plan.name.span);
    if let Some(list) = &plan.params {
        params(writer, list);
    }
    if with_subject {
        subject(writer, Sep::Space, plan);
    }
}

fn subject(writer: &mut Writer<'_>, sep: Sep, plan: &Plan) {
    if let Some(subject) = &plan.subject {
        writer.word(sep, "for");
        writer.copy(Sep::Space, subject.name.span);
        writer.word(Sep::Space, "in");
        targets(writer, Sep::Space, &subject.targets);
    }
}

fn clause_line(writer: &mut Writer<'_>, sep: Sep, clause: &Clause) {
    match &clause.kind {
        ClauseKind::Needs(needs) => {
            writer.word(sep, "needs");
            for (number, need) in needs.iter().enumerate() {
                comma(writer, number);
                param(writer, if number == 0 { Sep::Space } else { Sep::Soft }, need);
            }
        }
        ClauseKind::OneAtATime => writer.words(sep, "one at a time"),
        ClauseKind::AtMost(count) => {
            writer.words(sep, "at most");
            expr(writer, Sep::Space, count);
            writer.words(Sep::Space, "at once");
        }
        ClauseKind::PerHypervisor(count) => {
            writer.words(sep, "at most");
            expr(writer, Sep::Space, count);
            writer.words(Sep::Space, "per hypervisor");
        }
        ClauseKind::Batches(sizes) => {
            writer.word(sep, "batches");
            for (number, size) in sizes.iter().enumerate() {
                comma(writer, number);
                expr(writer, if number == 0 { Sep::Space } else { Sep::Soft }, size);
            }
        }
        ClauseKind::NeverTogether(whom) => {
            writer.words(sep, "never together");
            targets(writer, Sep::Space, whom);
        }
        ClauseKind::StopAfter(count) => {
            writer.words(sep, "stop after");
            expr(writer, Sep::Space, count);
            let word = if writer.next_is("failures") { "failures" } else { "failure" };
            writer.word(Sep::Space, word);
        }
        ClauseKind::Window(window) => {
            writer.word(sep, "window");
            expr(writer, Sep::Space, window);
        }
        ClauseKind::Lock(lock) => {
            writer.word(sep, "lock");
            expr(writer, Sep::Space, lock);
        }
        ClauseKind::Deadline(deadline) => {
            writer.word(sep, "deadline");
            expr(writer, Sep::Space, deadline);
        }
        ClauseKind::Bad => writer.copy(sep, clause.span),
    }
}

/// The comma before each but the first.
fn comma(writer: &mut Writer<'_>, number: usize) {
    if number > 0 {
        writer.word(Sep::Tight, ",");
    }
}

pub(super) fn targets(writer: &mut Writer<'_>, sep: Sep, targets: &Targets) {
    terms(writer, sep, &targets.any);
    let (mut and, mut except) = (targets.and.iter(), targets.except.iter());
    // The two kinds may alternate.
    for _ in 0..targets.and.len() + targets.except.len() {
        let (sep, word, list) =
            if writer.next_is("and") { (Sep::Space, "and", and.next()) } else { (Sep::Soft, "except", except.next()) };
        writer.word(sep, word);
        terms(writer, Sep::Soft, list.map_or(&[], Vec::as_slice));
    }
}

fn terms(writer: &mut Writer<'_>, sep: Sep, terms: &[TargetTerm]) {
    for (number, term) in terms.iter().enumerate() {
        comma(writer, number);
        let sep = if number == 0 { sep } else { Sep::Soft };
        match term {
            TargetTerm::Name(name) => writer.copy(sep, name.span),
            TargetTerm::Host(name) => named(writer, sep, "host", name.span),
            TargetTerm::Group(name) => named(writer, sep, "group", name.span),
            TargetTerm::Parens(inner) => {
                writer.word(sep, "(");
                targets(writer, Sep::SoftTight, inner);
                writer.word(Sep::SoftTight, ")");
            }
        }
    }
}

/// `host("…")`
fn named(writer: &mut Writer<'_>, sep: Sep, word: &str, name: Span) {
    writer.word(sep, word);
    writer.word(Sep::Tight, "(");
    writer.copy(Sep::Tight, name);
    writer.word(Sep::Tight, ")");
}
