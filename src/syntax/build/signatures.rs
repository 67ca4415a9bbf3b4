//! `command … { … }`: what the checker knows of a command; and `driver … { … }`.

use super::{Builder, Pair, children, end, start};
use crate::syntax::errors;
use crate::syntax::grammar::Rule;
use crate::syntax::tree::{
    CommandDecl, DriverDecl, Name, SigForm, SigItem, SigItemKind, SigLine, SigLineKind, Slot, SlotType, Type, TypeKind,
};

impl Builder<'_> {
    /// `command qm on hypervisor as root { … }`
    pub(super) fn command_decl(&mut self, pair: Pair<'_>) -> CommandDecl {
        let (span, from) = (self.span(&pair), start(&pair));
        let doc = self.doc_above(from);
        let before = self.reported();
        let (mut names, mut place, mut user, mut lines): (Vec<Name>, _, _, Vec<SigLine>) =
            (Vec::new(), None, None, Vec::new());
        let (mut has_block, mut head_end) = (false, from + "command".len());
        for part in children(pair) {
            if !matches!(part.as_rule(), Rule::sig_block | Rule::bad_sig_rest) {
                head_end = end(&part);
            }
            match part.as_rule() {
                Rule::command_names => names = children(part).map(|name| self.name(&name)).collect(),
                Rule::host_kind => place = Some(self.name(&part)),
                Rule::user => user = Some(self.name(&part)),
                Rule::bad_sig_head => {
                    let to = self.trimmed(from, end(&part));
                    let hint = "write `command qm on hypervisor as root { … }`";
                    self.puzzled(Rule::lone_sig_head, from, to, Some(hint.to_string()));
                }
                Rule::sig_block => {
                    has_block = true;
                    lines = children(part).map(|line| self.sig_line(line)).collect();
                }
                Rule::bad_sig_rest if has_block && self.reported() == before => {
                    let (span, token) = self.token(start(&part));
                    self.report(errors::after_complete(span, &token));
                }
                _ => {}
            }
        }
        if names.is_empty() && self.reported() == before {
            let (at, token) = self.token(from + "command".len());
            self.report(errors::incomplete(
                at,
                &token,
                "command",
                "the command's name",
                "command qm on hypervisor as root { … }",
            ));
        } else if !has_block && self.reported() == before {
            let at = self.trimmed(from, head_end);
            self.report(errors::missing_block(self.at(at, at), "command"));
        }
        CommandDecl { doc, names, place, user, lines, span }
    }

    fn sig_line(&mut self, pair: Pair<'_>) -> SigLine {
        let (span, from) = (self.span(&pair), start(&pair));
        let doc = self.doc_above(from);
        let kind = match children(pair).next() {
            Some(form) => match form.as_rule() {
                Rule::sig_outcome => self.outcome(form),
                Rule::sig_options => SigLineKind::Options(self.sig_items(form)),
                Rule::sig_form => self.form(form),
                _ => {
                    let to = self.trimmed(start(&form), end(&form));
                    self.bad_sig_line(start(&form), to);
                    SigLineKind::Bad
                }
            },
            None => SigLineKind::Bad,
        };
        SigLine { doc, kind, span }
    }

    fn bad_sig_line(&mut self, from: usize, to: usize) {
        let written = self.between(from, to);
        if !written.contains("->") && !written.starts_with("options") && !written.contains(" when ") {
            self.report(errors::missing_effect(self.at(to, to), written));
            return;
        }
        let (span, token) = self.token(from);
        let words: Vec<&str> = written.split_whitespace().collect();
        if let [_, "when", "stderr" | "stdout", ..] = words.as_slice()
            && !matches!(token.as_str(), "busy" | "locked" | "moved")
        {
            self.report(errors::unknown_outcome(span, &token));
            return;
        }
        self.puzzled(Rule::lone_sig_line, from, to, Some(errors::SIGNATURE_HELP.to_string()));
    }

    fn outcome(&mut self, pair: Pair<'_>) -> SigLineKind {
        let (mut outcome, mut stream, mut texts) = (None, None, Vec::new());
        for part in children(pair) {
            match part.as_rule() {
                Rule::outcome => outcome = Some(self.words(&part)),
                Rule::stream => stream = Some(self.name(&part)),
                Rule::string => texts.push(self.fixed_string(part, "a signature")),
                _ => {}
            }
        }
        match outcome.zip(stream) {
            Some((outcome, stream)) => SigLineKind::Outcome { outcome, stream, texts },
            None => SigLineKind::Bad,
        }
    }

    /// Several words as one name, with one blank between them.
    fn words(&self, pair: &Pair<'_>) -> Name {
        // A `\` by itself continues the line.
        let words: Vec<&str> = pair.as_str().split_whitespace().filter(|word| *word != "\\").collect();
        Name { text: words.join(" "), span: self.span(pair) }
    }

    fn form(&mut self, pair: Pair<'_>) -> SigLineKind {
        let (mut items, mut effect, mut whom, mut within) = (Vec::new(), None, None, None);
        let mut task: Option<Name> = None;
        let (mut at_deadline, mut marks): (Option<Name>, Vec<Name>) = (None, Vec::new());
        for part in children(pair) {
            let span = self.span(&part);
            match part.as_rule() {
                Rule::sig_item => items.extend(self.sig_item(part)),
                Rule::effect => effect = Some(self.words(&part)),
                Rule::whom => whom = Some(self.name(&part)),
                Rule::at_deadline | Rule::sig_mark => {
                    let words = self.words(&part);
                    let is_mark = part.as_rule() == Rule::sig_mark;
                    let first = match is_mark {
                        true => marks.iter().find(|mark| mark.text == words.text),
                        false => at_deadline.as_ref(),
                    };
                    match first {
                        Some(first) => self.report(errors::part_twice(span, &words.text, first.span)),
                        None if is_mark => marks.push(words),
                        None => at_deadline = Some(words),
                    }
                }
                Rule::sig_task => {
                    let named = children(part).find(|part| part.as_rule() == Rule::command_name);
                    let Some(named) = named.map(|named| self.words(&named)) else { continue };
                    match &task {
                        Some(first) => self.report(errors::part_twice(span, "as task", first.span)),
                        None => task = Some(named),
                    }
                }
                Rule::sig_within => self.once(&mut within, part, "within"),
                _ => {}
            }
        }
        match effect {
            Some(effect) => SigLineKind::Form(SigForm { items, effect, whom, at_deadline, marks, task, within }),
            None => SigLineKind::Bad,
        }
    }

    fn sig_items(&mut self, pair: Pair<'_>) -> Vec<SigItem> {
        let items = children(pair).filter(|part| part.as_rule() == Rule::sig_item);
        items.collect::<Vec<_>>().into_iter().filter_map(|item| self.sig_item(item)).collect()
    }

    fn sig_item(&mut self, pair: Pair<'_>) -> Option<SigItem> {
        let form = children(pair).next()?;
        let span = self.span(&form);
        let kind = match form.as_rule() {
            Rule::sig_option => {
                let (mut names, mut value, mut value_optional, mut repeated) = (Vec::new(), None, false, false);
                for part in children(form) {
                    match part.as_rule() {
                        Rule::option_names => names = children(part).map(|name| name.as_str().to_string()).collect(),
                        Rule::slot => value = Some(self.slot(part)),
                        Rule::sig_maybe => value_optional = true,
                        Rule::sig_repeated => repeated = true,
                        _ => {}
                    }
                }
                SigItemKind::Option { names, value, value_optional, repeated }
            }
            Rule::sig_optional => {
                let mut inner = None;
                for part in children(form) {
                    match part.as_rule() {
                        Rule::sig_repeated => {
                            if let Some(SigItem { kind: SigItemKind::Slot { repeated, .. }, .. }) = &mut inner {
                                *repeated = true;
                            }
                        }
                        _ => inner = self.sig_piece(part),
                    }
                }
                SigItemKind::Optional(Box::new(inner?))
            }
            _ => return self.sig_piece(form),
        };
        Some(SigItem { kind, span })
    }

    /// A slot or a literal.
    fn sig_piece(&mut self, pair: Pair<'_>) -> Option<SigItem> {
        let span = self.span(&pair);
        if pair.as_rule() == Rule::sig_literal {
            return Some(SigItem { kind: SigItemKind::Literal(pair.as_str().to_string()), span });
        }
        let (mut slot, mut repeated) = (None, false);
        for part in children(pair) {
            match part.as_rule() {
                Rule::slot => slot = Some(self.slot(part)),
                Rule::sig_repeated => repeated = true,
                _ => {}
            }
        }
        Some(SigItem { kind: SigItemKind::Slot { slot: slot?, repeated }, span })
    }

    fn slot(&mut self, pair: Pair<'_>) -> Slot {
        let span = self.span(&pair);
        let (mut name, mut ty) = (None, None);
        for part in children(pair) {
            match part.as_rule() {
                Rule::slot_name => name = Some(self.name(&part)),
                Rule::slot_words => {
                    ty = Some(SlotType::Words(children(part).map(|word| word.as_str().to_string()).collect()))
                }
                Rule::slot_type => {
                    let (mut inner, mut unit) = (None, None);
                    for piece in children(part) {
                        match piece.as_rule() {
                            Rule::r#type => inner = Some(self.ty(piece)),
                            Rule::slot_unit => unit = Some(self.name(&piece)),
                            _ => {}
                        }
                    }
                    ty = inner.map(|inner| SlotType::Typed(inner, unit));
                }
                _ => {}
            }
        }
        let unknown = || SlotType::Typed(Type { kind: TypeKind::Named(String::new()), span }, None);
        Slot { name, ty: ty.unwrap_or_else(unknown), span }
    }

    /// `driver proxmox { … }`
    pub(super) fn driver(&mut self, pair: Pair<'_>) -> DriverDecl {
        let (span, from) = (self.span(&pair), start(&pair));
        let doc = self.doc_above(from);
        let before = self.reported();
        let after = from + "driver".len();
        let mut driver =
            DriverDecl { doc, name: self.no_name(after), identity: None, scripts: Vec::new(), items: Vec::new(), span };
        let (mut block, mut named) = (None, false);
        for part in children(pair) {
            match part.as_rule() {
                Rule::user => {
                    driver.name = self.name(&part);
                    named = true;
                }
                Rule::bad_item_head => {
                    let (span, token) = self.token(start(&part));
                    self.report(errors::unexpected(span, &token, &["`{`".to_string()], None));
                }
                Rule::driver_block => block = Some(part),
                Rule::bad_rest if self.reported() == before => {
                    let (span, token) = self.token(start(&part));
                    self.report(errors::after_complete(span, &token));
                }
                _ => {}
            }
        }
        if self.reported() == before {
            if !named {
                let (at, token) = self.token(after);
                self.report(errors::incomplete(at, &token, "driver", "a name", "driver proxmox { … }"));
            } else if block.is_none() {
                self.report(errors::missing_block(driver.name.span.after(), "driver"));
            }
        }
        if let Some(block) = block {
            for item in children(block) {
                self.driver_item(item, &mut driver);
            }
        }
        driver
    }

    fn driver_item(&mut self, pair: Pair<'_>, driver: &mut DriverDecl) {
        let span = self.span(&pair);
        let stop = (span.end - self.base) as usize;
        let word_span = self.token(start(&pair)).0;
        match pair.as_rule() {
            Rule::identity => {
                let need = children(pair).find(|part| part.as_rule() == Rule::need).map(|need| self.param(need));
                match (need, &driver.identity) {
                    (None, _) => {
                        let (at, token) = self.token(stop);
                        self.report(errors::incomplete(
                            at,
                            &token,
                            "identity",
                            "a variable and its type",
                            "identity vmid: VmId",
                        ));
                    }
                    (Some(_), Some(first)) => self.report(errors::part_twice(word_span, "identity", first.span)),
                    (Some(need), None) => driver.identity = Some(need),
                }
            }
            Rule::script => {
                let (mut name, mut text) = (None, None);
                for part in children(pair) {
                    match part.as_rule() {
                        Rule::name => name = Some(self.name(&part)),
                        Rule::string => text = Some(self.fixed_string(part, "a script")),
                        _ => {}
                    }
                }
                match name.zip(text) {
                    Some((name, text)) => driver.scripts.push((name, text.text, text.span)),
                    None => {
                        let (at, token) = self.token(stop);
                        let example = "script look '''…'''";
                        self.report(errors::incomplete(at, &token, "script", "a name and its text", example));
                    }
                }
            }
            Rule::probe | Rule::task => {
                let item = self.item(pair);
                driver.items.extend(item);
            }
            _ => {
                let (span, token) = self.token(start(&pair));
                self.report(errors::not_in_driver(span, &token));
                for part in children(pair) {
                    self.blocks_of(part);
                }
            }
        }
    }
}
