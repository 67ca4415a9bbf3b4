//! Tests of plans.

use super::{Builder, Pair, children, end, start};
use crate::syntax::errors;
use crate::syntax::grammar::Rule;
use crate::syntax::tree::{Answer, Command, Expect, Fault, FaultAt, Given, Name, Ran, StmtKind, Targets, Test, Times};

impl Builder<'_> {
    pub(super) fn test(&mut self, pair: Pair<'_>) -> Test {
        let (span, from) = (self.span(&pair), start(&pair));
        let doc = self.doc_above(from);
        let before = self.reported();
        let (mut name, mut at, mut bad, mut body, mut rest) = (None, None, None, None, None);
        let mut head_end = from;
        for part in children(pair) {
            if matches!(part.as_rule(), Rule::string | Rule::expr | Rule::bad_item_head) {
                head_end = end(&part);
            }
            match part.as_rule() {
                Rule::string => name = Some(self.fixed_string(part, "what it shows")),
                Rule::expr => at = Some(self.expr(part)),
                Rule::bad_item_head => bad = Some(part),
                Rule::block => body = Some(self.block(part)),
                Rule::bad_rest => rest = Some(part),
                _ => {}
            }
        }
        let name = name.unwrap_or_else(|| self.no_name(from));
        if let Some(bad) = &bad
            && self.reported() == before
        {
            let hint = "write `test \"what it shows\" { … }`".to_string();
            self.puzzled(Rule::lone_test, from, self.trimmed(from, end(bad)), Some(hint));
        }
        let body = self.body(body, rest, head_end, "test", before);
        Test { doc, name, at, body, span }
    }

    /// `given …`, `answer …`, `fault …`, `expect …`
    pub(super) fn staged(&mut self, pair: Pair<'_>) -> StmtKind {
        match pair.as_rule() {
            Rule::given => StmtKind::Given(self.given(pair)),
            Rule::answer => StmtKind::Answer(self.answer(pair)),
            Rule::fault => StmtKind::Fault(self.fault(pair)),
            _ => StmtKind::Expect(self.expect(pair)),
        }
    }

    fn given(&mut self, pair: Pair<'_>) -> Given {
        let span = self.span(&pair);
        let mut given = Given { targets: Targets::nobody(span), after: None, fields: Vec::new() };
        for part in children(pair) {
            match part.as_rule() {
                Rule::targets => given.targets = self.targets(part),
                Rule::expr => given.after = Some(self.expr(part)),
                Rule::fields => given.fields = self.fields(part),
                _ => {}
            }
        }
        given
    }

    fn answer(&mut self, pair: Pair<'_>) -> Answer {
        let mut options = Vec::new();
        for option in children(pair.clone()).filter(|part| part.as_rule() == Rule::answer_option) {
            let mut pieces = children(option);
            if let Some((name, value)) = pieces.next().zip(pieces.next()) {
                options.push((self.name(&name), self.expr(value)));
            }
        }
        Answer { ran: self.ran(pair), options }
    }

    /// `on TARGETS …: COMMAND`
    fn ran(&mut self, pair: Pair<'_>) -> Ran {
        let span = self.span(&pair);
        let mut ran = Ran { targets: Targets::nobody(span), command: Command::default(), span };
        for part in children(pair) {
            match part.as_rule() {
                Rule::targets => ran.targets = self.targets(part),
                Rule::command => ran.command = self.command(part, false),
                _ => {}
            }
        }
        ran
    }

    fn fault(&mut self, pair: Pair<'_>) -> Fault {
        let span = self.span(&pair);
        let mut fault = Fault {
            what: Name { text: String::new(), span },
            nth: None,
            at: FaultAt::Connection(Targets::nobody(span)),
        };
        for part in children(pair) {
            match part.as_rule() {
                Rule::string => fault.what = self.fixed_string(part, "what goes wrong"),
                Rule::number => fault.nth = Some(self.primary(part)),
                Rule::ran => fault.at = FaultAt::Command(self.ran(part)),
                Rule::connection => {
                    if let Some(targets) = children(part).find(|part| part.as_rule() == Rule::targets) {
                        fault.at = FaultAt::Connection(self.targets(targets));
                    }
                }
                _ => {}
            }
        }
        fault
    }

    fn expect(&mut self, pair: Pair<'_>) -> Expect {
        let Some(form) = children(pair).find(|part| part.as_rule() != Rule::kw_expect) else {
            return Expect::Holds(self.no_expr(0));
        };
        match form.as_rule() {
            Rule::expect_order => {
                let Some(block) = children(form).find(|part| part.as_rule() == Rule::order_block) else {
                    return Expect::Holds(self.no_expr(0));
                };
                let span = self.at(start(&block), end(&block));
                Expect::Order(children(block).map(|ran| self.ran(ran)).collect(), span)
            }
            Rule::expect_apart => {
                let targets = children(form).find(|part| part.as_rule() == Rule::targets);
                let targets = targets.map(|targets| self.targets(targets));
                targets.map_or_else(|| Expect::Holds(self.no_expr(0)), Expect::Apart)
            }
            Rule::expect_ran => {
                let (mut times, mut ran) = (Times::Some, None);
                for part in children(form) {
                    match part.as_rule() {
                        Rule::kw_never => times = Times::Never,
                        Rule::kw_once => times = Times::Once,
                        Rule::number => times = Times::Exactly(self.primary(part)),
                        Rule::ran => ran = Some(self.ran(part)),
                        _ => {}
                    }
                }
                ran.map_or_else(|| Expect::Holds(self.no_expr(0)), |ran| Expect::Ran(times, ran))
            }
            Rule::expect_end => {
                let span = self.span(&form);
                let (mut targets, mut ending, mut reason) = (None, Name { text: String::new(), span }, None);
                for part in children(form) {
                    match part.as_rule() {
                        Rule::targets => targets = Some(self.targets(part)),
                        Rule::ending | Rule::saying => ending = self.name(&part),
                        Rule::expr => reason = Some(self.expr(part)),
                        _ => {}
                    }
                }
                Expect::Ended { targets, ending, reason }
            }
            _ => Expect::Holds(self.expr(form)),
        }
    }

    /// A statement of a test that could not be read.
    pub(super) fn puzzled_in_test(&mut self, word: &str, from: usize, to: usize) -> bool {
        let Some(example) = errors::staged_example(word) else { return false };
        self.puzzled(Rule::lone_staged, from, to, Some(format!("write it like `{example}`")));
        true
    }
}
