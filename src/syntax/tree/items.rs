//! What stands at the top level.

use super::{Block, CommandDecl, Expr, Name, Stmt, Test};
use crate::text::Span;

/// What stands at the top level.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `use std.apt`
    Use(Use),
    /// `plan …`
    Plan(Plan),
    /// `task …`
    Task(Task),
    /// `probe …`
    Probe(Probe),
    /// `command qm …`
    Command(CommandDecl),
    /// `driver proxmox …`
    Driver(DriverDecl),
    /// `test "…" { … }`
    Test(Test),
    /// A statement of a script.
    Statement(Stmt),
}

/// `use std.apt`, `use ./lib/dns as dns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The path as written: `std.apt`, `./patch_pve.patch_pve`.
    pub path: Name,
    /// The name after `as`.
    pub alias: Option<Name>,
    /// The whole line.
    pub span: Span,
}

/// A plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Documentation lines directly above, without `##`.
    pub doc: Vec<String>,
    /// Its name.
    pub name: Name,
    /// Parameters; `None` where no parentheses are written.
    pub params: Option<Vec<Param>>,
    /// `for guest in pbs`; `None` for a site plan.
    pub subject: Option<Subject>,
    /// Header clauses, in the order of writing.
    pub clauses: Vec<Clause>,
    /// The body.
    pub body: Block,
    /// From `plan` to `}`.
    pub span: Span,
}

/// `for guest in TARGETS`.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// The name bound to each target.
    pub name: Name,
    /// Whom.
    pub targets: Targets,
}

/// `a, b and c except d, e`: the union of `any`, intersected with each list of `and`, less each list of `except`.
#[derive(Clone, Debug, PartialEq)]
pub struct Targets {
    /// United.
    pub any: Vec<TargetTerm>,
    /// Each list is a union; the result lies in all of them.
    pub and: Vec<Vec<TargetTerm>>,
    /// Taken away.
    pub except: Vec<Vec<TargetTerm>>,
    /// All of it.
    pub span: Span,
}

impl Targets {
    /// Nobody, at a place.
    pub fn nobody(span: Span) -> Targets {
        Targets { any: Vec::new(), and: Vec::new(), except: Vec::new(), span }
    }
}

/// One name or parenthesis in targets.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetTerm {
    /// A host or a group by its bare name.
    Name(Name),
    /// `host("web.example.com")`: a host by any name.
    Host(Name),
    /// `group("…")`: a group by any name.
    Group(Name),
    /// `( … )`
    Parens(Box<Targets>),
}

/// A header clause.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// Which.
    pub kind: ClauseKind,
    /// All of it.
    pub span: Span,
}

/// The header clauses.
#[derive(Clone, Debug, PartialEq)]
pub enum ClauseKind {
    /// `needs vmid: VmId, tier: "dev" | "prod" = "dev"`
    Needs(Vec<Param>),
    /// `one at a time`
    OneAtATime,
    /// `at most 3 at once`
    AtMost(Expr),
    /// `at most 1 per hypervisor`
    PerHypervisor(Expr),
    /// `batches 1, 5, 25%`
    Batches(Vec<Expr>),
    /// `never together dns_pair`
    NeverTogether(Targets),
    /// `stop after 2 failures`, `stop after 20% failures`
    StopAfter(Expr),
    /// `window "Sat 22:00-08:00"`
    Window(Expr),
    /// `lock "maintenance"`
    Lock(Expr),
    /// `deadline 2h`
    Deadline(Expr),
    /// Could not be read; reported.
    Bad,
}

/// A parameter of a plan, task or probe, or a variable in `needs`.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: Type,
    /// After `=`.
    pub default: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// A type as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Type {
    /// What it is.
    pub kind: TypeKind,
    /// Where.
    pub span: Span,
}

/// The forms of a type.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeKind {
    /// `Duration`; whether it exists is for the checker to say.
    Named(String),
    /// `List<Str>`
    List(Box<Type>),
    /// `"running" | "stopped"`
    Literals(Vec<Name>),
}

/// A task.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Documentation lines directly above, without `##`.
    pub doc: Vec<String>,
    /// Its name.
    pub name: Name,
    /// Parameters.
    pub params: Vec<Param>,
    /// The body.
    pub body: Block,
    /// From `task` to `}`.
    pub span: Span,
}

/// A probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Documentation lines directly above, without `##`.
    pub doc: Vec<String>,
    /// Its name.
    pub name: Name,
    /// Parameters.
    pub params: Vec<Param>,
    /// What it answers.
    pub result: Type,
    /// The body; `None` for a declaration without one (`probe ssh(host: Host) -> Bool` in the standard library: the
    /// runtime answers it).
    pub body: Option<Block>,
    /// From `probe` to `}`.
    pub span: Span,
}

/// `driver proxmox { … }`: what a hypervisor gives for its guests.
#[derive(Clone, Debug, PartialEq)]
pub struct DriverDecl {
    /// Documentation lines directly above, without `##`.
    pub doc: Vec<String>,
    /// Its name in `hostler_driver`.
    pub name: Name,
    /// `identity vmid: VmId`
    pub identity: Option<Param>,
    /// `script look '''…'''`: POSIX `sh` programs that run on the hypervisor, by name.
    pub scripts: Vec<(Name, String, Span)>,
    /// Probes and tasks, as at the top level.
    pub items: Vec<Item>,
    /// From `driver` to `}`.
    pub span: Span,
}
