//! A tree as a person reads it: one line a statement, expressions as `(operator operand operand)`.

use hostler::syntax::tree::*;
use hostler::text::Span;

/// The tree without its spans and comments.
pub(crate) fn dump(file: &File) -> String {
    let mut dump = Dump::default();
    dump.file(file);
    dump.text
}

/// Every span in the tree, with a word for what has it.
pub(crate) fn spans(file: &File) -> Vec<(&'static str, Span)> {
    let mut dump = Dump::default();
    dump.file(file);
    dump.spans
}

#[derive(Default)]
struct Dump {
    text: String,
    depth: usize,
    spans: Vec<(&'static str, Span)>,
}

impl Dump {
    fn line(&mut self, line: &str) {
        self.text.push_str(&"  ".repeat(self.depth));
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn inside(&mut self, body: impl FnOnce(&mut Self)) {
        self.depth += 1;
        body(self);
        self.depth -= 1;
    }

    fn saw(&mut self, what: &'static str, span: Span) {
        self.spans.push((what, span));
    }

    fn file(&mut self, file: &File) {
        self.saw("file", file.span);
        for comment in &file.comments {
            self.saw("comment", comment.span);
        }
        if let Some(edition) = &file.edition {
            self.saw("edition", edition.span);
            self.line(&format!("edition {}", edition.year));
        }
        for item in &file.items {
            self.item(item);
        }
    }

    fn item(&mut self, item: &Item) {
        match item {
            Item::Use(used) => {
                self.saw("use", used.span);
                let path = self.name(&used.path);
                let alias = used.alias.as_ref().map(|alias| format!(" as {}", self.name(alias))).unwrap_or_default();
                self.line(&format!("use {path}{alias}"));
            }
            Item::Plan(plan) => {
                self.saw("plan", plan.span);
                self.doc(&plan.doc);
                let name = self.name(&plan.name);
                self.line(&format!("plan {name}"));
                self.inside(|dump| {
                    if let Some(params) = &plan.params {
                        dump.params(params);
                    }
                    if let Some(subject) = &plan.subject {
                        let (name, targets) = (dump.name(&subject.name), dump.targets(&subject.targets));
                        dump.line(&format!("for {name} in {targets}"));
                    }
                    for clause in &plan.clauses {
                        dump.clause(clause);
                    }
                });
                self.block(&plan.body);
            }
            Item::Task(task) => {
                self.saw("task", task.span);
                self.doc(&task.doc);
                let name = self.name(&task.name);
                self.line(&format!("task {name}"));
                self.inside(|dump| dump.params(&task.params));
                self.block(&task.body);
            }
            Item::Probe(probe) => {
                self.saw("probe", probe.span);
                self.doc(&probe.doc);
                let (name, result) = (self.name(&probe.name), self.ty(&probe.result));
                self.line(&format!("probe {name} -> {result}"));
                self.inside(|dump| dump.params(&probe.params));
                match &probe.body {
                    Some(body) => self.block(body),
                    None => self.inside(|dump| dump.line("no body")),
                }
            }
            Item::Command(command) => self.command_decl(command),
            Item::Driver(driver) => {
                self.saw("driver", driver.span);
                self.doc(&driver.doc);
                let name = self.name(&driver.name);
                self.line(&format!("driver {name}"));
                self.inside(|dump| {
                    if let Some(identity) = &driver.identity {
                        let identity = dump.param(identity);
                        dump.line(&format!("identity {identity}"));
                    }
                    for (name, text, span) in &driver.scripts {
                        dump.saw("script", *span);
                        let name = dump.name(name);
                        dump.line(&format!("script {name} {text:?}"));
                    }
                    for item in &driver.items {
                        dump.item(item);
                    }
                });
            }
            Item::Test(test) => {
                self.saw("test", test.span);
                self.doc(&test.doc);
                let name = self.name(&test.name);
                let at = self.parts(&[("at", &test.at)]);
                self.line(&format!("test {name:?}{at}"));
                self.block(&test.body);
            }
            Item::Statement(statement) => self.statement(statement),
        }
    }

    fn doc(&mut self, doc: &[String]) {
        for line in doc {
            self.line(&format!("doc {line:?}"));
        }
    }

    fn params(&mut self, params: &[Param]) {
        let params: Vec<String> = params.iter().map(|param| self.param(param)).collect();
        self.line(&format!("params ({})", params.join(", ")));
    }

    fn param(&mut self, param: &Param) -> String {
        self.saw("param", param.span);
        let (name, ty) = (self.name(&param.name), self.ty(&param.ty));
        let default = param.default.as_ref().map(|value| format!(" = {}", self.expr(value))).unwrap_or_default();
        format!("{name}: {ty}{default}")
    }

    fn ty(&mut self, ty: &Type) -> String {
        self.saw("type", ty.span);
        match &ty.kind {
            TypeKind::Named(name) if name.is_empty() => "NONE".to_string(),
            TypeKind::Named(name) => name.clone(),
            TypeKind::List(item) => format!("List<{}>", self.ty(item)),
            TypeKind::Literals(texts) => {
                let texts: Vec<String> =
                    texts.iter().map(|text| (self.name(text), &text.text).1).map(|text| format!("{text:?}")).collect();
                texts.join(" | ")
            }
        }
    }

    fn targets(&mut self, targets: &Targets) -> String {
        self.saw("targets", targets.span);
        let mut shown = self.terms(&targets.any);
        for list in &targets.and {
            shown = format!("(and {shown} {})", self.terms(list));
        }
        for list in &targets.except {
            shown = format!("(except {shown} {})", self.terms(list));
        }
        shown
    }

    fn terms(&mut self, terms: &[TargetTerm]) -> String {
        let terms: Vec<String> = terms
            .iter()
            .map(|term| match term {
                TargetTerm::Name(name) => self.name(name),
                TargetTerm::Host(name) => format!("host({:?})", (self.name(name), &name.text).1),
                TargetTerm::Group(name) => format!("group({:?})", (self.name(name), &name.text).1),
                TargetTerm::Parens(inner) => format!("(parens {})", self.targets(inner)),
            })
            .collect();
        format!("[{}]", terms.join(" "))
    }

    fn clause(&mut self, clause: &Clause) {
        self.saw("clause", clause.span);
        let shown = match &clause.kind {
            ClauseKind::Needs(params) => {
                let params: Vec<String> = params.iter().map(|param| self.param(param)).collect();
                format!("needs {}", params.join(", "))
            }
            ClauseKind::OneAtATime => "one at a time".to_string(),
            ClauseKind::AtMost(count) => format!("at most {}", self.expr(count)),
            ClauseKind::PerHypervisor(count) => format!("per hypervisor {}", self.expr(count)),
            ClauseKind::Batches(sizes) => format!("batches {}", self.exprs(sizes)),
            ClauseKind::NeverTogether(targets) => format!("never together {}", self.targets(targets)),
            ClauseKind::StopAfter(count) => format!("stop after {}", self.expr(count)),
            ClauseKind::Window(window) => format!("window {}", self.expr(window)),
            ClauseKind::Lock(lock) => format!("lock {}", self.expr(lock)),
            ClauseKind::Deadline(deadline) => format!("deadline {}", self.expr(deadline)),
            ClauseKind::Bad => "BAD CLAUSE".to_string(),
        };
        self.line(&shown);
    }

    fn block(&mut self, block: &Block) {
        self.saw("block", block.span);
        self.inside(|dump| {
            for statement in &block.statements {
                dump.statement(statement);
            }
        });
    }

    fn statement(&mut self, statement: &Stmt) {
        self.saw("statement", statement.span);
        match &statement.kind {
            StmtKind::On(on) => {
                let on = self.on(on);
                self.line(&on);
            }
            StmtKind::OnBlock(on) => {
                self.saw("on", on.span);
                self.saw("block", on.block);
                let (place, options) = (self.expr(&on.place), self.options(&on.options));
                self.line(&format!("on {place}{options}"));
                self.inside(|dump| {
                    for command in &on.commands {
                        let command = dump.command(command);
                        dump.line(&format!(": {command}"));
                    }
                });
            }
            StmtKind::Let(name, value) => {
                let name = self.name(name);
                let value = match value {
                    LetValue::Expr(value) => self.expr(value),
                    LetValue::On(on) => self.on(on),
                };
                self.line(&format!("let {name} = {value}"));
            }
            StmtKind::Await(wait) => {
                let condition = self.expr(&wait.condition);
                let parts = [("within", &wait.within), ("every", &wait.every), ("else", &wait.otherwise)];
                let parts = self.parts(&parts);
                self.line(&format!("await {condition}{parts}"));
            }
            StmtKind::Require(require) => {
                let condition = self.expr(&require.condition);
                let parts = self.parts(&[("else", &require.otherwise)]);
                self.line(&format!("require {condition}{parts}"));
            }
            StmtKind::Call(call) => {
                let call = self.call(call);
                self.line(&call);
            }
            StmtKind::If(choice) => {
                for (number, (condition, block)) in choice.branches.iter().enumerate() {
                    let condition = self.expr(condition);
                    self.line(&format!("{} {condition}", if number == 0 { "if" } else { "else if" }));
                    self.block(block);
                }
                if let Some(block) = &choice.otherwise {
                    self.line("else");
                    self.block(block);
                }
            }
            StmtKind::For(each) => {
                let (name, list) = (self.name(&each.name), self.expr(&each.list));
                self.line(&format!("for {name} in {list}"));
                self.block(&each.body);
            }
            StmtKind::Retry(retry, block) => {
                let retry = self.retry(retry);
                self.line(&retry);
                self.block(block);
            }
            StmtKind::Try(tried) => {
                self.line("try");
                self.block(&tried.body);
                if let Some((name, block)) = &tried.recover {
                    let name = self.name(name);
                    self.line(&format!("recover {name}"));
                    self.block(block);
                }
                if let Some(block) = &tried.finally {
                    self.line("finally");
                    self.block(block);
                }
            }
            StmtKind::Fail(said) => self.said("fail", said),
            StmtKind::Skip(said) => self.said("skip", said),
            StmtKind::Warn(said) => self.said("warn", said),
            StmtKind::Confirm(said) => self.said("confirm", said),
            StmtKind::Record(name, value) => {
                let (name, value) = (self.name(name), self.expr(value));
                self.line(&format!("record {name} = {value}"));
            }
            StmtKind::Notify(notify) => {
                let (channel, subject) = (self.name(&notify.channel), self.expr(&notify.subject));
                self.line(&format!("notify {channel} {subject}"));
                self.inside(|dump| {
                    for (name, value) in &notify.fields {
                        let (name, value) = (dump.name(name), dump.expr(value));
                        dump.line(&format!("{name}: {value}"));
                    }
                });
            }
            StmtKind::Return(None) => self.line("return"),
            StmtKind::Return(Some(value)) => self.said("return", value),
            StmtKind::Run(call, whom) => {
                let call = self.call(call);
                let whom = whom.as_ref().map(|whom| format!(" for {}", self.targets(whom))).unwrap_or_default();
                self.line(&format!("run {call}{whom}"));
            }
            StmtKind::Given(given) => {
                let targets = self.targets(&given.targets);
                let after = self.parts(&[("after", &given.after)]);
                self.line(&format!("given {targets}{after}"));
                self.inside(|dump| {
                    for (name, value) in &given.fields {
                        let (name, value) = (dump.name(name), dump.expr(value));
                        dump.line(&format!("{name}: {value}"));
                    }
                });
            }
            StmtKind::Answer(answer) => {
                let mut options = String::new();
                for (name, value) in &answer.options {
                    options.push_str(&format!(" {} {}", self.name(name), self.expr(value)));
                }
                let ran = self.ran(&answer.ran);
                self.line(&format!("answer{options} {ran}"));
            }
            StmtKind::Fault(fault) => {
                let what = self.name(&fault.what);
                let nth = fault.nth.as_ref().map(|nth| format!(" {}", self.expr(nth))).unwrap_or_default();
                let at = match &fault.at {
                    FaultAt::Command(ran) => self.ran(ran),
                    FaultAt::Connection(targets) => format!("ssh {}", self.targets(targets)),
                };
                self.line(&format!("fault {what:?} at{nth} {at}"));
            }
            StmtKind::Expect(expect) => self.expect(expect),
            StmtKind::KeepOff => self.line("keep off"),
            StmtKind::Bad => self.line("BAD"),
        }
    }

    fn expect(&mut self, expect: &Expect) {
        match expect {
            Expect::Ended { targets, ending, reason } => {
                let targets = targets.as_ref().map_or("all".to_string(), |targets| self.targets(targets));
                let reason = reason.as_ref().map(|reason| format!(" {}", self.expr(reason))).unwrap_or_default();
                let ending = self.name(ending);
                self.line(&format!("expect {targets} ended {ending}{reason}"));
            }
            Expect::Ran(times, ran) => {
                let times = match times {
                    Times::Some => "some".to_string(),
                    Times::Never => "never".to_string(),
                    Times::Once => "once".to_string(),
                    Times::Exactly(count) => self.expr(count),
                };
                let ran = self.ran(ran);
                self.line(&format!("expect {times} {ran}"));
            }
            Expect::Order(list, span) => {
                self.saw("block", *span);
                self.line("expect in order");
                self.inside(|dump| {
                    for ran in list {
                        let ran = dump.ran(ran);
                        dump.line(&ran);
                    }
                });
            }
            Expect::Apart(targets) => {
                let targets = self.targets(targets);
                self.line(&format!("expect never together {targets}"));
            }
            Expect::Holds(condition) => self.said("expect", condition),
        }
    }

    fn ran(&mut self, ran: &Ran) -> String {
        self.saw("ran", ran.span);
        format!("on {}: {}", self.targets(&ran.targets), self.command(&ran.command))
    }

    fn said(&mut self, word: &str, said: &Expr) {
        let said = self.expr(said);
        self.line(&format!("{word} {said}"));
    }

    fn parts(&mut self, parts: &[(&str, &Option<Expr>)]) -> String {
        let mut shown = String::new();
        for (word, value) in parts {
            if let Some(value) = value {
                shown.push_str(&format!(" {word} {}", self.expr(value)));
            }
        }
        shown
    }

    fn retry(&mut self, retry: &Retry) -> String {
        let times = self.expr(&retry.times);
        format!("retry {times}{}", self.parts(&[("every", &retry.every)]))
    }

    fn on(&mut self, on: &On) -> String {
        self.saw("on", on.span);
        let (place, options) = (self.expr(&on.place), self.options(&on.options));
        format!("on {place}{options}: {}", self.command(&on.command))
    }

    fn options(&mut self, options: &[OnOption]) -> String {
        let mut shown = String::new();
        for option in options {
            self.saw("option", option.span);
            let option = match &option.kind {
                OnOptionKind::As(user) => format!("as {}", self.name(user)),
                OnOptionKind::Within(time) => format!("within {}", self.expr(time)),
                OnOptionKind::Accept(codes) => format!("accept {}", self.exprs(codes)),
                OnOptionKind::AcceptAny => "accept any".to_string(),
                OnOptionKind::Retry(retry) => self.retry(retry),
                OnOptionKind::Env(name, value) => format!("env {} {}", self.name(name), self.expr(value)),
                OnOptionKind::Stdin(value) => format!("stdin {}", self.expr(value)),
                OnOptionKind::Reading => "reading".to_string(),
                OnOptionKind::WhenLocked(WhenLocked::Wait(time)) => format!("when locked wait {}", self.expr(time)),
                OnOptionKind::WhenLocked(WhenLocked::Skip) => "when locked skip".to_string(),
                OnOptionKind::WhenLocked(WhenLocked::Fail) => "when locked fail".to_string(),
                OnOptionKind::Unguarded(guards, reason) => {
                    let guards: Vec<String> = guards.iter().map(|guard| self.name(guard)).collect();
                    format!("unguarded {} {}", guards.join(", "), self.expr(reason))
                }
                OnOptionKind::Bad => "BAD OPTION".to_string(),
            };
            shown.push_str(&format!(" ({option})"));
        }
        shown
    }

    fn command(&mut self, command: &Command) -> String {
        self.saw("command", command.span);
        let words: Vec<String> = command.words.iter().map(|word| self.word(word)).collect();
        words.join(" ")
    }

    fn word(&mut self, word: &Word) -> String {
        self.saw("word", word.span);
        let parts: Vec<String> = word
            .parts
            .iter()
            .map(|part| {
                self.saw("word part", part.span);
                match &part.kind {
                    WordPartKind::Bare(text) if text.chars().all(|c| c.is_ascii_graphic() && c != '\'') => text.clone(),
                    WordPartKind::Bare(text) => format!("bare{text:?}"),
                    WordPartKind::Raw(text) => format!("raw{text:?}"),
                    WordPartKind::Long(text) => format!("long{text:?}"),
                    WordPartKind::Quoted(parts) => self.string(parts),
                    WordPartKind::Value(path) => self.path(path),
                    WordPartKind::Spread(path) => format!("spread {}", self.path(path)),
                    WordPartKind::Shell(text) => format!("SHELL{text:?}"),
                }
            })
            .collect();
        if parts.len() == 1 { parts.join("") } else { format!("<{}>", parts.join(" ")) }
    }

    fn call(&mut self, call: &Call) -> String {
        self.saw("call", call.span);
        let path: Vec<String> = call.path.iter().map(|name| self.name(name)).collect();
        format!("(call {}{})", path.join("."), self.args(&call.args))
    }

    fn args(&mut self, args: &[Arg]) -> String {
        let mut shown = String::new();
        for arg in args {
            let name = arg.name.as_ref().map(|name| format!("{}: ", self.name(name))).unwrap_or_default();
            shown.push_str(&format!(" {name}{}", self.expr(&arg.value)));
        }
        shown
    }

    fn exprs(&mut self, list: &[Expr]) -> String {
        let list: Vec<String> = list.iter().map(|item| self.expr(item)).collect();
        list.join(" ")
    }

    fn expr(&mut self, expr: &Expr) -> String {
        self.saw("expression", expr.span);
        match &expr.kind {
            ExprKind::Int(number) => number.to_string(),
            ExprKind::Duration(milliseconds) => format!("{milliseconds}ms"),
            ExprKind::Size(bytes) => format!("{bytes}B"),
            ExprKind::Percent(percent) => format!("{percent}%"),
            ExprKind::Bool(truth) => truth.to_string(),
            ExprKind::Str(parts) => self.string(parts),
            ExprKind::Raw { text, long: false } => format!("raw{text:?}"),
            ExprKind::Raw { text, long: true } => format!("long{text:?}"),
            ExprKind::List(items) => format!("[{}]", self.exprs(items)),
            ExprKind::Value(name) => format!("${}", self.name(name)),
            ExprKind::Path(path) => self.path(path),
            ExprKind::Place(name) => self.name(name),
            ExprKind::Member(inner, name) => format!("(. {} {})", self.expr(inner), self.name(name)),
            ExprKind::Call(inner, args) => format!("(call {}{})", self.expr(inner), self.args(args)),
            ExprKind::Index(inner, index) => format!("(index {} {})", self.expr(inner), self.expr(index)),
            ExprKind::Negate(inner) => format!("(negate {})", self.expr(inner)),
            ExprKind::Not(inner) => format!("(not {})", self.expr(inner)),
            ExprKind::Binary(op, left, right) => {
                format!("({} {} {})", operator(*op), self.expr(left), self.expr(right))
            }
            ExprKind::Parens(inner) => format!("(parens {})", self.expr(inner)),
            ExprKind::Bad => "BAD".to_string(),
        }
    }

    fn string(&mut self, parts: &[StrPart]) -> String {
        let parts: Vec<String> = parts
            .iter()
            .map(|part| match part {
                StrPart::Text(text, span) => {
                    self.saw("text", *span);
                    format!("{text:?}")
                }
                StrPart::Value(path) => self.path(path),
            })
            .collect();
        match parts.as_slice() {
            [] => "\"\"".to_string(),
            [one] if one.starts_with('"') => one.clone(),
            _ => format!("(str {})", parts.join(" ")),
        }
    }

    fn path(&mut self, path: &Path) -> String {
        self.saw("path", path.span);
        let names: Vec<String> = path.names.iter().map(|name| self.name(name)).collect();
        if path.braces { format!("${{{}}}", names.join(".")) } else { format!("${}", names.join(".")) }
    }

    fn name(&mut self, name: &Name) -> String {
        self.saw("name", name.span);
        if name.text.is_empty() { "NONE".to_string() } else { name.text.clone() }
    }

    fn command_decl(&mut self, command: &CommandDecl) {
        self.saw("command", command.span);
        self.doc(&command.doc);
        let names: Vec<String> = command.names.iter().map(|name| self.name(name)).collect();
        let place = command.place.as_ref().map(|place| format!(" on {}", self.name(place))).unwrap_or_default();
        let user = command.user.as_ref().map(|user| format!(" as {}", self.name(user))).unwrap_or_default();
        self.line(&format!("command {}{place}{user}", names.join(", ")));
        self.inside(|dump| {
            for line in &command.lines {
                dump.saw("signature", line.span);
                dump.doc(&line.doc);
                let shown = match &line.kind {
                    SigLineKind::Form(form) => dump.form(form),
                    SigLineKind::Options(items) => format!("options {}", dump.items(items)),
                    SigLineKind::Outcome { outcome, stream, texts } => {
                        let (outcome, stream) = (dump.name(outcome), dump.name(stream));
                        let texts: Vec<String> = texts.iter().map(|text| format!("{:?}", text.text)).collect();
                        format!("{outcome} when {stream} has {}", texts.join(", "))
                    }
                    SigLineKind::Bad => "BAD SIGNATURE".to_string(),
                };
                dump.line(&shown);
            }
        });
    }

    fn form(&mut self, form: &SigForm) -> String {
        let (items, effect) = (self.items(&form.items), self.name(&form.effect));
        let whom = form.whom.as_ref().map(|whom| format!(" {}", self.name(whom))).unwrap_or_default();
        let at_deadline = form.at_deadline.as_ref().map(|at| format!(", {}", self.name(at))).unwrap_or_default();
        let marks: String = form.marks.iter().map(|mark| format!(", {}", self.name(mark))).collect();
        let task = form.task.as_ref().map(|task| format!(", as task {}", self.name(task))).unwrap_or_default();
        let within = form.within.as_ref().map(|within| format!(", within {}", self.expr(within))).unwrap_or_default();
        format!("{items} -> ({effect}){whom}{at_deadline}{marks}{task}{within}").trim_start().to_string()
    }

    fn items(&mut self, items: &[SigItem]) -> String {
        let items: Vec<String> = items.iter().map(|item| self.item_of_signature(item)).collect();
        items.join(" ")
    }

    fn item_of_signature(&mut self, item: &SigItem) -> String {
        self.saw("signature item", item.span);
        match &item.kind {
            SigItemKind::Literal(word) => word.clone(),
            SigItemKind::Slot { slot, repeated } => format!("{}{}", self.slot(slot), dots(*repeated)),
            SigItemKind::Optional(inner) => format!("(optional {})", self.item_of_signature(inner)),
            SigItemKind::Option { names, value, value_optional, repeated } => {
                let value = value.as_ref().map(|slot| format!(" {}", self.slot(slot))).unwrap_or_default();
                let maybe = if *value_optional { "?" } else { "" };
                format!("(option {}{value}{maybe}{})", names.join(" "), dots(*repeated))
            }
        }
    }

    fn slot(&mut self, slot: &Slot) -> String {
        self.saw("slot", slot.span);
        let name = slot.name.as_ref().map(|name| format!("{}: ", self.name(name))).unwrap_or_default();
        let ty = match &slot.ty {
            SlotType::Typed(ty, unit) => {
                let unit = unit.as_ref().map(|unit| format!(" in {}", self.name(unit))).unwrap_or_default();
                format!("{}{unit}", self.ty(ty))
            }
            SlotType::Words(words) => words.join("|"),
        };
        format!("<{name}{ty}>")
    }
}

fn dots(repeated: bool) -> &'static str {
    if repeated { "..." } else { "" }
}

fn operator(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Times => "*",
        BinaryOp::Divided => "/",
        BinaryOp::Plus => "+",
        BinaryOp::Minus => "-",
        BinaryOp::Equal => "==",
        BinaryOp::NotEqual => "!=",
        BinaryOp::Less => "<",
        BinaryOp::LessEqual => "<=",
        BinaryOp::Greater => ">",
        BinaryOp::GreaterEqual => ">=",
        BinaryOp::In => "in",
        BinaryOp::NotIn => "not-in",
        BinaryOp::Contains => "contains",
        BinaryOp::Matches => "matches",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
    }
}
