//! `hostler prove`.

use std::sync::Arc;

use jiff::Zoned;

use super::arguments::{Format, ProveArguments};
use super::ready::{Ready, ready};
use super::scenes::Scenes;
use super::terminal::Terminal;
use super::{BROKEN, GOOD, REFUSED, clock, site};
use crate::code::Code;
use crate::explore::{Bound, Explored, explore};

/// Most lines of what does not end well by itself.
const MOST: usize = 5;

pub(crate) fn prove(arguments: &ProveArguments, terminal: &mut Terminal) -> u8 {
    let Some(mut ready) = ready(arguments.file.as_deref(), &arguments.one, false, terminal) else { return REFUSED };
    let folder = site::folder(&arguments.one.site, arguments.file.as_deref());
    let Ready { loaded, sources, .. } = &mut ready;
    let Some(scenes) = Scenes::read(&folder, &arguments.scene, &loaded.inventory, sources, terminal) else {
        return REFUSED;
    };
    match explored(arguments, &ready, &scenes) {
        Ok(found) => {
            match arguments.format {
                Format::Text => terminal.write(&text(&ready.code.plan().name, &found)),
                Format::Json => terminal.json(&json(&found)),
            }
            if found.broken.is_empty() { GOOD } else { BROKEN }
        }
        Err(why) => {
            terminal.remark(&format!("error: {why}"));
            REFUSED
        }
    }
}

fn explored(arguments: &ProveArguments, ready: &Ready, scenes: &Scenes) -> Result<Explored, String> {
    let zone = clock::zone(ready.loaded.site.timezone.as_deref())?;
    let begins = match &arguments.now {
        Some(text) => clock::time(text, &zone)?,
        None => clock::lab_start(&ready.code, &Zoned::now().with_time_zone(zone)),
    };
    let windows = clock::windows(&ready.code, &begins);
    let code = Arc::new(ready.code.clone());
    let lab = scenes.lab(&code, &ready.loaded.inventory);
    let bound = Bound {
        run: run_statement(arguments, &ready.code),
        faults: arguments.faults,
        worlds: arguments.worlds,
        random: arguments.random,
        seed: arguments.seed,
    };
    Ok(explore(&code, &lab, &windows, &bound))
}

/// How a test runs the plan as the command line does.
fn run_statement(arguments: &ProveArguments, code: &Code) -> String {
    let plan = &arguments.one.plan;
    let literal = |text: &str| {
        let is_plain = text.starts_with(|c: char| c.is_ascii_digit()) || matches!(text, "true" | "false");
        if is_plain { text.to_string() } else { format!("{text:?}") }
    };
    let values: Vec<String> = plan.set.iter().map(|(name, text)| format!("{name}: {}", literal(text))).collect();
    let whom = match plan.target.is_some() || plan.limit.is_some() {
        true => format!(" for {}", code.plan().targets.join(", ")),
        false => String::new(),
    };
    format!("{}({}){whom}", code.plan().name, values.join(", "))
}

fn text(plan: &str, found: &Explored) -> String {
    let Explored { worlds, distinct, effects, unwell, bounded, endings, broken, stories } = found;
    let mut text = format!(
        "{plan}: {worlds} worlds, {distinct} of them distinct; {effects} places at which something can go wrong\n"
    );
    let endings: Vec<String> = endings.iter().map(|(how, count)| format!("{how} {count}")).collect();
    text.push_str(&format!("  targets ended: {}\n", endings.join(", ")));
    if !unwell.is_empty() {
        text.push_str("  even when nothing goes wrong:\n");
        for line in unwell.iter().take(MOST) {
            text.push_str(&format!("  {line}\n"));
        }
        if unwell.len() > MOST {
            text.push_str(&format!("  … and {} more\n", unwell.len() - MOST));
        }
    }
    if *bounded {
        text.push_str("  there are more worlds: look at them with a larger `--worlds`\n");
    }
    if broken.is_empty() {
        text.push_str("  no rule was broken\n");
    }
    for (rule, story) in stories {
        let count = broken.get(rule).copied().unwrap_or_default();
        text.push_str(&format!("\n{rule}, in {count} of them; the shortest story:\n"));
        for line in &story.lines {
            text.push_str(&format!("  {line}\n"));
        }
        text.push_str(&format!("  → {}\n", story.why));
        // Statements of the command line have no file in which a test could stand.
        if plan != "script" {
            text.push_str(&format!("as a test, to keep:\n\n{}", story.test));
        }
    }
    text
}

fn json(found: &Explored) -> serde_json::Value {
    let stories = found.stories.iter().map(|(rule, story)| {
        serde_json::json!({"rule": rule, "worlds": found.broken.get(rule), "lines": story.lines, "why": story.why, "test": story.test})
    });
    serde_json::json!({
        "worlds": found.worlds,
        "distinct": found.distinct,
        "effects": found.effects,
        "unwell": found.unwell,
        "bounded": found.bounded,
        "endings": found.endings,
        "broken": stories.collect::<Vec<_>>(),
    })
}
