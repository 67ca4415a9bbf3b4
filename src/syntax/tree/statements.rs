//! Statements and blocks.

use super::{Answer, Arg, Expect, Expr, Fault, Given, Name, On, OnBlock, Targets};
use crate::text::Span;

/// `{ … }`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// Statements in the order of writing.
    pub statements: Vec<Stmt>,
    /// From `{` to `}`.
    pub span: Span,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Stmt {
    /// Which.
    pub kind: StmtKind,
    /// All of it, without the newline or `;` that ends it.
    pub span: Span,
}

/// The statements.
#[derive(Clone, Debug, PartialEq)]
pub enum StmtKind {
    /// `on pve: qm reboot $vmid`
    On(On),
    /// `on guest as root { … }`
    OnBlock(OnBlock),
    /// `let x = …`
    Let(Name, LetValue),
    /// `await COND within D every D else "…"`
    Await(Await),
    /// `require COND else "…"`
    Require(Require),
    /// `apt.dist_upgrade(guest, deadline: 15m)`
    Call(Call),
    /// `if … else if … else`
    If(If),
    /// `for x in xs { … }`
    For(For),
    /// `retry 3 every 10s { … }`
    Retry(Retry, Block),
    /// `try { … } recover err { … } finally { … }`
    Try(Try),
    /// `fail "…"`
    Fail(Expr),
    /// `skip "…"`
    Skip(Expr),
    /// `warn "…"`
    Warn(Expr),
    /// `record name = expr`
    Record(Name, Expr),
    /// `notify ops "subject" { name: expr }`
    Notify(Notify),
    /// `confirm "…"`
    Confirm(Expr),
    /// `return expr`
    Return(Option<Expr>),
    /// `run other_plan(args)`, in a test also `for TARGETS`
    Run(Call, Option<Targets>),
    /// `keep off`
    KeepOff,
    /// `given web { obeys: false }`
    Given(Given),
    /// `answer on pbs: backupctl run`
    Answer(Answer),
    /// `fault "killed" at on pve: qm reboot 101`
    Fault(Fault),
    /// `expect …`
    Expect(Expect),
    /// Could not be read; reported.
    Bad,
}

/// The right side of a `let`.
#[derive(Clone, Debug, PartialEq)]
pub enum LetValue {
    /// A value.
    Expr(Expr),
    /// The output of a command.
    On(On),
}

/// `3 every 10s`
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// At most this many attempts.
    pub times: Expr,
    /// The pause between two.
    pub every: Option<Expr>,
}

/// `await …`
#[derive(Clone, Debug, PartialEq)]
pub struct Await {
    /// Until this holds.
    pub condition: Expr,
    /// At most this long.
    pub within: Option<Expr>,
    /// Asked this often.
    pub every: Option<Expr>,
    /// Said when it does not.
    pub otherwise: Option<Expr>,
}

/// `require …`
#[derive(Clone, Debug, PartialEq)]
pub struct Require {
    /// Holds now.
    pub condition: Expr,
    /// Said when it does not.
    pub otherwise: Option<Expr>,
}

/// A call by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// `apt.dist_upgrade` is two names.
    pub path: Vec<Name>,
    /// In the order of writing; positional before named is for the checker to hold.
    pub args: Vec<Arg>,
    /// From the name to `)`.
    pub span: Span,
}

/// `if …`
#[derive(Clone, Debug, PartialEq)]
pub struct If {
    /// Condition and block, in the order of writing: `if`, then each `else if`.
    pub branches: Vec<(Expr, Block)>,
    /// The last `else`.
    pub otherwise: Option<Block>,
}

/// `for x in xs { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct For {
    /// The name bound to each.
    pub name: Name,
    /// A list or a group.
    pub list: Expr,
    /// The body.
    pub body: Block,
}

/// `try …`
#[derive(Clone, Debug, PartialEq)]
pub struct Try {
    /// What is tried.
    pub body: Block,
    /// The name of the failure and what is done about it.
    pub recover: Option<(Name, Block)>,
    /// What is done in any case.
    pub finally: Option<Block>,
}

/// `notify ops "subject" { name: expr }`
#[derive(Clone, Debug, PartialEq)]
pub struct Notify {
    /// A channel of `hostler.toml`.
    pub channel: Name,
    /// The subject line.
    pub subject: Expr,
    /// Rows under it.
    pub fields: Vec<(Name, Expr)>,
}
