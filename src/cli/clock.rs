//! The wall clock: time zones, and when windows are open.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use crate::check::Window;
use crate::code::{Code, duration_text};

/// How many days ahead windows are looked for: one that opens once a week is found.
const DAYS: i64 = 9;

/// The site's time zone, else the controller's own.
pub(crate) fn zone(name: Option<&str>) -> Result<TimeZone, String> {
    match name {
        Some(name) => TimeZone::get(name).map_err(|_| {
            format!("`timezone = \"{name}\"` in hostler.toml is no time zone; write one like `Europe/Berlin`")
        }),
        None => Ok(TimeZone::system()),
    }
}

/// A time from the command line: `2026-01-03 22:00` in the site's zone, or with an offset of its own.
pub(crate) fn time(text: &str, zone: &TimeZone) -> Result<Zoned, String> {
    if let Ok(zoned) = text.parse::<Zoned>() {
        return Ok(zoned);
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp.to_zoned(zone.clone()));
    }
    let wrong = || format!("`--now {text}` is no time: write it as `2026-01-03 22:00`");
    let time: DateTime = text.trim().replace(' ', "T").parse().map_err(|_| wrong())?;
    time.to_zoned(zone.clone()).map_err(|_| wrong())
}

/// When the lab's clock starts: as the plan's window opens, the next time from now.
pub(crate) fn lab_start(code: &Code, now: &Zoned) -> Zoned {
    let own = code.plan().schedule.window.as_ref();
    let window = own.or_else(|| code.plans.iter().find_map(|plan| plan.schedule.window.as_ref()));
    let opens =
        window.into_iter().flat_map(|window| intervals(window, now)).map(|(opens, _)| opens).find(|opens| opens >= now);
    opens.unwrap_or_else(|| now.clone())
}

/// For each plan when its window is open, in milliseconds from now.
pub(crate) fn windows(code: &Code, now: &Zoned) -> Vec<Vec<(i64, i64)>> {
    let from_now = |time: &Zoned| time.timestamp().as_millisecond() - now.timestamp().as_millisecond();
    code.plans
        .iter()
        .map(|plan| {
            let windows = plan.schedule.window.iter();
            windows
                .flat_map(|window| intervals(window, now))
                .map(|(opens, closes)| (from_now(&opens), from_now(&closes)))
                .collect()
        })
        .collect()
}

/// What a person should know who looks at the plans' windows now.
pub(crate) fn remarks(code: &Code, now: &Zoned) -> Vec<String> {
    let remarks = code.plans.iter().filter_map(|plan| {
        let longest = plan.targets.iter().map(String::as_str).zip(plan.longest.iter().copied());
        remark(&plan.name, plan.schedule.window.as_ref()?, longest, now)
    });
    remarks.collect()
}

/// `longest` is how long each target can take, in milliseconds.
fn remark<'a>(
    plan: &str,
    window: &Window,
    mut longest: impl Iterator<Item = (&'a str, u64)>,
    now: &Zoned,
) -> Option<String> {
    let (opens, closes) = intervals(window, now).into_iter().find(|(_, closes)| now < closes)?;
    let time = |time: &Zoned| time.strftime("%a %Y-%m-%d %H:%M").to_string();
    let its = format!("the window \"{}\" of `{plan}`", window.text);
    if *now < opens {
        return Some(format!("{its} is closed; it opens {}", time(&opens)));
    }
    let left = closes.timestamp().as_millisecond().abs_diff(now.timestamp().as_millisecond());
    let (target, longest) = longest.find(|(_, longest)| *longest > left)?;
    let longest = duration_text(longest);
    Some(format!("{its} closes {}, and `{target}` can take {longest}: it would not be begun", time(&closes)))
}

/// From yesterday on: a window may have opened then. A time that a change of the clocks skips is the next that exists.
fn intervals(window: &Window, now: &Zoned) -> Vec<(Zoned, Zoned)> {
    let mut found = Vec::new();
    for ahead in -1..DAYS {
        let Ok(day) = now.date().checked_add(ahead.days()) else { continue };
        if !window.days[day.weekday().to_monday_zero_offset() as usize] {
            continue;
        }
        let at = |minutes: u16, later: i64| {
            let day = day.checked_add((later + i64::from(minutes / 1440)).days()).ok()?;
            let time = Time::new((minutes / 60 % 24) as i8, (minutes % 60) as i8, 0, 0).ok()?;
            day.to_datetime(time).to_zoned(now.time_zone().clone()).ok()
        };
        let next_day = i64::from(window.closes < window.opens);
        if let (Some(opens), Some(closes)) = (at(window.opens, 0), at(window.closes, next_day)) {
            found.push((opens, closes));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(window: &str, now: &str) -> Option<bool> {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now = time(now, &zone).unwrap();
        let window = Window::read(window).unwrap();
        Some(intervals(&window, &now).iter().any(|(opens, closes)| *opens <= now && now < *closes))
    }

    #[test]
    fn a_window_that_crosses_midnight_is_open_on_both_days() {
        // The 3rd of January 2026 is a Saturday.
        assert_eq!(open("Sat 22:00-08:00", "2026-01-03 21:59"), Some(false));
        assert_eq!(open("Sat 22:00-08:00", "2026-01-03 22:00"), Some(true));
        assert_eq!(open("Sat 22:00-08:00", "2026-01-04 07:59"), Some(true));
        assert_eq!(open("Sat 22:00-08:00", "2026-01-04 08:00"), Some(false));
        assert_eq!(open("Sat 22:00-08:00", "2026-01-04 22:00"), Some(false));
        assert_eq!(open("Sat,Sun 22:00-08:00", "2026-01-05 03:00"), Some(true));
        assert_eq!(open("01:00-06:00", "2026-01-07 05:00"), Some(true));
    }

    #[test]
    fn whether_a_window_is_open_now_is_said() {
        let said = |now: &str, hours: u64| {
            let now = time(now, &TimeZone::get("Europe/Berlin").unwrap()).unwrap();
            let window = Window::read("Sat 22:00-08:00").unwrap();
            remark("night", &window, [("db", 1), ("web", hours * 3_600_000)].into_iter(), &now).unwrap_or_default()
        };
        let its = "the window \"Sat 22:00-08:00\" of `night`";
        assert_eq!(said("2026-01-03 12:00", 1), format!("{its} is closed; it opens Sat 2026-01-03 22:00"));
        assert_eq!(said("2026-01-04 06:00", 1), "");
        let late = "closes Sun 2026-01-04 08:00, and `web` can take 3h: it would not be begun";
        assert_eq!(said("2026-01-04 06:00", 3), format!("{its} {late}"));
    }

    #[test]
    fn summer_time_makes_a_window_an_hour_shorter() {
        // The clocks go from 02:00 to 03:00 on the 29th of March 2026.
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now = time("2026-03-29 00:30", &zone).unwrap();
        let window = Window::read("Sun 01:00-05:00").unwrap();
        let (opens, closes) = intervals(&window, &now).into_iter().next().unwrap();
        assert_eq!(closes.timestamp().as_second() - opens.timestamp().as_second(), 3 * 3600);
    }
}
