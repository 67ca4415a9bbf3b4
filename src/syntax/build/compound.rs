//! Statements with blocks: `if`, `for`, `retry`, `try`.

use super::statements::end_of_word;
use super::{Builder, Pair, children, end, start};
use crate::syntax::errors;
use crate::syntax::grammar::Rule;
use crate::syntax::tree::{Block, Expr, ExprKind, For, If, Name, Retry, StmtKind, Try};

impl Builder<'_> {
    pub(super) fn if_statement(&mut self, pair: Pair<'_>) -> StmtKind {
        let mut head = Head::new(end_of_word(&pair, "if"));
        let mut branches: Vec<(Expr, Block)> = Vec::new();
        let mut otherwise: Option<Block> = None;
        let mut parts = Vec::new();
        for part in children(pair) {
            match part.as_rule() {
                Rule::expr => head.expr = Some(part),
                Rule::bad_head => head.bad = Some(part),
                Rule::block => head.block = Some(part),
                Rule::else_part => parts.push(part),
                _ => {}
            }
        }
        branches.push(self.branch(head, "if"));
        for part in parts {
            let part_span = self.span(&part);
            let mut head = Head::new(end_of_word(&part, "else"));
            let mut with_if = false;
            for piece in children(part) {
                match piece.as_rule() {
                    Rule::else_if => {
                        with_if = true;
                        head.after = end_of_word(&piece, "if");
                        head.expr = children(piece).find(|part| part.as_rule() == Rule::expr);
                    }
                    Rule::bad_head => head.bad = Some(piece),
                    Rule::block => head.block = Some(piece),
                    _ => {}
                }
            }
            if otherwise.is_some() {
                self.report(errors::after_else(self.at((part_span.start - self.base) as usize, head.after), with_if));
            }
            if with_if {
                let branch = self.branch(head, "else if");
                branches.push(branch);
            } else {
                let before = self.reported();
                if let Some(bad) = &head.bad {
                    let (span, token) = self.token(start(bad));
                    self.report(errors::else_with_condition(span, &token));
                }
                let block = self.block_or_missing(head.block, head.after, "else", before);
                otherwise.get_or_insert(block);
            }
        }
        StmtKind::If(If { branches, otherwise })
    }

    fn branch(&mut self, head: Head<'_>, word: &str) -> (Expr, Block) {
        let before = self.reported();
        let expr = match (head.expr, &head.bad) {
            (Some(expr), bad) => {
                let from = start(&expr);
                let built = self.expr(expr);
                if let Some(bad) = bad
                    && self.reported() == before
                {
                    self.bad_condition(from, bad);
                }
                if bad.is_some() { Expr { kind: ExprKind::Bad, span: built.span } } else { built }
            }
            (None, Some(bad)) => {
                self.bad_condition(start(bad), bad);
                self.no_expr(head.after)
            }
            (None, None) => self.missing_condition(head.after, None, word, "if reboot_required(guest) { … }"),
        };
        let head_end = head.after.max((expr.span.end - self.base) as usize);
        let block = self.block_or_missing(head.block, head_end, word, before);
        (expr, block)
    }

    fn bad_condition(&mut self, from: usize, bad: &Pair<'_>) {
        let to = self.trimmed(start(bad), end(bad));
        let (_, token) = self.token(start(bad));
        let hint = errors::operator_hint(self.between(start(bad), to), &token);
        match hint {
            Some(hint) => {
                let (span, token) = self.token(start(bad));
                self.report(errors::unexpected(span, &token, &[], Some(hint)));
            }
            None => self.puzzled(Rule::lone_expr, from, to, None),
        }
    }

    /// A block, or the report that there is none behind a head, which ends at `after`.
    fn block_or_missing(&mut self, block: Option<Pair<'_>>, after: usize, word: &str, before: usize) -> Block {
        match block {
            Some(block) => self.block(block),
            None => {
                if self.reported() == before {
                    self.report(errors::missing_block(self.at(after, after), word));
                }
                Block { statements: Vec::new(), span: self.at(after, after) }
            }
        }
    }

    pub(super) fn for_statement(&mut self, pair: Pair<'_>) -> StmtKind {
        let (from, after) = (start(&pair), end_of_word(&pair, "for"));
        let before = self.reported();
        let (mut name, mut list, mut bad, mut block) = (None, None, None, None);
        for part in children(pair) {
            match part.as_rule() {
                Rule::bound => name = Some(self.bound(&part, "an item")),
                Rule::expr => list = Some(self.expr(part)),
                Rule::bad_head => bad = Some(part),
                Rule::block => block = Some(part),
                _ => {}
            }
        }
        let to = match (&bad, &block) {
            (Some(bad), _) => self.trimmed(start(bad), end(bad)),
            (None, Some(block)) => self.trimmed(from, start(block)),
            (None, None) => after,
        };
        if (bad.is_some() || list.is_none()) && self.reported() == before {
            let (_, token) = self.token(bad.as_ref().map_or(after, start));
            self.puzzled(Rule::lone_for, from, to.max(after), Some(errors::for_hint(&token)));
        }
        let list = list.filter(|_| bad.is_none()).unwrap_or_else(|| self.no_expr(to));
        let name = name.unwrap_or_else(|| self.no_name(after));
        let head_end = after.max((list.span.end - self.base) as usize);
        let body = self.block_or_missing(block, head_end, "for", before);
        StmtKind::For(For { name, list, body })
    }

    pub(super) fn retry_statement(&mut self, pair: Pair<'_>) -> StmtKind {
        let (from, after) = (start(&pair), end_of_word(&pair, "retry"));
        let before = self.reported();
        let (mut exprs, mut bad, mut block) = (Vec::new(), None, None);
        for part in children(pair) {
            match part.as_rule() {
                Rule::expr => exprs.push(self.expr(part)),
                Rule::bad_head => bad = Some(part),
                Rule::block => block = Some(part),
                _ => {}
            }
        }
        if (bad.is_some() || exprs.is_empty()) && self.reported() == before {
            let to = bad.as_ref().map_or(after, |bad| self.trimmed(start(bad), end(bad)));
            self.puzzled(Rule::lone_retry, from, to, Some("write `retry 3 every 10s { … }`".to_string()));
        }
        let mut exprs = exprs.into_iter();
        let times = exprs.next().unwrap_or_else(|| self.no_expr(after));
        let retry = Retry { times, every: exprs.next() };
        let last = retry.every.as_ref().unwrap_or(&retry.times);
        let head_end = after.max((last.span.end - self.base) as usize);
        StmtKind::Retry(retry, self.block_or_missing(block, head_end, "retry", before))
    }

    pub(super) fn try_statement(&mut self, pair: Pair<'_>, followed: bool) -> StmtKind {
        let (span, after) = (self.span(&pair), end_of_word(&pair, "try"));
        let before = self.reported();
        let mut head = Head::new(after);
        let (mut recover, mut finally): (Option<(Name, Block)>, Option<Block>) = (None, None);
        let mut handlers = Vec::new();
        for part in children(pair) {
            match part.as_rule() {
                Rule::bad_head => head.bad = Some(part),
                Rule::block => head.block = Some(part),
                Rule::recover | Rule::finally => handlers.push(part),
                _ => {}
            }
        }
        self.no_head(head.bad.as_ref(), "try");
        let body = self.block_or_missing(head.block, after, "try", before);
        for handler in handlers {
            let word_span = self.token(start(&handler)).0;
            let is_recover = handler.as_rule() == Rule::recover;
            let word = if is_recover { "recover" } else { "finally" };
            let twice = if is_recover { recover.is_some() } else { finally.is_some() };
            if twice {
                self.report(errors::handler_twice(word_span, word));
            } else if is_recover && finally.is_some() {
                self.report(errors::recover_after_finally(word_span));
            }
            let after = end_of_word(&handler, word);
            let before = self.reported();
            let (mut name, mut bad, mut block) = (None, None, None);
            for part in children(handler) {
                match part.as_rule() {
                    Rule::bound => name = Some(self.bound(&part, "a failure")),
                    Rule::bad_head => bad = Some(part),
                    Rule::block => block = Some(part),
                    _ => {}
                }
            }
            self.no_head(bad.as_ref(), word);
            if is_recover && name.is_none() && bad.is_none() {
                let (span, token) = self.token(after);
                self.report(errors::incomplete(
                    span,
                    &token,
                    "recover",
                    "a name for the failure",
                    "recover err { warn \"${err.message}\" }",
                ));
            }
            let block = self.block_or_missing(block, after, word, before);
            if is_recover {
                let name = name.unwrap_or_else(|| self.no_name(after));
                recover.get_or_insert((name, block));
            } else {
                finally.get_or_insert(block);
            }
        }
        if recover.is_none() && finally.is_none() && !followed && self.reported() == before {
            let try_span = self.token((span.start - self.base) as usize).0;
            self.report(errors::try_alone(try_span));
        }
        StmtKind::Try(Try { body, recover, finally })
    }

    /// Reports what stands between a word and its `{`.
    fn no_head(&mut self, bad: Option<&Pair<'_>>, word: &str) {
        if let Some(bad) = bad {
            let (span, token) = self.token(start(bad));
            self.report(errors::unexpected(span, &token, &["`{`".to_string()], Some(errors::head_hint(word))));
        }
    }
}

/// The head of a compound statement.
struct Head<'t> {
    /// Where it begins, behind its word.
    after: usize,
    expr: Option<Pair<'t>>,
    bad: Option<Pair<'t>>,
    block: Option<Pair<'t>>,
}

impl Head<'_> {
    fn new(after: usize) -> Self {
        Head { after, expr: None, bad: None, block: None }
    }
}
