//! Diagnostics on a terminal. This is the only place that knows miette.

use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, NarratableReportHandler,
    SourceCode, SourceSpan, SpanContents,
};

use super::{Diagnostic, Severity};
use crate::text::{Sources, Span};

/// How a report looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Lines and colours.
    Colour,
    /// Lines without colours.
    Plain,
    /// Sentences, for a screen reader.
    Narrated,
}

/// The text of a report about one diagnostic.
pub fn text(sources: &Sources, diagnostic: &Diagnostic, style: Style, width: usize) -> String {
    let shown = Shown { diagnostic, files: Texts(sources) };
    let mut text = String::new();
    let done = match style {
        Style::Narrated => NarratableReportHandler::new().render_report(&mut text, &shown),
        style => {
            let mut theme =
                if style == Style::Colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
            theme.characters.error = "error:".into();
            theme.characters.warning = "warning:".into();
            GraphicalReportHandler::new_themed(theme)
                .with_width(width)
                .with_links(false)
                .with_wrap_lines(true)
                .render_report(&mut text, &shown)
        }
    };
    if done.is_err() {
        text = format!("{}: {}\n", diagnostic.code, diagnostic.message);
    }
    text
}

struct Shown<'a> {
    diagnostic: &'a Diagnostic,
    files: Texts<'a>,
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.diagnostic.primary.as_ref().map(|_| &self.files as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let primary = self.diagnostic.primary.iter().map(|label| labelled(&label.text, label.span, true));
        let secondary = self.diagnostic.secondary.iter().map(|label| labelled(&label.text, label.span, false));
        Some(Box::new(primary.chain(secondary)))
    }
}

fn labelled(text: &str, span: Span, primary: bool) -> LabeledSpan {
    let text = (!text.is_empty()).then(|| text.to_string());
    let range = SourceSpan::from((span.start as usize, (span.end - span.start) as usize));
    if primary { LabeledSpan::new_primary_with_span(text, range) } else { LabeledSpan::new_with_span(text, range) }
}

/// All texts as one: a span says by itself which file it is in, so one report can show several.
struct Texts<'a>(&'a Sources);

impl SourceCode for Texts<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let start = span.offset() as u32;
        let wanted = Span::new(start, start + span.len() as u32);
        let source = self.0.find(wanted).ok_or(MietteError::OutOfBounds)?;
        let base = source.span().start as usize;
        if span.offset() + span.len() > source.span().end as usize {
            // Two labels in two files do not share a snippet.
            return Err(MietteError::OutOfBounds);
        }
        let local = SourceSpan::from((span.offset() - base, span.len()));
        let text: &'a str = &source.text;
        let contents = text.read_span(&local, before, after)?;
        let range = SourceSpan::from((contents.span().offset() + base, contents.span().len()));
        Ok(Box::new(MietteSpanContents::new_named(
            source.name.to_string(),
            contents.data(),
            range,
            contents.line(),
            contents.column(),
            contents.line_count(),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_report_shows_labels_of_two_files() {
        let mut sources = Sources::new();
        let plan = sources.add("a.plan", "on pve: qm reboot $vmid\n");
        let vars = sources.add("host_vars/pbs.yml", "tier: service\n");
        let diagnostic = Diagnostic::error(
            "inventory/missing-variable",
            Span::new(plan.start + 18, plan.start + 23),
            "`pbs` has no `vmid`",
        )
        .label("needed here")
        .and(vars.before(), "it belongs here")
        .help("write `vmid: 101`");
        let text = text(&sources, &diagnostic, Style::Plain, 100);
        for part in [
            "inventory/missing-variable",
            "`pbs` has no `vmid`",
            "a.plan:1:19",
            "host_vars/pbs.yml:1:1",
            "needed here",
            "it belongs here",
            "help: write `vmid: 101`",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
