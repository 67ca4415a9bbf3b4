//! How the guests of a plan follow each other: how many at once, in which order, and when.

use serde::{Deserialize, Serialize};

/// How the guests of a plan follow each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Batch sizes; the last repeats. `[1]` is one at a time.
    pub batches: Vec<Share>,
    /// Whether the next batch waits for the whole of this one (`batches`), or a guest follows a guest (`at most`).
    pub whole_batches: bool,
    /// At most this many per hypervisor.
    pub per_hypervisor: Option<usize>,
    /// Groups of which no two are acted upon together.
    pub never_together: Vec<Vec<String>>,
    /// No further guest is begun after this many did not end well.
    pub stop_after: Share,
    /// The longest time for one guest, in milliseconds.
    pub deadline: Option<u64>,
    /// When a guest may be begun.
    pub window: Option<Window>,
    /// Named locks.
    pub locks: Vec<String>,
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule {
            batches: vec![Share::Count(1)],
            whole_batches: false,
            per_hypervisor: None,
            never_together: Vec::new(),
            stop_after: Share::Count(1),
            deadline: None,
            window: None,
            locks: Vec::new(),
        }
    }
}

/// `Sat,Sun 01:00-06:00`: the days on which it opens, and minutes after midnight. One that closes before it opens
/// closes on the next day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// As written.
    pub text: String,
    /// Monday first.
    pub days: [bool; 7],
    /// Minutes after midnight.
    pub opens: u16,
    /// Minutes after midnight.
    pub closes: u16,
}

impl Window {
    /// Reads one; else why it is none.
    pub fn read(text: &str) -> Result<Window, String> {
        let (days, times) = match text.trim().rsplit_once(char::is_whitespace) {
            Some((days, times)) => (Some(days.trim()), times),
            None => (None, text.trim()),
        };
        let mut open = [days.is_none(); 7];
        for part in days.into_iter().flat_map(|days| days.split(',')) {
            let day = |name: &str| {
                let name = name.trim();
                let at = DAYS.iter().position(|day| {
                    name.len() >= 3 && day.to_ascii_lowercase().starts_with(&name.to_ascii_lowercase())
                });
                at.ok_or_else(|| format!("`{name}` is no day: write Mon, Tue, Wed, Thu, Fri, Sat or Sun"))
            };
            match part.split_once('-') {
                Some((first, last)) => {
                    let (mut at, last) = (day(first)?, day(last)?);
                    open[at] = true;
                    while at != last {
                        at = (at + 1) % 7;
                        open[at] = true;
                    }
                }
                None => open[day(part)?] = true,
            }
        }
        let (opens, closes) = times.split_once('-').ok_or("a window has two times: `Sun 02:00-05:00`")?;
        let (opens, closes) = (minutes(opens)?, minutes(closes)?);
        if opens == closes {
            return Err("it closes when it opens".to_string());
        }
        Ok(Window { text: text.to_string(), days: open, opens, closes })
    }

    /// How long it is open, in minutes.
    pub fn length(&self) -> u16 {
        if self.closes > self.opens { self.closes - self.opens } else { 24 * 60 - self.opens + self.closes }
    }
}

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

fn minutes(text: &str) -> Result<u16, String> {
    let wrong = || format!("`{text}` is no time of day: write it as `02:00`");
    let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str| if text.len() == 2 { text.parse::<u16>().map_err(|_| wrong()) } else { Err(wrong()) };
    match (number(hours)?, number(minutes)?) {
        (24, 0) => Ok(24 * 60),
        (hours, minutes) if hours < 24 && minutes < 60 => Ok(hours * 60 + minutes),
        _ => Err(wrong()),
    }
}

/// A number, or a share of all targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Share {
    /// So many.
    Count(u64),
    /// Percent of all targets, rounded up.
    Percent(u64),
}

impl Share {
    /// How many of `all`, at least one.
    pub fn of(self, all: usize) -> usize {
        match self {
            Share::Count(count) => (count as usize).max(1),
            Share::Percent(share) => (all * share as usize).div_ceil(100).max(1),
        }
    }
}
