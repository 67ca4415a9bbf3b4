//! What became of tests, as the XML of JUnit: for build servers.

use super::test::{Tested, failure};

/// A report.
pub(super) fn report(tested: &[Tested]) -> String {
    let mut files: Vec<&str> = Vec::new();
    for test in tested {
        if !files.contains(&test.file.as_str()) {
            files.push(&test.file);
        }
    }
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for file in files {
        let tests: Vec<&Tested> = tested.iter().filter(|test| test.file == file).collect();
        let failed = tests.iter().filter(|test| !test.outcome.unmet.is_empty()).count();
        let time: f64 = tests.iter().map(|test| test.time.as_secs_f64()).sum();
        xml.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" time=\"{time:.3}\">\n",
            escaped(file),
            tests.len()
        ));
        for test in tests {
            let line = test.place.rsplit(':').next().unwrap_or_default();
            xml.push_str(&format!(
                "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{line}\" time=\"{:.3}\"",
                escaped(&test.name),
                escaped(file),
                escaped(file),
                test.time.as_secs_f64()
            ));
            match test.outcome.unmet.first() {
                None => xml.push_str("/>\n"),
                Some(first) => {
                    let message = std::iter::once(&first.text).chain(first.seen.first()).map(String::as_str);
                    let message = message.collect::<Vec<_>>().join(": ");
                    xml.push_str(&format!(
                        ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
                        escaped(&message),
                        escaped(&failure(test, ""))
                    ));
                }
            }
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// A text in XML 1.0, which has no place for most control characters.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}
