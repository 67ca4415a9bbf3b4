//! What happens, as it happens: one line a note.

use super::{clock, harmless};
use crate::code::duration_text;
use crate::machine::{Ending, Note, NoteKind};

/// The line of a note, or nothing where it says what another line says too.
pub fn line(note: &Note, width: usize) -> Option<String> {
    let text = match &note.kind {
        NoteKind::PlanBegan(targets) if targets.is_empty() => return None,
        NoteKind::PlanBegan(targets) => {
            let many = if targets.len() == 1 { "1 target".to_string() } else { format!("{} targets", targets.len()) };
            return Some(format!("{:>7}  plan {}: {many}", clock(note.at), note.plan));
        }
        NoteKind::Began => "begins".to_string(),
        NoteKind::Command { host, text, .. } => format!("on {host}: {text}"),
        NoteKind::Ended { good: true, took, .. } if *took < 5_000 => return None,
        NoteKind::Ended { code, good: true, took, .. } => format!("  ended with {code} after {}", time(*took)),
        NoteKind::Ended { code, took, said, .. } => format!("  ended with {code} after {}: {said}", time(*took)),
        NoteKind::Guarded { guard, seen } => format!("✓ {guard}: {seen}"),
        NoteKind::Waiting { .. } | NoteKind::Cue(_) => return None,
        NoteKind::Proven { text, evidence, took } if *took > 0 => {
            let evidence = if evidence.is_empty() { String::new() } else { format!(": {evidence}") };
            format!("✓ {text}{evidence} ({})", time(*took))
        }
        NoteKind::Proven { text, .. } => format!("✓ {text}"),
        NoteKind::Locked { text } => text.clone(),
        NoteKind::Warned(text) => format!("warning: {text}"),
        NoteKind::Recorded(name, value) => format!("{name} = {value}"),
        NoteKind::Notified { channel, subject, .. } => format!("notify {channel}: {subject}"),
        NoteKind::Objected { question, failed } => format!("{question}: {}", failed.message),
        NoteKind::Again(why) => format!("again, after: {why}"),
        NoteKind::Verified(proof) => format!("✓ verified: {proof}"),
        NoteKind::Finished(ending) => ending_text(ending),
    };
    Some(format!("{:>7}  {:width$}  {}", clock(note.at), note.guest, harmless(&text)))
}

fn ending_text(ending: &Ending) -> String {
    match ending {
        Ending::Done => "done".to_string(),
        Ending::Skipped(why) => format!("skipped: {why}"),
        Ending::Failed(failed) => format!("FAILED: {}", failed.message),
        Ending::Refused(refused) => format!("REFUSED: {}", refused.message),
        Ending::Unknown(unknown) => format!("UNKNOWN: {}", unknown.message),
        Ending::Interrupted(at) => format!("INTERRUPTED at: {}", at.step),
        Ending::NotBegun(why) => format!("not begun: {why}"),
    }
}

fn time(ms: u64) -> String {
    if ms < 10_000 { format!("{}.{}s", ms / 1000, ms % 1000 / 100) } else { duration_text(ms / 1000 * 1000) }
}
