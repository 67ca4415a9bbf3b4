//! `hostler explain`.

use super::arguments::ExplainArguments;
use super::terminal::Terminal;
use super::{GOOD, REFUSED};
use crate::diag::nearest;
use crate::diag::pages::{PAGES, page};

pub(crate) fn explain(arguments: &ExplainArguments, terminal: &mut Terminal) -> u8 {
    let Some(code) = &arguments.code else {
        let width = PAGES.iter().map(|page| page.code.len()).max().unwrap_or(0);
        for page in PAGES {
            terminal.say(&format!("{:width$}  {}", page.code, page.title()));
        }
        return GOOD;
    };
    if let Some(page) = page(code) {
        terminal.say(page.text.trim_end());
        return GOOD;
    }
    let of_name: Vec<&str> = PAGES.iter().filter(|page| page.name() == code).map(|page| page.code).collect();
    let near = || {
        let near = nearest(code, PAGES.iter().flat_map(|page| [page.code, page.name()]))?;
        page(near).map(|page| page.code)
    };
    let help = match near() {
        _ if !of_name.is_empty() => format!("it is the last part of several: {}", of_name.join(", ")),
        Some(near) => format!("did you mean `{near}`?"),
        None => "`hostler explain` without a code lists them all".to_string(),
    };
    terminal.remark(&format!("error: no diagnostic has the code `{code}`\n  help: {help}"));
    REFUSED
}
