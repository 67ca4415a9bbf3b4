//! Tests of plans.

use super::{meant, or_list};
use crate::diag::Diagnostic;
use crate::syntax::tree::Name;
use crate::text::Span;

pub(in crate::check) fn test_statement(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error("test/statement", span, format!("{what} does not stand in a test"))
        .help("a test says how the lab is (`given`, `answer`, `fault`), runs plans (`run`), and says what it expects (`expect`); what is to be run stands in a plan")
}

pub(in crate::check) fn outside_test(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error("test/outside", span, format!("`{word}` stands in a test and nowhere else"))
        .help("write it in `test \"what it shows\" { … }`, beside the plan or in a file of its own")
}

pub(in crate::check) fn narrowed_outside_test(span: Span) -> Diagnostic {
    Diagnostic::error("test/outside", span, "`run … for …` stands in a test and nowhere else")
        .help("a plan says for whom it is in its head; `--limit` narrows it for one run")
}

pub(in crate::check) fn narrowed_to_nobody(span: Span, plan: &str) -> Diagnostic {
    Diagnostic::error("test/nobody", span, format!("the plan `{plan}` is for none of these"))
        .help("`for` narrows the plan's own targets")
}

pub(in crate::check) fn runs_nothing(span: Span) -> Diagnostic {
    Diagnostic::error("test/runs-nothing", span, "this test runs no plan")
        .help("write `run PLAN()` before what is expected")
}

pub(in crate::check) fn unknown_setting<'a>(name: &Name, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    let message = format!("`{}` is no setting of a machine in the lab", name.text);
    let error = Diagnostic::error("test/unknown-setting", name.span, message);
    meant(error, &name.text, known, "docs/testing.md has them all")
}

pub(in crate::check) fn unknown_fault(name: &Name, nearest: Option<&str>, known: &[&str]) -> Diagnostic {
    let error =
        Diagnostic::error("test/unknown-fault", name.span, format!("`{}` is nothing that goes wrong", name.text));
    match nearest {
        Some(nearest) => error.help(format!("did you mean \"{nearest}\"?")),
        None => error.help(format!("write one of {}", or_list(known))),
    }
}

pub(in crate::check) fn fault_of_connection(name: &Name) -> Diagnostic {
    let message = format!("a connection can be \"unreachable\", and \"{}\" is about a command", name.text);
    Diagnostic::error("test/unknown-fault", name.span, message).help("write `at on HOST: COMMAND`")
}

pub(in crate::check) fn test_twice(span: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::error("name/twice", span, format!("two tests of this file are called \"{name}\""))
        .and(first, "the other one")
        .help("a test is told by its name: say what each of them shows")
}

pub(in crate::check) fn how_often(span: Span) -> Diagnostic {
    Diagnostic::error("type/mismatch", span, "how often is a whole number from 1 on")
        .help("for none at all, write `expect never on …`")
}
