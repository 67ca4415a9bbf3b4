//! The rules: what no way through any plan may do to a guest. They are held against what the world saw, and against
//! how the run ended, and against nothing else.

use std::collections::BTreeMap;

use hostler::machine::Ending;

use super::corpus::Told;
use super::guest::Verb;
use super::ledger::{Ledger, Proofs};
use super::seen::Seen;
use super::ways::Way;

/// What a way did wrong; empty where it kept every rule.
pub(crate) fn broken(told: &Told, way: &Way) -> Vec<String> {
    let mut broken = Vec::new();
    let mut ledgers: BTreeMap<&str, Ledger> = way
        .guests
        .iter()
        .map(|(name, guest)| {
            let proofs = Proofs { ssh: true, agent: name != "bare" };
            (name.as_str(), Ledger::new(proofs, guest.was_on))
        })
        .collect();
    for seen in &way.seen {
        if let Some(guest) = about(seen) {
            let Some(ledger) = ledgers.get_mut(guest) else { continue };
            before(told, seen, guest, ledger, &mut broken);
            ledger.take(seen);
        } else {
            ledgers.values_mut().for_each(|ledger| ledger.take(seen));
        }
        if let Seen::Reach { host, boot: Some(_) } = seen
            && told.never_together.contains(host)
        {
            for partner in told.never_together.iter().filter(|partner| *partner != host) {
                if let Some(ledger) = ledgers.get_mut(partner.as_str()) {
                    ledger.partner = true;
                }
            }
        }
    }
    for (guest, ledger) in &ledgers {
        at_the_end(told, way, guest, ledger, &mut broken);
    }
    if way.mishaps == 0 {
        let endings: Vec<&str> = way.endings.iter().map(|(_, ending)| word(ending)).collect();
        if endings.iter().any(|ending| *ending != told.ends) {
            broken.push(format!("well: nothing went wrong, and it ended {}", endings.join(", ")));
        }
    }
    broken
}

fn about(seen: &Seen) -> Option<&str> {
    match seen {
        Seen::Look { guest, .. }
        | Seen::Ping { guest, .. }
        | Seen::Change { guest, .. }
        | Seen::Power { guest, .. }
        | Seen::GoesOn { guest }
        | Seen::EndedLate { guest, .. }
        | Seen::Cluster { guest, .. }
        | Seen::Off { guest }
        | Seen::On { guest, .. } => Some(guest),
        Seen::Reach { host, .. } => Some(host),
        Seen::Waited => None,
    }
}

/// What must be so before a guest is changed.
fn before(told: &Told, seen: &Seen, guest: &str, ledger: &Ledger, broken: &mut Vec<String>) {
    let mut must = |rule: &str, holds: bool| {
        if !holds {
            broken.push(format!("{rule}: `{guest}`, before {seen:?}"));
        }
    };
    if let Seen::Change { names, .. } = seen {
        must("identity", !names || ledger.right);
        must("settled", ledger.at_work == 0 && !ledger.lost);
    }
    let Seen::Power { verb, .. } = seen else { return };
    must("identity", ledger.right);
    must("unlocked", ledger.unlocked || told.leaves_out("unlocked"));
    must("settled", ledger.at_work == 0 && !ledger.lost);
    match verb {
        // After an unknown only this is left, and not before the guest was looked at.
        Verb::Start => must("unknown", ledger.unknown != Some(false)),
        Verb::Stop | Verb::Shutdown | Verb::Reboot | Verb::Reset => {
            must("unknown", ledger.unknown.is_none());
            must("agent", ledger.agent || ledger.disrupted || told.leaves_out("agent"));
            must("found off", !ledger.found_off);
            must("partner", ledger.partner || !told.never_together.iter().any(|name| name == guest));
        }
    }
}

/// What must be so when the run is over.
fn at_the_end(told: &Told, way: &Way, guest: &str, ledger: &Ledger, broken: &mut Vec<String>) {
    let good = way.ended_well(guest);
    if told.may_be_off(guest, good) {
        return;
    }
    if good {
        if ledger.power_changed && !ledger.running {
            broken.push(format!("left off: `{guest}`, by a good end"));
        } else if ledger.power_changed && !ledger.is_verified() && !told.leaves_out("verify") {
            broken.push(format!("unverified: `{guest}`, by a good end"));
        }
        return;
    }
    let excused = ledger.start_failed || ledger.forbidden || ledger.lost;
    if ledger.power_changed && !ledger.running && !excused {
        broken.push(format!("left off: `{guest}`, by a bad end, and nobody tried to start it"));
    }
}

/// A way step by step; what only repeats itself is said once.
pub(crate) fn story(way: &Way) -> String {
    let mut lines: Vec<String> = Vec::new();
    for seen in &way.seen {
        let line = format!("  {seen:?}");
        if !lines.iter().rev().take(3).any(|before| *before == line) {
            lines.push(line);
        }
    }
    let endings = way.endings.iter().map(|(host, ending)| format!("  `{host}` {}", word(ending)));
    lines.extend(endings);
    lines.join("\n")
}

/// An ending in a word.
fn word(ending: &Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::Skipped(_) => "skipped",
        Ending::Failed(_) => "failed",
        Ending::Refused(_) => "refused",
        Ending::Unknown(_) => "unknown",
        Ending::NotBegun(_) => "not begun",
        Ending::Interrupted(_) => "interrupted",
    }
}
