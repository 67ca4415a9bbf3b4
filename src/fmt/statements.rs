//! Statements, blocks and commands.

use super::expressions::{arguments, expr};
use super::items::targets;
use super::writer::{Line, Sep, Writer};
use super::{STEP, WIDTH};
use crate::syntax::tree::{
    Answer, Block, Call, Command, Expect, Expr, Fault, FaultAt, Given, If, LetValue, Name, Notify, On, OnBlock,
    OnOption, OnOptionKind, Ran, Retry, Stmt, StmtKind, Times, Try, WhenLocked,
};
use crate::text::Span;

/// How the blocks of a statement stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocks {
    /// On the line of the statement.
    Inline,
    /// On lines of their own.
    Broken,
    /// Each as it was written, where it fits.
    AsWritten,
}

/// A statement at this indentation, `sep` before it.
pub(super) fn statement(writer: &mut Writer<'_>, sep: Sep, indent: usize, statement: &Stmt) {
    writer.hang = indent + STEP;
    if !has_blocks(&statement.kind) {
        kind(writer, sep, indent, Blocks::AsWritten, &statement.kind, statement.span);
    } else {
        let one_line = writer.on_one_line(statement.span);
        laid_out(writer, sep, one_line, |writer, sep, blocks| {
            kind(writer, sep, indent, blocks, &statement.kind, statement.span);
        });
    }
    writer.hang = indent + STEP;
}

/// Writes something that was written on one line so again, if it fits, and with all its blocks broken if not; what was
/// written on several, as it was written.
pub(super) fn laid_out(
    writer: &mut Writer<'_>,
    sep: Sep,
    one_line: bool,
    mut write: impl FnMut(&mut Writer<'_>, Sep, Blocks),
) {
    if writer.is_trying() || !one_line {
        write(writer, sep, if writer.is_trying() { Blocks::Inline } else { Blocks::AsWritten });
        return;
    }
    // The newline before it is no part of what must fit.
    writer.place(sep);
    if !writer.fits(WIDTH, |writer| write(writer, Sep::Tight, Blocks::Inline)) {
        write(writer, Sep::Tight, Blocks::Broken);
    }
}

fn has_blocks(kind: &StmtKind) -> bool {
    match kind {
        StmtKind::OnBlock(_)
        | StmtKind::If(_)
        | StmtKind::For(_)
        | StmtKind::Retry(..)
        | StmtKind::Try(_)
        | StmtKind::Notify(_)
        | StmtKind::Given(_)
        | StmtKind::Expect(Expect::Order(..)) => true,
        StmtKind::On(_)
        | StmtKind::Let(..)
        | StmtKind::Await(_)
        | StmtKind::Require(_)
        | StmtKind::Call(_)
        | StmtKind::Fail(_)
        | StmtKind::Skip(_)
        | StmtKind::Warn(_)
        | StmtKind::Record(..)
        | StmtKind::Confirm(_)
        | StmtKind::Return(_)
        | StmtKind::Run(..)
        | StmtKind::Answer(_)
        | StmtKind::Fault(_)
        | StmtKind::Expect(_)
        | StmtKind::KeepOff
        | StmtKind::Bad => false,
    }
}

fn kind(writer: &mut Writer<'_>, sep: Sep, indent: usize, blocks: Blocks, kind: &StmtKind, span: Span) {
    match kind {
        StmtKind::On(statement) => on(writer, sep, statement),
        StmtKind::OnBlock(statement) => on_block(writer, sep, indent, blocks, statement),
        StmtKind::Let(name, value) => {
            writer.word(sep, "let");
            writer.copy(Sep::Space, name.span);
            writer.word(Sep::Space, "=");
            match value {
                LetValue::Expr(value) => expr(writer, Sep::Soft, value),
                LetValue::On(value) => on(writer, Sep::Soft, value),
            }
        }
        StmtKind::Await(wait) => {
            writer.word(sep, "await");
            expr(writer, Sep::Space, &wait.condition);
            let mut parts = vec![("within", &wait.within), ("every", &wait.every), ("else", &wait.otherwise)];
            // They may stand in any order.
            parts.sort_by_key(|(_, value)| value.as_ref().map_or(0, |value| value.span.start));
            for (word, value) in parts {
                if let Some(value) = value {
                    writer.word(Sep::Soft, word);
                    expr(writer, Sep::Soft, value);
                }
            }
        }
        StmtKind::Require(require) => {
            writer.word(sep, "require");
            expr(writer, Sep::Space, &require.condition);
            if let Some(otherwise) = &require.otherwise {
                writer.word(Sep::Soft, "else");
                expr(writer, Sep::Soft, otherwise);
            }
        }
        StmtKind::Call(statement) => call(writer, sep, statement),
        StmtKind::If(choice) => if_statement(writer, sep, indent, blocks, choice),
        StmtKind::For(each) => {
            writer.word(sep, "for");
            writer.copy(Sep::Space, each.name.span);
            writer.word(Sep::Space, "in");
            expr(writer, Sep::Space, &each.list);
            block(writer, indent, blocks, &each.body);
        }
        StmtKind::Retry(times, body) => {
            writer.word(sep, "retry");
            retry(writer, times);
            block(writer, indent, blocks, body);
        }
        StmtKind::Try(tried) => try_statement(writer, sep, indent, blocks, tried),
        StmtKind::Fail(said) => word_and_value(writer, sep, "fail", said),
        StmtKind::Skip(said) => word_and_value(writer, sep, "skip", said),
        StmtKind::Warn(said) => word_and_value(writer, sep, "warn", said),
        StmtKind::Confirm(said) => word_and_value(writer, sep, "confirm", said),
        StmtKind::Record(name, value) => {
            writer.word(sep, "record");
            writer.copy(Sep::Space, name.span);
            writer.word(Sep::Space, "=");
            expr(writer, Sep::Soft, value);
        }
        StmtKind::Notify(statement) => notify(writer, sep, indent, blocks, statement),
        StmtKind::Return(None) => writer.word(sep, "return"),
        StmtKind::Return(Some(value)) => word_and_value(writer, sep, "return", value),
        StmtKind::Run(plan, whom) => {
            writer.word(sep, "run");
            call(writer, Sep::Space, plan);
            if let Some(whom) = whom {
                writer.word(Sep::Space, "for");
                targets(writer, Sep::Space, whom);
            }
        }
        StmtKind::Given(statement) => given(writer, sep, indent, blocks, statement),
        StmtKind::Answer(statement) => answer(writer, sep, statement),
        StmtKind::Fault(statement) => fault(writer, sep, statement),
        StmtKind::Expect(statement) => expect(writer, sep, indent, blocks, statement),
        StmtKind::KeepOff => {
            writer.word(sep, "keep");
            writer.word(Sep::Space, "off");
        }
        StmtKind::Bad => writer.copy(sep, span),
    }
}

fn word_and_value(writer: &mut Writer<'_>, sep: Sep, word: &str, value: &Expr) {
    writer.word(sep, word);
    expr(writer, Sep::Space, value);
}

fn call(writer: &mut Writer<'_>, sep: Sep, call: &Call) {
    for (number, name) in call.path.iter().enumerate() {
        if number > 0 {
            writer.word(Sep::Tight, ".");
        }
        writer.copy(if number == 0 { sep } else { Sep::Tight }, name.span);
    }
    arguments(writer, &call.args);
}

fn if_statement(writer: &mut Writer<'_>, sep: Sep, indent: usize, blocks: Blocks, choice: &If) {
    for (number, (condition, body)) in choice.branches.iter().enumerate() {
        if number == 0 {
            writer.word(sep, "if");
        } else {
            behind_block(writer, indent, "else");
            writer.word(Sep::Space, "if");
        }
        expr(writer, Sep::Space, condition);
        block(writer, indent, blocks, body);
    }
    if let Some(body) = &choice.otherwise {
        behind_block(writer, indent, "else");
        block(writer, indent, blocks, body);
    }
}

fn try_statement(writer: &mut Writer<'_>, sep: Sep, indent: usize, blocks: Blocks, tried: &Try) {
    writer.word(sep, "try");
    block(writer, indent, blocks, &tried.body);
    if let Some((name, body)) = &tried.recover {
        behind_block(writer, indent, "recover");
        writer.copy(Sep::Space, name.span);
        block(writer, indent, blocks, body);
    }
    if let Some(body) = &tried.finally {
        behind_block(writer, indent, "finally");
        block(writer, indent, blocks, body);
    }
}

/// A word that goes on behind the `}` of a block.
fn behind_block(writer: &mut Writer<'_>, indent: usize, word: &str) {
    writer.hang = indent;
    writer.word(Sep::Space, word);
    writer.hang = indent + STEP;
}

/// A block behind its head.
pub(super) fn block(writer: &mut Writer<'_>, indent: usize, blocks: Blocks, block: &Block) {
    open(writer, indent);
    braced(writer, indent, blocks, block.span, &block.statements, statement);
}

/// The `{` behind a head.
pub(super) fn open(writer: &mut Writer<'_>, indent: usize) {
    writer.hang = indent;
    writer.word(Sep::Space, "{");
    writer.hang = indent + STEP;
}

/// Lines in braces, behind the `{`.
pub(super) fn braced<T>(
    writer: &mut Writer<'_>,
    indent: usize,
    blocks: Blocks,
    span: Span,
    lines: &[T],
    write: impl Fn(&mut Writer<'_>, Sep, usize, &T),
) {
    let inline = |writer: &mut Writer<'_>| {
        for (number, line) in lines.iter().enumerate() {
            write(writer, if number == 0 { Sep::Inside } else { Sep::Then }, indent + STEP, line);
        }
        writer.word(Sep::Inside, "}");
    };
    let stays = match blocks {
        _ if lines.is_empty() => !writer.comment_before_next(),
        Blocks::Inline => true,
        Blocks::AsWritten => writer.on_one_line(span),
        Blocks::Broken => false,
    };
    let done = if !stays || writer.is_trying() || lines.is_empty() {
        stays.then(|| inline(writer)).is_some()
    } else {
        writer.fits(WIDTH, inline)
    };
    if !done {
        for (number, line) in lines.iter().enumerate() {
            let sep = if number == 0 { Line::first(indent + STEP) } else { Line::next(indent + STEP) };
            write(writer, sep, indent + STEP, line);
        }
        writer.word(Line::closing(indent, !lines.is_empty()), "}");
    }
    writer.hang = indent + STEP;
}

fn on(writer: &mut Writer<'_>, sep: Sep, on: &On) {
    writer.word(sep, "on");
    expr(writer, Sep::Space, &on.place);
    options(writer, &on.options);
    writer.word(Sep::Tight, ":");
    command(writer, Sep::Space, &on.command);
}

fn on_block(writer: &mut Writer<'_>, sep: Sep, indent: usize, blocks: Blocks, on: &OnBlock) {
    writer.word(sep, "on");
    expr(writer, Sep::Space, &on.place);
    options(writer, &on.options);
    open(writer, indent);
    braced(writer, indent, blocks, on.block, &on.commands, |writer, sep, indent, item| {
        writer.hang = indent + STEP;
        command(writer, sep, item);
    });
}

/// The words as they were written, one blank between them.
fn command(writer: &mut Writer<'_>, sep: Sep, command: &Command) {
    for (number, word) in command.words.iter().enumerate() {
        writer.copy(if number == 0 { sep } else { Sep::Space }, word.span);
    }
}

fn options(writer: &mut Writer<'_>, options: &[OnOption]) {
    for option in options {
        match &option.kind {
            OnOptionKind::As(user) => {
                writer.word(Sep::Space, "as");
                writer.copy(Sep::Space, user.span);
            }
            OnOptionKind::Within(time) => word_and_value(writer, Sep::Space, "within", time),
            OnOptionKind::Accept(codes) => {
                writer.word(Sep::Space, "accept");
                for (number, code) in codes.iter().enumerate() {
                    if number > 0 {
                        writer.word(Sep::Tight, ",");
                    }
                    expr(writer, if number == 0 { Sep::Space } else { Sep::Soft }, code);
                }
            }
            OnOptionKind::AcceptAny => writer.words(Sep::Space, "accept any"),
            OnOptionKind::Retry(times) => {
                writer.word(Sep::Space, "retry");
                retry(writer, times);
            }
            OnOptionKind::Env(name, value) => {
                writer.word(Sep::Space, "env");
                writer.copy(Sep::Space, name.span);
                writer.word(Sep::Tight, "=");
                expr(writer, Sep::SoftTight, value);
            }
            OnOptionKind::Stdin(value) => word_and_value(writer, Sep::Space, "stdin", value),
            OnOptionKind::Reading => writer.word(Sep::Space, "reading"),
            OnOptionKind::WhenLocked(locked) => {
                writer.words(Sep::Space, "when locked");
                match locked {
                    WhenLocked::Wait(time) => word_and_value(writer, Sep::Space, "wait", time),
                    WhenLocked::Skip => writer.word(Sep::Space, "skip"),
                    WhenLocked::Fail => writer.word(Sep::Space, "fail"),
                }
            }
            OnOptionKind::Unguarded(guards, reason) => {
                writer.word(Sep::Space, "unguarded");
                for (number, guard) in guards.iter().enumerate() {
                    if number > 0 {
                        writer.word(Sep::Tight, ",");
                    }
                    writer.copy(if number == 0 { Sep::Space } else { Sep::Soft }, guard.span);
                }
                expr(writer, Sep::Space, reason);
            }
            OnOptionKind::Bad => writer.copy(Sep::Space, option.span),
        }
    }
}

/// `3 every 10s`
fn retry(writer: &mut Writer<'_>, retry: &Retry) {
    expr(writer, Sep::Space, &retry.times);
    if let Some(every) = &retry.every {
        word_and_value(writer, Sep::Space, "every", every);
    }
}

fn notify(writer: &mut Writer<'_>, sep: Sep, indent: usize, blocks: Blocks, notify: &Notify) {
    writer.word(sep, "notify");
    writer.copy(Sep::Space, notify.channel.span);
    expr(writer, Sep::Space, &notify.subject);
    if notify.fields.is_empty() && !writer.next_is("{") {
        return;
    }
    open(writer, indent);
    fields(writer, indent, blocks, &notify.fields);
}

fn given(writer: &mut Writer<'_>, sep: Sep, indent: usize, blocks: Blocks, given: &Given) {
    writer.word(sep, "given");
    targets(writer, Sep::Space, &given.targets);
    if let Some(after) = &given.after {
        word_and_value(writer, Sep::Space, "after", after);
    }
    open(writer, indent);
    fields(writer, indent, blocks, &given.fields);
}

fn answer(writer: &mut Writer<'_>, sep: Sep, answer: &Answer) {
    writer.words(sep, "answer on");
    targets(writer, Sep::Space, &answer.ran.targets);
    for (name, value) in &answer.options {
        writer.copy(Sep::Space, name.span);
        expr(writer, Sep::Space, value);
    }
    writer.word(Sep::Tight, ":");
    command(writer, Sep::Space, &answer.ran.command);
}

fn fault(writer: &mut Writer<'_>, sep: Sep, fault: &Fault) {
    writer.word(sep, "fault");
    writer.copy(Sep::Space, fault.what.span);
    writer.word(Sep::Space, "at");
    if let Some(nth) = &fault.nth {
        expr(writer, Sep::Space, nth);
    }
    match &fault.at {
        FaultAt::Command(statement) => ran(writer, Sep::Space, statement),
        FaultAt::Connection(whom) => {
            writer.word(Sep::Space, "ssh");
            writer.word(Sep::Tight, "(");
            targets(writer, Sep::Tight, whom);
            writer.word(Sep::Tight, ")");
        }
    }
}

fn expect(writer: &mut Writer<'_>, sep: Sep, indent: usize, blocks: Blocks, expect: &Expect) {
    writer.word(sep, "expect");
    match expect {
        Expect::Ended { targets: whom, ending, reason } => {
            if let Some(whom) = whom {
                targets(writer, Sep::Space, whom);
            }
            writer.copy(Sep::Space, ending.span);
            if let Some(reason) = reason {
                expr(writer, Sep::Space, reason);
            }
        }
        Expect::Ran(times, statement) => {
            match times {
                Times::Some => {}
                Times::Never => writer.word(Sep::Space, "never"),
                Times::Once => writer.word(Sep::Space, "once"),
                Times::Exactly(count) => {
                    expr(writer, Sep::Space, count);
                    writer.word(Sep::Space, "times");
                }
            }
            ran(writer, Sep::Space, statement);
        }
        Expect::Order(commands, span) => {
            writer.words(Sep::Space, "in order");
            open(writer, indent);
            braced(writer, indent, blocks, *span, commands, |writer, sep, indent, item| {
                writer.hang = indent + STEP;
                ran(writer, sep, item);
            });
        }
        Expect::Apart(whom) => {
            writer.words(Sep::Space, "never together");
            targets(writer, Sep::Space, whom);
        }
        Expect::Holds(condition) => expr(writer, Sep::Space, condition),
    }
}

fn ran(writer: &mut Writer<'_>, sep: Sep, ran: &Ran) {
    writer.word(sep, "on");
    targets(writer, Sep::Space, &ran.targets);
    writer.word(Sep::Tight, ":");
    command(writer, Sep::Space, &ran.command);
}

/// `name: value` rows behind their `{`: commas between them on one line, none on lines of their own.
fn fields(writer: &mut Writer<'_>, indent: usize, blocks: Blocks, fields: &[(Name, Expr)]) {
    let whole = fields.first().zip(fields.last()).map(|(first, last)| first.0.span.to(last.1.span));
    let one_line = whole.is_none_or(|span| writer.on_one_line(span)) && !writer.breaks_before_next();
    let write = |writer: &mut Writer<'_>, sep: Sep, (name, value): &(Name, Expr)| {
        writer.copy(sep, name.span);
        writer.word(Sep::Tight, ":");
        expr(writer, Sep::Soft, value);
    };
    let inline = |writer: &mut Writer<'_>| {
        for (number, field) in fields.iter().enumerate() {
            if number > 0 {
                writer.word(Sep::Tight, ",");
            }
            write(writer, Sep::Space, field);
        }
        writer.trailing_comma(false);
        writer.word(Sep::Space, "}");
    };
    if writer.is_trying() || fields.is_empty() && !writer.comment_before_next() {
        inline(writer);
    } else if blocks == Blocks::Broken || !one_line || !writer.fits(WIDTH, inline) {
        for (number, field) in fields.iter().enumerate() {
            let sep = if number == 0 { Line::first(indent + STEP) } else { Line::next(indent + STEP) };
            write(writer, sep, field);
            writer.trailing_comma(false);
        }
        writer.word(Line::closing(indent, !fields.is_empty()), "}");
    }
    writer.hang = indent + STEP;
}
