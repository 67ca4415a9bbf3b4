//! Statements and blocks.

use super::commands::OnForm;
use super::{Builder, Pair, children, end, has, start};
use crate::syntax::errors;
use crate::syntax::grammar::Rule;
use crate::syntax::tree::{Await, Block, Call, Expr, ExprKind, LetValue, Name, Notify, Require, Stmt, StmtKind};

impl Builder<'_> {
    /// `{ … }`
    pub(super) fn block(&mut self, pair: Pair<'_>) -> Block {
        let span = self.at(start(&pair), end(&pair));
        let statements = children(pair).map(|statement| self.statement(statement)).collect();
        Block { statements, span }
    }

    /// A statement with what follows it up to its end.
    pub(super) fn statement(&mut self, pair: Pair<'_>) -> Stmt {
        let span = self.span(&pair);
        let before = self.reported();
        let mut parts = children(pair);
        let Some(first) = parts.next() else { return Stmt { kind: StmtKind::Bad, span } };
        let (rule, from) = (first.as_rule(), start(&first));
        if rule == Rule::trailing {
            self.unreadable(first);
            return Stmt { kind: StmtKind::Bad, span };
        }
        let trailing = parts.next();
        let rest = trailing.as_ref().map(|trailing| (start(trailing), self.first_piece(trailing)));
        let mut kind = self.statement_kind(first, rest);
        if let Some(trailing) = trailing {
            if self.reported() == before {
                self.trailing(rule, from, &trailing);
            }
            self.blocks_of(trailing);
            kind = match kind {
                // The name is bound all the same, so that its uses are no second error.
                StmtKind::Let(name, _) => {
                    StmtKind::Let(name, LetValue::Expr(self.no_expr((span.end - self.base) as usize)))
                }
                StmtKind::If(_) | StmtKind::For(_) | StmtKind::Retry(..) | StmtKind::Try(_) | StmtKind::OnBlock(_) => {
                    kind
                }
                _ => StmtKind::Bad,
            };
        }
        Stmt { kind, span }
    }

    /// A statement by itself; `rest` is where something stands behind it that could not be read.
    fn statement_kind(&mut self, pair: Pair<'_>, rest: Option<(usize, usize)>) -> StmtKind {
        match pair.as_rule() {
            Rule::on => match self.on(pair) {
                OnForm::One(on) => StmtKind::On(on),
                OnForm::Many(block) => StmtKind::OnBlock(block),
            },
            Rule::let_statement => self.let_statement(pair, rest),
            Rule::await_statement => self.await_statement(pair, rest),
            Rule::require_statement => self.require_statement(pair, rest),
            Rule::if_statement => self.if_statement(pair),
            Rule::for_statement => self.for_statement(pair),
            Rule::retry_statement => self.retry_statement(pair),
            Rule::try_statement => self.try_statement(pair, rest.is_some()),
            Rule::fail => self.said(pair, rest, "fail", StmtKind::Fail),
            Rule::skip => self.said(pair, rest, "skip", StmtKind::Skip),
            Rule::warn => self.said(pair, rest, "warn", StmtKind::Warn),
            Rule::confirm => self.said(pair, rest, "confirm", StmtKind::Confirm),
            Rule::record => self.record(pair, rest),
            Rule::notify => self.notify(pair),
            Rule::return_statement => {
                let value = children(pair).find(|part| part.as_rule() == Rule::expr).map(|value| self.expr(value));
                StmtKind::Return(value)
            }
            Rule::run => {
                let span = self.span(&pair);
                let targets = children(pair.clone()).find(|part| part.as_rule() == Rule::targets);
                let targets = targets.map(|targets| self.targets(targets));
                match self.call_of(pair) {
                    Some(call) => StmtKind::Run(call, targets),
                    None => {
                        let (token_span, token) = self.token((span.end - self.base) as usize);
                        self.report(errors::incomplete(
                            token_span,
                            &token,
                            "run",
                            "the plan to run with its arguments",
                            "run patch_pbs()",
                        ));
                        StmtKind::Bad
                    }
                }
            }
            Rule::keep_off => {
                if children(pair.clone()).any(|part| part.as_rule() == Rule::kw_off) {
                    StmtKind::KeepOff
                } else {
                    let (span, token) = self.token(end(&pair));
                    self.report(errors::incomplete(span, &token, "keep", "`off`", "keep off"));
                    StmtKind::Bad
                }
            }
            Rule::call => self.call_of(pair).map_or(StmtKind::Bad, StmtKind::Call),
            Rule::given | Rule::answer | Rule::fault | Rule::expect => self.staged(pair),
            Rule::misplaced | Rule::misplaced_command => {
                let (span, word) = self.token(start(&pair));
                self.report(errors::misplaced(span, &word));
                self.blocks_of(pair);
                StmtKind::Bad
            }
            _ => StmtKind::Bad,
        }
    }

    /// `path(args)`, with the span from the name to `)`.
    fn call_of(&mut self, pair: Pair<'_>) -> Option<Call> {
        let (mut path, mut args) = (None, None);
        for part in children(pair) {
            match part.as_rule() {
                Rule::call_path => path = Some(part),
                Rule::args => args = Some(part),
                _ => {}
            }
        }
        let (path, args) = path.zip(args)?;
        let span = self.at(start(&path), end(&args));
        let path = children(path).map(|name| self.name(&name)).collect();
        Some(Call { path, args: self.args(args), span })
    }

    fn let_statement(&mut self, pair: Pair<'_>, rest: Option<(usize, usize)>) -> StmtKind {
        let after = end_of_word(&pair, "let");
        let stop = (self.span(&pair).end - self.base) as usize;
        let has_equals = has(&pair, Rule::equals);
        let (mut name, mut value) = (None, None);
        for part in children(pair) {
            match part.as_rule() {
                Rule::bound => name = Some(self.bound(&part, "a value")),
                Rule::expr => value = Some(LetValue::Expr(self.expr(part))),
                Rule::on => {
                    let span = self.span(&part);
                    value = Some(match self.on(part) {
                        OnForm::One(on) => LetValue::On(on),
                        OnForm::Many(block) => {
                            self.report(errors::block_captured(block.block));
                            LetValue::Expr(Expr { kind: ExprKind::Bad, span })
                        }
                    });
                }
                _ => {}
            }
        }
        let Some(name) = name else {
            let (token_span, token) = self.token(after);
            self.report(errors::incomplete(
                token_span,
                &token,
                "let",
                "a name",
                "let kernel = on guest reading: uname -r",
            ));
            return StmtKind::Bad;
        };
        let value = value.unwrap_or_else(|| {
            let what = if has_equals { "a value after its `=`" } else { "`=` and a value" };
            let example = format!("let {} = on guest reading: uname -r", name.text);
            self.missing_value(stop, rest.filter(|_| has_equals), "let", what, &example);
            LetValue::Expr(self.no_expr(stop))
        });
        StmtKind::Let(name, value)
    }

    fn await_statement(&mut self, pair: Pair<'_>, rest: Option<(usize, usize)>) -> StmtKind {
        let after = end_of_word(&pair, "await");
        let (mut condition, mut within, mut every, mut otherwise) = (None, None, None, None);
        for part in children(pair) {
            match part.as_rule() {
                Rule::expr => condition = Some(self.expr(part)),
                Rule::wait_within => self.once(&mut within, part, "within"),
                Rule::wait_every => self.once(&mut every, part, "every"),
                Rule::wait_else => self.once(&mut otherwise, part, "else"),
                _ => {}
            }
        }
        let condition =
            condition.unwrap_or_else(|| self.missing_condition(after, rest, "await", "await ssh(guest) within 10m"));
        StmtKind::Await(Await { condition, within, every, otherwise })
    }

    fn require_statement(&mut self, pair: Pair<'_>, rest: Option<(usize, usize)>) -> StmtKind {
        let after = end_of_word(&pair, "require");
        let (mut condition, mut otherwise) = (None, None);
        for part in children(pair) {
            match part.as_rule() {
                Rule::expr => condition = Some(self.expr(part)),
                Rule::wait_else => self.once(&mut otherwise, part, "else"),
                _ => {}
            }
        }
        let condition =
            condition.unwrap_or_else(|| self.missing_condition(after, rest, "require", "require agent(guest)"));
        StmtKind::Require(Require { condition, otherwise })
    }

    /// `within D`, `every D`, `else "…"`: the value behind the word, which may stand once.
    pub(super) fn once(&mut self, slot: &mut Option<Expr>, pair: Pair<'_>, word: &str) {
        let span = self.span(&pair);
        let Some(value) = children(pair).find(|part| part.as_rule() == Rule::expr) else { return };
        let value = self.expr(value);
        match slot {
            Some(first) => self.report(errors::part_twice(span, word, first.span)),
            None => *slot = Some(value),
        }
    }

    pub(super) fn missing_condition(
        &mut self,
        after: usize,
        rest: Option<(usize, usize)>,
        word: &str,
        example: &str,
    ) -> Expr {
        self.missing_value(after, rest, word, "a condition", example);
        self.no_expr(after)
    }

    fn said(
        &mut self,
        pair: Pair<'_>,
        rest: Option<(usize, usize)>,
        word: &str,
        kind: fn(Expr) -> StmtKind,
    ) -> StmtKind {
        let after = end_of_word(&pair, word);
        match children(pair).find(|part| part.as_rule() == Rule::expr) {
            Some(said) => kind(self.expr(said)),
            None => {
                self.missing_value(after, rest, word, "what it says", &format!("{word} \"…\""));
                StmtKind::Bad
            }
        }
    }

    fn record(&mut self, pair: Pair<'_>, rest: Option<(usize, usize)>) -> StmtKind {
        let stop = (self.span(&pair).end - self.base) as usize;
        let has_equals = has(&pair, Rule::equals);
        let (mut name, mut value) = (None, None);
        for part in children(pair) {
            match part.as_rule() {
                Rule::name => name = Some(self.name(&part)),
                Rule::expr => value = Some(self.expr(part)),
                _ => {}
            }
        }
        match (name, value) {
            (Some(name), Some(value)) => StmtKind::Record(name, value),
            (name, _) => {
                let what = if name.is_none() { "a name, `=` and a value" } else { "`=` and a value" };
                let example = format!("record {} = $kernel.trim", name.map_or("kernel".to_string(), |name| name.text));
                self.missing_value(stop, rest.filter(|_| has_equals), "record", what, &example);
                StmtKind::Bad
            }
        }
    }

    fn notify(&mut self, pair: Pair<'_>) -> StmtKind {
        let from = start(&pair);
        let (mut channel, mut subject, mut fields, mut bad) = (None, None, Vec::new(), None);
        for part in children(pair) {
            match part.as_rule() {
                Rule::place_name => channel = Some(self.name(&part)),
                Rule::expr => subject = Some(self.expr(part)),
                Rule::fields => fields = self.fields(part),
                Rule::bad_notify => bad = Some(part),
                _ => {}
            }
        }
        match (channel, subject, bad) {
            (Some(channel), Some(subject), None) => StmtKind::Notify(Notify { channel, subject, fields }),
            (_, _, bad) => {
                let to = bad.map_or(from + "notify".len(), |bad| self.trimmed(start(&bad), end(&bad)));
                let hint = "write `notify ops \"what happened\" { name: $value }`; the channels are in `hostler.toml`";
                self.puzzled(Rule::lone_notify, from, to, Some(hint.to_string()));
                StmtKind::Bad
            }
        }
    }

    /// `{ name: value, … }`
    pub(super) fn fields(&mut self, pair: Pair<'_>) -> Vec<(Name, Expr)> {
        let mut fields = Vec::new();
        for field in children(pair) {
            let mut pieces = children(field);
            if let Some((name, value)) = pieces.next().zip(pieces.next()) {
                fields.push((self.name(&name), self.expr(value)));
            }
        }
        fields
    }

    /// A statement of which not even the first word is known.
    fn unreadable(&mut self, trailing: Pair<'_>) {
        let from = start(&trailing);
        let to = self.first_piece(&trailing);
        let (span, token) = self.token(from);
        let line = self.between(from, to).to_string();
        if !self.puzzled_in_test(&token, from, self.trimmed(from, end(&trailing))) {
            self.report(errors::bad_statement(span, &token, &line));
        }
        self.blocks_of(trailing);
    }

    /// What stands behind a statement that is complete, or that stopped making sense there.
    fn trailing(&mut self, rule: Rule, from: usize, trailing: &Pair<'_>) {
        let at = start(trailing);
        let to = self.first_piece(trailing);
        let (span, token) = self.token(at);
        let hint = errors::operator_hint(self.between(at, to), &token);
        match rule {
            Rule::if_statement
            | Rule::for_statement
            | Rule::retry_statement
            | Rule::try_statement
            | Rule::on
            | Rule::keep_off => {
                self.report(errors::after_block(span, &token));
            }
            _ if hint.is_some() => self.report(errors::unexpected(span, &token, &[], hint)),
            _ => self.puzzled(Rule::lone_statement, from, to, None),
        }
    }

    /// The end of what stands before the first block in a piece that could not be read.
    fn first_piece(&self, trailing: &Pair<'_>) -> usize {
        let first_block = children(trailing.clone()).find(|part| part.as_rule() == Rule::block);
        let stop = first_block.map_or(end(trailing), |block| start(&block));
        self.trimmed(start(trailing), stop.max(start(trailing)))
    }

    /// Reports what is wrong in the blocks of a piece that could not be read.
    pub(super) fn blocks_of(&mut self, pair: Pair<'_>) {
        for part in children(pair) {
            // `{{ name }}` is a template of another language and no block in a block.
            if part.as_rule() == Rule::block && !part.as_str().starts_with("{{") {
                self.block(part);
            }
        }
    }
}

pub(super) fn end_of_word(pair: &Pair<'_>, word: &str) -> usize {
    start(pair) + word.len()
}
