//! Numbers as they are written: `42`, `2m30s`, `1.5GiB`, `20%`; and what to write instead of the ones that are not.

use super::tree::ExprKind;

/// A number that can not be read: why, and what to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadNumber {
    pub(super) why: String,
    pub(super) help: String,
}

/// Units of time with their milliseconds, longest first.
const TIMES: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
/// Units of size with their bytes.
const SIZES: [(&str, u64); 6] =
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("PiB", 1 << 50)];

/// Reads a number's whole lexeme.
pub(super) fn read(written: &str) -> Result<ExprKind, BadNumber> {
    let digits_end = written.find(|c: char| !c.is_ascii_digit()).unwrap_or(written.len());
    let (digits, rest) = written.split_at(digits_end);
    if digits.len() > 1 && digits.starts_with('0') {
        let shown = format!("{}{rest}", digits.trim_start_matches('0'));
        let shown = if shown.starts_with(|c: char| c.is_ascii_digit()) { shown } else { format!("0{shown}") };
        return Err(bad(format!("`{written}` begins with a zero, which other tools read as octal"), write(&shown)));
    }
    let too_large = || bad(format!("`{written}` is too large"), "the largest number is 9223372036854775807".into());
    match rest {
        "" => digits.parse().map(ExprKind::Int).map_err(|_| too_large()),
        "%" => digits.parse().map(ExprKind::Percent).map_err(|_| too_large()),
        _ => match (duration(written), size(digits, rest)) {
            (Some(milliseconds), _) => milliseconds.map(ExprKind::Duration).ok_or_else(too_large),
            (None, Some(bytes)) => bytes.map(ExprKind::Size).ok_or_else(too_large),
            (None, None) => Err(explain(written, digits, rest)),
        },
    }
}

/// Milliseconds of `1h30m`: units from long to short, each once. The inner `None` is an overflow.
fn duration(written: &str) -> Option<Option<u64>> {
    let (mut rest, mut units, mut total) = (written, TIMES.as_slice(), Some(0u64));
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |length| digits + length);
        let place = units.iter().position(|(unit, _)| *unit == &rest[digits..end])?;
        let part = rest[..digits].parse::<u64>().ok().and_then(|count| count.checked_mul(units[place].1));
        total = total.zip(part).and_then(|(a, b)| a.checked_add(b));
        units = &units[place + 1..];
        rest = &rest[end..];
    }
    Some(total)
}

/// Bytes of `1.5GiB`.
fn size(digits: &str, rest: &str) -> Option<Option<u64>> {
    let (fraction, unit) = split_fraction(rest);
    let (_, bytes) = SIZES.iter().find(|(name, _)| *name == unit)?;
    if !fraction.is_empty() && *bytes == 1 {
        return None;
    }
    Some(scaled(digits, fraction, *bytes))
}

/// `digits.fraction` times `unit`, rounded down.
fn scaled(digits: &str, fraction: &str, unit: u64) -> Option<u64> {
    let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let number: u128 = format!("{digits}{fraction}").parse().ok()?;
    u64::try_from(number.checked_mul(u128::from(unit))? / scale).ok()
}

/// `.5GiB` is `5` and `GiB`.
fn split_fraction(rest: &str) -> (&str, &str) {
    match rest.strip_prefix('.') {
        Some(after) => after.split_at(after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len())),
        None => ("", rest),
    }
}

/// What to write instead of a number that is none.
fn explain(written: &str, digits: &str, rest: &str) -> BadNumber {
    let (fraction, unit) = split_fraction(rest);
    let number = if fraction.is_empty() { digits.to_string() } else { format!("{digits}.{fraction}") };
    let is_none = format!("`{written}` is not a number of this language");
    if digits == "0" && rest.starts_with(['x', 'X', 'o', 'b']) {
        return bad(is_none, "write it as a decimal number".into());
    }
    if rest.contains('_') && rest.chars().all(|c| c.is_ascii_digit() || c == '_') {
        return bad(is_none, write(&written.replace('_', "")));
    }
    if unit.is_empty() {
        return bad(
            format!("`{written}` has a fraction, and only sizes may have one"),
            "write a whole number, or a size like `1.5GiB`".into(),
        );
    }
    if unit == "%" {
        return bad(format!("`{written}`: a percentage is a whole number"), write(&format!("{digits}%")));
    }
    if let Some(meant) = time_unit(unit) {
        if !fraction.is_empty() {
            let milliseconds =
                TIMES.iter().find(|(name, _)| *name == meant).and_then(|(_, ms)| scaled(digits, fraction, *ms));
            let shown = milliseconds.map_or_else(|| format!("{digits}{meant}"), show_duration);
            return bad(format!("`{written}`: a duration has no fraction"), write(&shown));
        }
        return bad(format!("`{unit}` is not a unit of time here"), write(&format!("{digits}{meant}")));
    }
    if matches!(unit, "w" | "week" | "weeks") && fraction.is_empty() {
        let days = digits.parse::<u64>().ok().and_then(|weeks| weeks.checked_mul(7));
        return bad(format!("`{unit}` is not a unit of time here"), write(&format!("{}d", days.unwrap_or(7))));
    }
    if let Some(meant) = size_unit(unit) {
        let help = format!("write `{number}{meant}`; sizes are in KiB, MiB, GiB and TiB, each 1024 of the one before");
        return bad(format!("`{unit}` is not a unit of size here"), help);
    }
    if let Some(meant) = TIMES
        .iter()
        .find(|(name, _)| unit.starts_with(name) && unit[name.len()..].starts_with(|c: char| c.is_ascii_digit()))
    {
        let help = format!(
            "write the longest unit first, each once and with its unit: `1h30m`, `2m30s` (here after `{}`)",
            meant.0
        );
        return bad(format!("`{written}` is not a duration"), help);
    }
    bad(
        format!("`{written}` is neither a number nor a name"),
        "units are ms, s, m, h, d for time, KiB, MiB, GiB, TiB for sizes, and %; a name begins with a letter".into(),
    )
}

/// The unit of time that was meant.
fn time_unit(unit: &str) -> Option<&'static str> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        // `5M` is as likely a size.
        "m" if unit == "m" => "m",
        "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        _ => return None,
    })
}

/// The unit of size that was meant.
fn size_unit(unit: &str) -> Option<&'static str> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "b" | "byte" | "bytes" => "B",
        "k" | "kb" | "kib" => "KiB",
        "m" | "mb" | "mib" => "MiB",
        "g" | "gb" | "gib" => "GiB",
        "t" | "tb" | "tib" => "TiB",
        "p" | "pb" | "pib" => "PiB",
        _ => return None,
    })
}

/// `5400000` is `1h30m`.
fn show_duration(milliseconds: u64) -> String {
    let (mut rest, mut shown) = (milliseconds, String::new());
    for (unit, length) in TIMES {
        if rest >= length {
            shown.push_str(&format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    if shown.is_empty() { "0s".to_string() } else { shown }
}

/// A number and its unit with a blank between: what to write.
pub(super) fn spaced(written: &str) -> String {
    let joined: String = written.chars().filter(|c| !matches!(c, ' ' | '\t')).collect();
    let digits_end = joined.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(joined.len());
    let (number, unit) = joined.split_at(digits_end);
    match time_unit(unit).or_else(|| size_unit(unit)) {
        Some(meant) => format!("{number}{meant}"),
        None if unit == "percent" => format!("{number}%"),
        None => joined,
    }
}

fn bad(why: String, help: String) -> BadNumber {
    BadNumber { why, help }
}

fn write(shown: &str) -> String {
    format!("write `{shown}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(written: &str) -> String {
        read(written).unwrap_err().help
    }

    #[test]
    fn numbers_carry_their_unit() {
        assert_eq!(read("42"), Ok(ExprKind::Int(42)));
        assert_eq!(read("0"), Ok(ExprKind::Int(0)));
        assert_eq!(read("2m30s"), Ok(ExprKind::Duration(150_000)));
        assert_eq!(read("500ms"), Ok(ExprKind::Duration(500)));
        assert_eq!(read("30d"), Ok(ExprKind::Duration(30 * 86_400_000)));
        assert_eq!(read("3GiB"), Ok(ExprKind::Size(3 << 30)));
        assert_eq!(read("1.5GiB"), Ok(ExprKind::Size(3 << 29)));
        assert_eq!(read("20%"), Ok(ExprKind::Percent(20)));
    }

    #[test]
    fn what_is_no_number_says_what_to_write() {
        assert_eq!(help("010"), "write `10`");
        assert_eq!(help("007m"), "write `7m`");
        assert_eq!(help("5min"), "write `5m`");
        assert_eq!(help("1.5h"), "write `1h30m`");
        assert_eq!(help("1_000"), "write `1000`");
        assert_eq!(help("2w"), "write `14d`");
        assert!(help("3GB").starts_with("write `3GiB`"));
        assert!(help("5M").starts_with("write `5MiB`"));
        assert_eq!(spaced("5 m"), "5m");
        assert_eq!(spaced("3 minutes"), "3m");
        assert_eq!(spaced("20 %"), "20%");
    }

    #[test]
    fn a_number_that_does_not_fit_is_refused() {
        assert!(read("99999999999999999999").is_err());
        assert!(read("99999999999999999999d").is_err());
        assert!(read("99999999999PiB").is_err());
        assert!(read("30s2m").is_err());
        assert!(read("5m5m").is_err());
    }
}
