//! A story as a test of the plan, to keep.

use super::{Fault, Origin, Story};
use crate::lab::is_like;
use crate::machine::{Effect, Ending};
use crate::report::word;

/// An effect that was asked for.
struct Asked {
    host: String,
    /// The words of a command; none of a connection.
    words: Vec<String>,
    argv: Vec<String>,
}

/// The statements of a test in which the same goes wrong, and which holds what the rule says. `run` is how the plan is
/// run.
pub(super) fn test(origin: &Origin<'_>, rule: &str, story: &Story, run: &str) -> String {
    let Story { guest, wrong, varied, .. } = story;
    let mut lines = Vec::new();
    let mut seen: Vec<Asked> = Vec::new();
    if *varied != 0 {
        lines.push(format!("# With `hostler test --seed {varied}`."));
    }
    let mut world = origin.world(0, *varied);
    world.run(|world, id, effect, who| {
        seen.push(Asked::of(&effect));
        match wrong.iter().find(|(number, _)| *number == world.asked) {
            Some((_, fault)) => {
                lines.extend(seen.last().map(|last| line(fault, last, &seen)));
                world.goes_wrong(fault, id, effect, who);
            }
            None => world.begin_effect(id, effect, who),
        }
    });
    lines.push(format!("run {run}"));
    for (host, ending) in world.endings() {
        if let Some(ending @ (Ending::Failed(_) | Ending::Refused(_) | Ending::Unknown(_))) = ending
            && rule != "never ends"
        {
            lines.push(format!("expect {} {}", place(&host), word(&ending)));
        }
    }
    lines.push(match rule {
        "left off" => format!("await power({}) == \"running\" within 26h", place(guest)),
        "left to its hypervisor" => format!("expect power({}) == \"running\"", place(guest)),
        "not as it is said" => format!("expect ssh({})", place(guest)),
        "both down" => {
            let groups = origin.code.plans.iter().flat_map(|plan| &plan.schedule.never_together);
            let group = groups.filter(|group| group.contains(guest)).max_by_key(|group| group.len());
            let names = group.into_iter().flatten().map(String::as_str).map(place);
            format!("expect never together {}", names.collect::<Vec<_>>().join(", "))
        }
        "done twice" => {
            let lost = wrong.iter().filter(|(_, fault)| matches!(fault, Fault::LostBefore | Fault::LostAfter));
            let lost =
                lost.filter_map(|(number, _)| seen.get(usize::try_from(*number).ok()?.checked_sub(1)?)).next_back();
            lost.map_or(format!("expect {} unknown", place(guest)), |lost| format!("expect once {}", lost.text()))
        }
        _ => format!("expect {} done", place(guest)),
    });
    let name = format!("{guest}: {rule}").replace('\\', "").replace(['"', '$'], "'");
    let body: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    format!("test \"{name}\" {{\n{body}}}\n")
}

fn line(fault: &Fault, at: &Asked, seen: &[Asked]) -> String {
    let alike = |other: &&Asked| {
        other.host == at.host
            && match at.words.is_empty() {
                true => other.words.is_empty(),
                false => is_like(&at.words, &other.argv),
            }
    };
    let nth = match seen.iter().filter(alike).count() {
        0 | 1 => String::new(),
        nth => format!("{nth} "),
    };
    format!("fault \"{}\" at {nth}{}", fault.name(), at.text())
}

impl Asked {
    fn of(effect: &Effect) -> Asked {
        let (host, words, argv) = match effect {
            Effect::Run(run) => {
                let script = match run.argv.as_slice() {
                    [shell, option, script, ..] if shell == "sh" && option == "-c" => {
                        script.trim_start().lines().next()
                    }
                    _ => None,
                };
                let words = script.map_or_else(|| run.argv.clone(), |first| vec!["sh".to_string(), first.to_string()]);
                (run.host.clone(), words, run.argv.clone())
            }
            Effect::Reach { host } => (host.clone(), Vec::new(), Vec::new()),
            _ => Default::default(),
        };
        Asked { host, words, argv }
    }

    fn text(&self) -> String {
        if self.words.is_empty() {
            return format!("ssh({})", place(&self.host));
        }
        let words: Vec<String> = self.words.iter().map(|word| quoted(word)).collect();
        format!("on {}: {}", place(&self.host), words.join(" "))
    }
}

/// A host as a plan names it.
fn place(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && !name.ends_with('-');
    if begins && name.chars().all(plain) { name.to_string() } else { format!("host(\"{name}\")") }
}

/// A word as a plan writes it.
fn quoted(word: &str) -> String {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '=' | '@' | '%' | '+' | ',');
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    if !word.contains(['\'', '\n']) {
        return format!("'{word}'");
    }
    let escaped = word.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$").replace('\n', "\\n");
    format!("\"{escaped}\"")
}
