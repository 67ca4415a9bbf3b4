//! Expressions: the grammar reads them flat, the Pratt parser gives them their shape.

use std::cell::RefCell;
use std::sync::LazyLock;

use pest::pratt_parser::{Assoc, Op, PrattParser};

use super::strings::{long_text, raw_text};
use super::{Builder, Pair, children, end, start};
use crate::syntax::grammar::Rule;
use crate::syntax::tree::{Arg, BinaryOp, Expr, ExprKind, Name};
use crate::syntax::{errors, numbers};
use crate::text::Span;

/// How many operators, members and calls one expression may hold, all around one another: every later phase recurses.
const MAX_OPERATORS: usize = 256;

static PRATT: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    let comparison = [
        Rule::op_not_equal,
        Rule::op_less,
        Rule::op_less_equal,
        Rule::op_greater,
        Rule::op_greater_equal,
        Rule::op_in,
        Rule::op_not_in,
        Rule::op_contains,
        Rule::op_matches,
    ];
    let left = |rule| Op::infix(rule, Assoc::Left);
    PrattParser::new()
        .op(left(Rule::op_or))
        .op(left(Rule::op_and))
        .op(Op::prefix(Rule::op_not))
        .op(comparison.into_iter().fold(left(Rule::op_equal), |all, rule| all | left(rule)))
        .op(left(Rule::op_plus) | left(Rule::op_minus))
        .op(left(Rule::op_times) | left(Rule::op_divided))
        .op(Op::prefix(Rule::op_negate))
});

impl Builder<'_> {
    /// An expression.
    pub(super) fn expr(&mut self, pair: Pair<'_>) -> Expr {
        let span = self.span(&pair);
        let operators = children(pair.clone()).filter(|part| part.as_rule() != Rule::operand).count();
        self.depth += operators;
        let expr = if self.depth > MAX_OPERATORS {
            self.report(errors::too_many_operators(span, MAX_OPERATORS));
            Expr { kind: ExprKind::Bad, span }
        } else {
            self.shape(pair)
        };
        self.depth -= operators;
        expr
    }

    fn shape(&mut self, pair: Pair<'_>) -> Expr {
        let (base, span) = (self.base, self.span(&pair));
        let place = |pair: &Pair<'_>| Span::new(base + start(pair) as u32, base + end(pair) as u32);
        let chains: RefCell<Vec<(Expr, Span, String)>> = RefCell::new(Vec::new());
        let expr = PRATT
            .map_primary(|operand| self.operand(operand))
            .map_prefix(|operator, inner| {
                let span = place(&operator).to(inner.span);
                let inner = Box::new(inner);
                let kind =
                    if operator.as_rule() == Rule::op_not { ExprKind::Not(inner) } else { ExprKind::Negate(inner) };
                Expr { kind, span }
            })
            .map_infix(|left, operator, right| {
                let Some(op) = binary(operator.as_rule()) else { return Expr { kind: ExprKind::Bad, span } };
                if is_comparison(op) && matches!(&left.kind, ExprKind::Binary(first, ..) if is_comparison(*first)) {
                    chains.borrow_mut().push((left.clone(), place(&operator), operator.as_str().to_string()));
                }
                let span = left.span.to(right.span);
                Expr { kind: ExprKind::Binary(op, Box::new(left), Box::new(right)), span }
            })
            .parse(children(pair));
        if let Some((left, operator, written)) = chains.into_inner().into_iter().next() {
            let middle = match &left.kind {
                ExprKind::Binary(_, _, right) => self.slice(right.span).to_string(),
                _ => String::new(),
            };
            let first = self.slice(left.span).to_string();
            self.report(errors::chained(operator, &written, &first, &middle));
        }
        expr
    }

    pub(super) fn slice(&self, span: Span) -> &str {
        self.text.get((span.start - self.base) as usize..(span.end - self.base) as usize).unwrap_or("")
    }

    /// A value with its members, arguments and indexes.
    pub(super) fn operand(&mut self, pair: Pair<'_>) -> Expr {
        let whole = self.at(start(&pair), end(&pair));
        let links = children(pair.clone()).count() - 1;
        self.depth += links;
        if self.depth > MAX_OPERATORS {
            self.depth -= links;
            self.report(errors::too_many_operators(whole, MAX_OPERATORS));
            return Expr { kind: ExprKind::Bad, span: whole };
        }
        let mut parts = children(pair);
        let mut expr = match parts.next() {
            Some(primary) => self.primary(primary),
            None => Expr { kind: ExprKind::Bad, span: whole },
        };
        for part in parts {
            let span = expr.span.to(self.at(start(&part), end(&part)));
            let inner = Box::new(expr);
            let kind = match part.as_rule() {
                Rule::member => match children(part).next() {
                    Some(name) => ExprKind::Member(inner, self.name(&name)),
                    None => ExprKind::Bad,
                },
                Rule::args => ExprKind::Call(inner, self.args(part)),
                _ => match children(part).next() {
                    Some(index) => ExprKind::Index(inner, Box::new(self.expr(index))),
                    None => ExprKind::Bad,
                },
            };
            expr = Expr { kind, span };
        }
        self.depth -= links;
        expr
    }

    /// `( … )` behind a name.
    pub(super) fn args(&mut self, pair: Pair<'_>) -> Vec<Arg> {
        let mut args = Vec::new();
        for arg in children(pair) {
            let (mut name, mut value): (Option<Name>, Option<Expr>) = (None, None);
            for part in children(arg) {
                match part.as_rule() {
                    Rule::arg_name => name = Some(self.name(&part)),
                    _ => value = Some(self.expr(part)),
                }
            }
            args.extend(value.map(|value| Arg { name, value }));
        }
        args
    }

    pub(super) fn primary(&mut self, pair: Pair<'_>) -> Expr {
        let span = self.at(start(&pair), end(&pair));
        let kind = match pair.as_rule() {
            Rule::long => ExprKind::Raw { text: long_text(&pair), long: true },
            Rule::raw => ExprKind::Raw { text: raw_text(&pair), long: false },
            Rule::quoted => ExprKind::Str(self.quoted(pair)),
            Rule::number => match numbers::read(pair.as_str()) {
                Ok(kind) => kind,
                Err(bad) => {
                    self.report(errors::bad_number(span, bad.why, bad.help));
                    ExprKind::Bad
                }
            },
            Rule::spaced_number => {
                self.report(errors::spaced_number(span, pair.as_str(), &numbers::spaced(pair.as_str())));
                ExprKind::Bad
            }
            Rule::list => ExprKind::List(children(pair).map(|item| self.expr(item)).collect()),
            Rule::parens => match children(pair).next() {
                Some(inner) => ExprKind::Parens(Box::new(self.expr(inner))),
                None => ExprKind::Bad,
            },
            Rule::value => match children(pair).next() {
                Some(name) => ExprKind::Value(self.name(&name)),
                None => ExprKind::Bad,
            },
            Rule::path => ExprKind::Path(self.path(pair)),
            Rule::spread => {
                self.report(errors::spread_outside_command(span, pair.as_str()));
                ExprKind::Bad
            }
            Rule::bad_dollar => {
                self.bad_dollar(&pair);
                ExprKind::Bad
            }
            Rule::truth => ExprKind::Bool(pair.as_str() == "true"),
            _ => ExprKind::Place(self.name(&pair)),
        };
        Expr { kind, span }
    }

    /// The value that should have stood there; its absence was reported.
    pub(super) fn no_expr(&self, at: usize) -> Expr {
        Expr { kind: ExprKind::Bad, span: self.at(at, at) }
    }
}

fn binary(rule: Rule) -> Option<BinaryOp> {
    Some(match rule {
        Rule::op_times => BinaryOp::Times,
        Rule::op_divided => BinaryOp::Divided,
        Rule::op_plus => BinaryOp::Plus,
        Rule::op_minus => BinaryOp::Minus,
        Rule::op_equal => BinaryOp::Equal,
        Rule::op_not_equal => BinaryOp::NotEqual,
        Rule::op_less => BinaryOp::Less,
        Rule::op_less_equal => BinaryOp::LessEqual,
        Rule::op_greater => BinaryOp::Greater,
        Rule::op_greater_equal => BinaryOp::GreaterEqual,
        Rule::op_in => BinaryOp::In,
        Rule::op_not_in => BinaryOp::NotIn,
        Rule::op_contains => BinaryOp::Contains,
        Rule::op_matches => BinaryOp::Matches,
        Rule::op_and => BinaryOp::And,
        Rule::op_or => BinaryOp::Or,
        _ => return None,
    })
}

fn is_comparison(op: BinaryOp) -> bool {
    match op {
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterEqual
        | BinaryOp::In
        | BinaryOp::NotIn
        | BinaryOp::Contains
        | BinaryOp::Matches => true,
        BinaryOp::Times | BinaryOp::Divided | BinaryOp::Plus | BinaryOp::Minus | BinaryOp::And | BinaryOp::Or => false,
    }
}
