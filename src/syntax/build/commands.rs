//! `on PLACE options: COMMAND`, and the words of commands.

use super::strings::{long_text, raw_text};
use super::{Builder, Pair, children, end, start};
use crate::syntax::errors;
use crate::syntax::grammar::Rule;
use crate::syntax::tree::{
    Command, Expr, ExprKind, On, OnBlock, OnOption, OnOptionKind, Retry, WhenLocked, Word, WordPart, WordPartKind,
};
use crate::syntax::words;
use crate::text::Span;

/// What an `on` turned out to be.
pub(super) enum OnForm {
    /// `on PLACE options: COMMAND`
    One(On),
    /// `on PLACE options { COMMANDS }`
    Many(OnBlock),
}

impl Builder<'_> {
    /// `on …`, in one of its two forms.
    pub(super) fn on(&mut self, pair: Pair<'_>) -> OnForm {
        let span = self.span(&pair);
        let before = self.reported();
        let (mut place, mut options, mut colon, mut command, mut block) = (None, Vec::new(), None, None, None);
        let (mut bad_options, mut head_end) = (Vec::new(), start(&pair) + "on".len());
        for part in pair.clone().into_inner() {
            match part.as_rule() {
                Rule::on_place => place = Some(part.clone()),
                Rule::option => options.push(self.option(part.clone())),
                Rule::bad_option => {
                    let span = self.span(&part);
                    bad_options.push(part.clone());
                    options.push(OnOption { kind: OnOptionKind::Bad, span });
                }
                Rule::colon => colon = Some(self.span(&part)),
                Rule::command => command = Some(part.clone()),
                Rule::command_block => block = Some(part.clone()),
                _ => continue,
            }
            if !matches!(part.as_rule(), Rule::command | Rule::command_block) {
                head_end = end(&part);
            }
        }
        let complete = colon.is_some() || block.is_some();
        let place = self.place(place, start(&pair) + "on".len(), complete, &bad_options);
        if !complete {
            let rest = bad_options.first().map_or(head_end, start);
            let place_text = self.slice(place.span).to_string();
            let rest_text = self.between(rest, span_end(span, self.base)).trim().to_string();
            if self.reported() == before {
                let at = if rest_text.is_empty() { span.after() } else { self.at(rest, rest) };
                self.report(errors::missing_colon(at, &place_text, &rest_text));
            }
        } else if self.reported() == before {
            for bad in &bad_options {
                self.bad_option(bad);
            }
        }
        self.options_twice(&options);
        match block {
            Some(block) => {
                if let Some(colon) = colon {
                    self.report(errors::colon_before_block(colon));
                }
                let braces = self.at(start(&block), end(&block));
                let commands = children(block).map(|command| self.command(command, true)).collect();
                OnForm::Many(OnBlock { place, options, commands, block: braces, span })
            }
            None => {
                let command = match command {
                    Some(command) => self.command(command, false),
                    None => {
                        if let Some(colon) = colon {
                            self.report(errors::missing_command(colon));
                        }
                        Command { words: Vec::new(), span: span.after() }
                    }
                };
                OnForm::One(On { place, options, command, span })
            }
        }
    }

    /// Who acts: a bare name, or a call that answers a host.
    fn place(&mut self, pair: Option<Pair<'_>>, at: usize, complete: bool, bad_options: &[Pair<'_>]) -> Expr {
        let Some(operand) = pair.and_then(|pair| children(pair).next()) else {
            let at = self.skip_blanks(at);
            let (span, token) = self.token(at);
            self.report(errors::missing_place(span, &token));
            return self.no_expr(at);
        };
        let written = operand.as_str().to_string();
        let expr = self.operand(operand);
        let named_by_option =
            matches!(&expr.kind, ExprKind::Place(name) if words::ON_OPTIONS.contains(&name.text.as_str()));
        if named_by_option && complete && !bad_options.is_empty() {
            self.report(errors::missing_place(expr.span.before(), &written));
            return Expr { kind: ExprKind::Bad, span: expr.span };
        }
        match &expr.kind {
            ExprKind::Place(_) | ExprKind::Call(..) | ExprKind::Member(..) | ExprKind::Index(..) | ExprKind::Bad => {
                expr
            }
            _ => {
                self.report(errors::place_is_value(expr.span, &written));
                Expr { kind: ExprKind::Bad, span: expr.span }
            }
        }
    }

    fn option(&mut self, pair: Pair<'_>) -> OnOption {
        let span = self.span(&pair);
        let kind = children(pair).next().map_or(OnOptionKind::Bad, |form| self.option_kind(form));
        OnOption { kind, span }
    }

    fn option_kind(&mut self, form: Pair<'_>) -> OnOptionKind {
        let rule = form.as_rule();
        let mut names = Vec::new();
        let mut exprs = Vec::new();
        let (mut any, mut skip, mut wait) = (false, false, None);
        for part in children(form) {
            match part.as_rule() {
                Rule::user | Rule::name | Rule::guard => names.push(self.name(&part)),
                Rule::expr => exprs.push(self.expr(part)),
                Rule::kw_any => any = true,
                Rule::kw_skip => skip = true,
                Rule::when_wait => {
                    wait = children(part).find(|part| part.as_rule() == Rule::expr).map(|part| self.expr(part));
                }
                _ => {}
            }
        }
        let mut exprs = exprs.into_iter();
        let mut names = names.into_iter();
        match rule {
            Rule::opt_as => names.next().map(OnOptionKind::As),
            Rule::opt_within => exprs.next().map(OnOptionKind::Within),
            Rule::opt_accept if any => Some(OnOptionKind::AcceptAny),
            Rule::opt_accept => Some(OnOptionKind::Accept(exprs.collect())),
            Rule::opt_retry => exprs.next().map(|times| OnOptionKind::Retry(Retry { times, every: exprs.next() })),
            Rule::opt_env => names.next().zip(exprs.next()).map(|(name, value)| OnOptionKind::Env(name, value)),
            Rule::opt_stdin => exprs.next().map(OnOptionKind::Stdin),
            Rule::opt_reading => Some(OnOptionKind::Reading),
            Rule::opt_when => Some(OnOptionKind::WhenLocked(match wait {
                Some(wait) => WhenLocked::Wait(wait),
                None if skip => WhenLocked::Skip,
                None => WhenLocked::Fail,
            })),
            Rule::opt_unguarded => exprs.next().map(|reason| OnOptionKind::Unguarded(names.collect(), reason)),
            _ => None,
        }
        .unwrap_or(OnOptionKind::Bad)
    }

    /// Something between place and colon that is no option.
    fn bad_option(&mut self, pair: &Pair<'_>) {
        let (from, to) = (start(pair), self.trimmed(start(pair), end(pair)));
        let (span, token) = self.token(from);
        if words::ON_OPTIONS.contains(&token.as_str()) {
            self.puzzled(Rule::lone_option, from, to, errors::option_example(&token));
        } else {
            self.report(errors::unknown_option(span, &token));
        }
    }

    fn options_twice(&mut self, options: &[OnOption]) {
        let mut seen: Vec<(String, Span)> = Vec::new();
        for option in options {
            let Some(word) = option_word(&option.kind) else { continue };
            match seen.iter().find(|(known, _)| *known == word) {
                Some((_, first)) => self.report(errors::option_twice(option.span, &word, *first)),
                None => seen.push((word, option.span)),
            }
        }
    }

    /// The words of a command; `in_block` where it stands in braces.
    pub(super) fn command(&mut self, pair: Pair<'_>, in_block: bool) -> Command {
        let span = self.span(&pair);
        let before = self.reported();
        let written: Vec<Pair<'_>> = children(pair).collect();
        let words: Vec<Word> = written.iter().map(|word| self.word(word.clone())).collect();
        if self.reported() == before {
            self.shell_syntax(&written, in_block);
        }
        Command { words, span }
    }

    fn word(&mut self, pair: Pair<'_>) -> Word {
        let span = self.at(start(&pair), end(&pair));
        let alone = children(pair.clone()).count() == 1;
        let parts = children(pair).map(|part| self.word_part(part, alone)).collect();
        Word { parts, span }
    }

    fn word_part(&mut self, part: Pair<'_>, alone: bool) -> WordPart {
        let span = self.at(start(&part), end(&part));
        let kind = match part.as_rule() {
            Rule::long => WordPartKind::Long(long_text(&part)),
            Rule::raw => WordPartKind::Raw(raw_text(&part)),
            Rule::quoted => WordPartKind::Quoted(self.quoted(part)),
            Rule::value | Rule::path => WordPartKind::Value(self.path(part)),
            Rule::spread => {
                if !alone {
                    self.report(errors::spread_in_word(span, part.as_str()));
                }
                WordPartKind::Spread(self.path(part))
            }
            Rule::bad_dollar => {
                self.bad_dollar(&part);
                WordPartKind::Shell(part.as_str().to_string())
            }
            Rule::shell => WordPartKind::Shell(part.as_str().to_string()),
            _ => WordPartKind::Bare(unescaped(part.as_str())),
        };
        WordPart { kind, span }
    }

    /// What only a shell would understand: once a command, at its first place.
    fn shell_syntax(&mut self, written: &[Pair<'_>], in_block: bool) {
        let Some(first) = written.first() else { return };
        let first_span = self.at(start(first), end(first));
        if in_block && words::NOT_IN_BLOCK.contains(&first.as_str().trim_end_matches(':')) {
            self.report(errors::statement_in_command_block(first_span, first.as_str()));
            return;
        }
        if let Some(option) = option_in_words(written) {
            self.report(errors::option_behind_colon(first_span, option));
            return;
        }
        if words::SHELL_WORDS.contains(&first.as_str()) {
            self.report(errors::shell_keyword(first_span, first.as_str()));
            // What stands behind a `;` here is more of the same.
            self.quiet.insert(self.line(start(first)));
            return;
        }
        let mut assigns = true;
        for word in written {
            let (at, text) = (start(word), word.as_str());
            let name = text.find('=').map(|equals| &text[..equals]).filter(|name| is_name(name));
            match name {
                Some(name) if assigns => {
                    let span = self.at(at, at + name.len() + 1);
                    self.report(errors::assignment_in_command(span, name, &text[name.len() + 1..]));
                    return;
                }
                _ => assigns = false,
            }
            let shell = children(word.clone()).find(|part| part.as_rule() == Rule::shell);
            let found = match shell {
                _ if text.starts_with('~') => Some((at, "~".to_string())),
                Some(part) => Some((start(&part), shell_operator(part.as_str(), self.after(start(&part))).to_string())),
                None => None,
            };
            if let Some((at, operator)) = found {
                let script = as_script(written, self.text);
                let span = self.at(at, at + operator.len());
                self.report(errors::shell_syntax(span, &operator, script.as_deref()));
                return;
            }
        }
        // `\ ` at the end of a line was meant to continue it.
        if let Some(last) = written.last()
            && last.as_str().trim_matches(['\\', ' ', '\t']).is_empty()
            && self.after(end(last)).trim_start_matches([' ', '\t']).starts_with(['\n', '\r'])
        {
            self.report(errors::blank_after_continuation(self.at(start(last), end(last))));
            self.quiet.insert(self.line(start(last)) + 1);
        }
    }
}

/// An option of `on` that stands behind the colon, told by what follows it: its word alone may be a command.
fn option_in_words(written: &[Pair<'_>]) -> Option<&'static str> {
    let word = |place: usize| written.get(place).map(Pair::as_str);
    let number = |place: usize| word(place).is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let value = |place: usize| word(place).is_some_and(|word| word.starts_with('$'));
    Some(match word(0)? {
        "within" if number(1) || value(1) => "within",
        "retry" if number(1) => "retry",
        "accept" if number(1) || word(1) == Some("any") => "accept",
        "as" if written.len() > 2 && word(1).is_some_and(is_name) => "as",
        "stdin" if value(1) => "stdin",
        "reading" => "reading",
        "when" if word(1) == Some("locked") => "when",
        "unguarded" => "unguarded",
        _ => return None,
    })
}

/// The command as a script of the shell: its values become the script's arguments. Not where it holds quotes or lines.
fn as_script(written: &[Pair<'_>], text: &str) -> Option<String> {
    let (from, to) = (start(written.first()?), end(written.last()?));
    let (mut script, mut values, mut at): (String, Vec<&str>, usize) = (String::new(), Vec::new(), from);
    for part in written.iter().cloned().flat_map(children) {
        if matches!(part.as_rule(), Rule::value | Rule::path) {
            let place = values.iter().position(|value| *value == part.as_str()).unwrap_or(values.len());
            if place == values.len() {
                values.push(part.as_str());
            }
            script.push_str(&text[at..start(&part)]);
            script.push_str(&format!("\"${}\"", place + 1));
            at = end(&part);
        }
    }
    script.push_str(&text[at..to]);
    if script.contains(['\'', '\n']) || written.iter().any(|word| word.as_str().contains(['"', '\\'])) {
        return None;
    }
    let values: String = values.iter().map(|value| format!(" {value}")).collect();
    Some(format!("sh '{script}'{values}"))
}

/// The operator of the shell that begins here, as people know it.
fn shell_operator<'t>(part: &'t str, text: &'t str) -> &'t str {
    if part.starts_with('{') && part.ends_with('}') && part.len() <= 40 && !part.contains('\n') {
        return part;
    }
    for operator in ["&&", "||", ">>", "<<<", "<<", ">&", "|&"] {
        if text.starts_with(operator) {
            return &text[..operator.len()];
        }
    }
    let length = text.chars().next().map_or(0, char::len_utf8);
    &text[..length]
}

/// The word that an option is known by, where it may stand only once.
fn option_word(kind: &OnOptionKind) -> Option<String> {
    Some(match kind {
        OnOptionKind::As(_) => "as".to_string(),
        OnOptionKind::Within(_) => "within".to_string(),
        OnOptionKind::Accept(_) | OnOptionKind::AcceptAny => "accept".to_string(),
        OnOptionKind::Retry(_) => "retry".to_string(),
        OnOptionKind::Env(name, _) => format!("env {}", name.text),
        OnOptionKind::Stdin(_) => "stdin".to_string(),
        OnOptionKind::Reading => "reading".to_string(),
        OnOptionKind::WhenLocked(_) => "when locked".to_string(),
        OnOptionKind::Unguarded(..) => "unguarded".to_string(),
        OnOptionKind::Bad => return None,
    })
}

fn unescaped(written: &str) -> String {
    let mut text = String::with_capacity(written.len());
    let mut characters = written.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.extend(characters.next()),
            _ => text.push(character),
        }
    }
    text
}

fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn span_end(span: Span, base: u32) -> usize {
    (span.end - base) as usize
}
