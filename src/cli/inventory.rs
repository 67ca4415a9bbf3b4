//! `hostler inventory`.

use super::arguments::InventoryArguments;
use super::site;
use super::terminal::Terminal;
use super::{GOOD, REFUSED};
use crate::diag::Problems;
use crate::text::Sources;

pub(crate) fn inventory(arguments: &InventoryArguments, terminal: &mut Terminal) -> u8 {
    let mut sources = Sources::new();
    let mut problems = Problems::new();
    let loaded = site::load(&arguments.site, &[], &mut sources, &mut problems);
    let failed = problems.has_errors();
    terminal.problems(&sources, &problems.sorted());
    if failed {
        return REFUSED;
    }
    terminal.say(&serde_json::to_string_pretty(&loaded.inventory.list()).unwrap_or_default());
    GOOD
}
