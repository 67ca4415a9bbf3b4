//! The tree of a plan file: what was written, with the span of every part.
//!
//! It holds what a person wrote and no meaning: names are words, a unit is the literal's own. Every phase after it
//! makes types of its own. Parsing never fails, so a tree may hold [`StmtKind::Bad`] where a statement could not be
//! read; the problem was reported then, and no phase reports it again.

use crate::text::Span;

/// A word with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As written.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    /// `edition 2026`, where it is written.
    pub edition: Option<Edition>,
    /// Everything else, in the order of writing.
    pub items: Vec<Item>,
    /// Every comment, in the order of writing. Documentation (`##`) is among them.
    pub comments: Vec<Comment>,
    /// The whole text.
    pub span: Span,
}

/// `edition 2026`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    /// The year as written.
    pub year: String,
    /// The whole line.
    pub span: Span,
}

/// A comment, from its `#` to the end of its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// The text with its `#`, without the newline and trailing blanks.
    pub text: String,
    /// Where.
    pub span: Span,
    /// Whether nothing but blanks stands before it on its line.
    pub own_line: bool,
}

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
    /// `run other_plan(args)`
    Run(Call),
    /// `keep off`
    KeepOff,
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

/// `on PLACE options: COMMAND`
#[derive(Clone, Debug, PartialEq)]
pub struct On {
    /// Who acts.
    pub place: Expr,
    /// In the order of writing.
    pub options: Vec<OnOption>,
    /// What.
    pub command: Command,
    /// From `on` to the end of the command.
    pub span: Span,
}

/// `on PLACE options { COMMANDS }`
#[derive(Clone, Debug, PartialEq)]
pub struct OnBlock {
    /// Who acts.
    pub place: Expr,
    /// In the order of writing.
    pub options: Vec<OnOption>,
    /// One a line.
    pub commands: Vec<Command>,
    /// From `{` to `}`.
    pub block: Span,
    /// From `on` to `}`.
    pub span: Span,
}

/// An option of `on`.
#[derive(Clone, Debug, PartialEq)]
pub struct OnOption {
    /// Which.
    pub kind: OnOptionKind,
    /// All of it.
    pub span: Span,
}

/// The options of `on`.
#[derive(Clone, Debug, PartialEq)]
pub enum OnOptionKind {
    /// `as root`
    As(Name),
    /// `within 15m`
    Within(Expr),
    /// `accept 0, 124`
    Accept(Vec<Expr>),
    /// `accept any`
    AcceptAny,
    /// `retry 3 every 10s`
    Retry(Retry),
    /// `env NAME=expr`
    Env(Name, Expr),
    /// `stdin expr`
    Stdin(Expr),
    /// `reading`
    Reading,
    /// `when locked wait 30m`
    WhenLocked(WhenLocked),
    /// `unguarded agent, unlocked "reason"`
    Unguarded(Vec<Name>, Expr),
    /// Could not be read; reported.
    Bad,
}

/// What a lock means.
#[derive(Clone, Debug, PartialEq)]
pub enum WhenLocked {
    /// `wait 30m`
    Wait(Expr),
    /// `skip`
    Skip,
    /// `fail`
    Fail,
}

/// `3 every 10s`
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// At most this many attempts.
    pub times: Expr,
    /// The pause between two.
    pub every: Option<Expr>,
}

/// A command: words, not a shell line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Command {
    /// The words; empty where none could be read (reported).
    pub words: Vec<Word>,
    /// All of it.
    pub span: Span,
}

/// One word of a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// What it is made of.
    pub parts: Vec<WordPart>,
    /// Where.
    pub span: Span,
}

/// A part of a word.
#[derive(Clone, Debug, PartialEq)]
pub struct WordPart {
    /// What it is.
    pub kind: WordPartKind,
    /// Where.
    pub span: Span,
}

/// What a word is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum WordPartKind {
    /// Unquoted text, escapes resolved (`esc\ aped`).
    Bare(String),
    /// `'…'`
    Raw(String),
    /// `'''…'''`: the first newline and the common indentation taken off.
    Long(String),
    /// `"…"`
    Quoted(Vec<StrPart>),
    /// `$name` or `${name.member}`
    Value(Path),
    /// `${names...}`: each item a word of its own.
    Spread(Path),
    /// A character that only a shell understands; reported.
    Shell(String),
}

/// `$name`, `${a.b.c}`: a name and its members.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// The names, first the value or place.
    pub names: Vec<Name>,
    /// Whether it stands in braces.
    pub braces: bool,
    /// With the `$`.
    pub span: Span,
}

/// A part of a `"…"` string.
#[derive(Clone, Debug, PartialEq)]
pub enum StrPart {
    /// Text, escapes resolved.
    Text(String, Span),
    /// `$name` or `${a.b}`
    Value(Path),
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

/// An argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    /// `grace` in `grace: 3m`.
    pub name: Option<Name>,
    /// The value.
    pub value: Expr,
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

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Which.
    pub kind: ExprKind,
    /// All of it.
    pub span: Span,
}

/// The expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `42`
    Int(i64),
    /// `2m30s`, in milliseconds.
    Duration(u64),
    /// `3GiB`, in bytes.
    Size(u64),
    /// `20%`
    Percent(u64),
    /// `true`
    Bool(bool),
    /// `"text $x"`
    Str(Vec<StrPart>),
    /// `'raw'` (and the long form `'''…'''`, told by `long`).
    Raw {
        /// The text.
        text: String,
        /// Written with `'''`.
        long: bool,
    },
    /// `[a, b]`
    List(Vec<Expr>),
    /// `$name`
    Value(Name),
    /// `${a.b}` outside strings.
    Path(Path),
    /// A bare name: a place, a group, or the start of `module.thing`.
    Place(Name),
    /// `x.member`
    Member(Box<Expr>, Name),
    /// `f(args)`, `apt.f(args)`, `$x.line(0)`: the callee is a place, or a member.
    Call(Box<Expr>, Vec<Arg>),
    /// `x[0]`
    Index(Box<Expr>, Box<Expr>),
    /// `-x`
    Negate(Box<Expr>),
    /// `not x`
    Not(Box<Expr>),
    /// `a + b`
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `( x )`: kept, so that formatting changes nothing.
    Parens(Box<Expr>),
    /// Could not be read; reported.
    Bad,
}

/// The binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `*`
    Times,
    /// `/`
    Divided,
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `in`
    In,
    /// `not in`
    NotIn,
    /// `contains`
    Contains,
    /// `matches`
    Matches,
    /// `and`
    And,
    /// `or`
    Or,
}

/// `command qm, qmrestore on hypervisor as root { … }`: the signatures of a command.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandDecl {
    /// Documentation lines directly above, without `##`.
    pub doc: Vec<String>,
    /// The command's names (aliases that behave the same).
    pub names: Vec<Name>,
    /// `on hypervisor`: on which kind of host it works (`hypervisor`, `guest`, `host`).
    pub place: Option<Name>,
    /// `as root`: the user that it needs.
    pub user: Option<Name>,
    /// One a line.
    pub lines: Vec<SigLine>,
    /// From `command` to `}`.
    pub span: Span,
}

/// A line of a command declaration.
#[derive(Clone, Debug, PartialEq)]
pub struct SigLine {
    /// Documentation lines directly above, without `##`.
    pub doc: Vec<String>,
    /// Which.
    pub kind: SigLineKind,
    /// All of it.
    pub span: Span,
}

/// The lines of a command declaration.
#[derive(Clone, Debug, PartialEq)]
pub enum SigLineKind {
    /// `reboot <vmid: VmId> [--timeout <Duration in s>] -> power cycle vmid, left to finish, within 15m`
    Form(SigForm),
    /// `options [--now] [-q|--quiet]`: options of every form, before or after the subcommand.
    Options(Vec<SigItem>),
    /// `not started when stderr has "…", "…"`; `busy when …`, `locked when …`, `moved when …`.
    Outcome {
        /// `not started`, `busy`, `locked` or `moved`.
        outcome: Name,
        /// `stderr` or `stdout`.
        stream: Name,
        /// Any of these texts.
        texts: Vec<Name>,
    },
    /// Could not be read; reported.
    Bad,
}

/// One form of a command.
#[derive(Clone, Debug, PartialEq)]
pub struct SigForm {
    /// Words and slots in order.
    pub items: Vec<SigItem>,
    /// `read`, `change`, `power on`, `power off`, `power cycle`, `destroy`.
    pub effect: Name,
    /// The slot that names the guest acted on (`vmid`); for a machine's own power commands `self`.
    pub whom: Option<Name>,
    /// `ended` or `left to finish`: what becomes of it when the plan stops waiting.
    pub at_deadline: Option<Name>,
    /// `unless managed`: not for a guest whose power its cluster keeps by itself; `by force`: the guest is not asked.
    pub marks: Vec<Name>,
    /// `within 15m`: how long the plan waits where it does not say.
    pub within: Option<Expr>,
}

/// A part of a signature.
#[derive(Clone, Debug, PartialEq)]
pub struct SigItem {
    /// Which.
    pub kind: SigItemKind,
    /// Where.
    pub span: Span,
}

/// The parts of a signature.
#[derive(Clone, Debug, PartialEq)]
pub enum SigItemKind {
    /// A literal word: a subcommand, or `--`.
    Literal(String),
    /// `<vmid: VmId>`; `<files: Str>...` when `repeated`.
    Slot {
        /// The slot.
        slot: Slot,
        /// Any number, at least one.
        repeated: bool,
    },
    /// `[<file: Str>]`, `[<files: Str>...]`: may be left out.
    Optional(Box<SigItem>),
    /// `[-t|--timeout <Duration in s>]`, `[--force]`, `[--forceStop <0|1>?]`; `...` after it: may be repeated.
    Option {
        /// `-t`, `--timeout`.
        names: Vec<String>,
        /// What it takes.
        value: Option<Slot>,
        /// `?`: the value may be left out.
        value_optional: bool,
        /// May stand several times.
        repeated: bool,
    },
}

/// `<vmid: VmId>`, `<Duration in s>`, `<0|1>`.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// `vmid` in `<vmid: VmId>`.
    pub name: Option<Name>,
    /// What it takes.
    pub ty: SlotType,
    /// Where.
    pub span: Span,
}

/// What a slot takes.
#[derive(Clone, Debug, PartialEq)]
pub enum SlotType {
    /// `VmId`, or `Duration in s` with its unit.
    Typed(Type, Option<Name>),
    /// `0|1`, `start|stop`: one of these words.
    Words(Vec<String>),
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
