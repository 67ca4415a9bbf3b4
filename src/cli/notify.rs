//! Notifications: `ntfy`, `webhook`, and `mail` through the controller's sendmail.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::check::Channel;

/// How long a server may take to accept a notification.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends one; else why it was not sent.
pub(crate) fn send(channel: &Channel, subject: &str, fields: &[(String, String)]) -> Result<(), String> {
    match channel.kind.as_str() {
        "ntfy" => {
            // ntfy takes the message as the body and the title as a header (docs.ntfy.sh/publish).
            let body = rows(fields);
            post(channel, &[("Title", &one_line(subject))], "text/plain; charset=utf-8", body.as_bytes())
        }
        "webhook" => {
            let rows: serde_json::Map<String, serde_json::Value> =
                fields.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            let body = json!({ "subject": subject, "fields": rows }).to_string();
            post(channel, &[], "application/json", body.as_bytes())
        }
        "mail" => mail(channel, subject, fields),
        other => Err(format!("`{other}` is no kind of channel: write `ntfy`, `webhook` or `mail`")),
    }
}

fn rows(fields: &[(String, String)]) -> String {
    fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

/// A header is one line: what a host printed can not add another.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn post(channel: &Channel, headers: &[(&str, &str)], kind: &str, body: &[u8]) -> Result<(), String> {
    let url = channel.url.as_deref().ok_or("the channel has no `url`")?;
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
    let mut request = agent.post(url).header("Content-Type", kind);
    for (name, value) in headers {
        // A header holds ASCII; RFC 2047 says how other text travels, and ntfy reads it.
        let value = if value.is_ascii() { (*value).to_string() } else { encoded(value) };
        request = request.header(*name, value);
    }
    request.send(body).map(|_| ()).map_err(|error| format!("{url}: {error}"))
}

/// RFC 2047, as `=?UTF-8?Q?…?=`.
fn encoded(text: &str) -> String {
    let letters: String = text
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => (byte as char).to_string(),
            byte => format!("={byte:02X}"),
        })
        .collect();
    format!("=?UTF-8?Q?{letters}?=")
}

fn mail(channel: &Channel, subject: &str, fields: &[(String, String)]) -> Result<(), String> {
    let to = channel.to.as_deref().ok_or("the channel has no `to`")?;
    let subject = one_line(subject);
    let subject = if subject.is_ascii() { subject } else { encoded(&subject) };
    let from = channel.from.as_deref().map_or(String::new(), |from| format!("From: {}\n", one_line(from)));
    let text = format!(
        "{from}To: {}\nSubject: {subject}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{}",
        one_line(to),
        rows(fields)
    );
    let program = sendmail();
    // `-i`: a line with one dot does not end the message. `-t`: the recipients are those of the header.
    let child = Command::new(&program)
        .args(["-i", "-t"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| format!("`{program}` can not be run: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text.as_bytes()).map_err(|error| format!("`{program}` does not read: {error}"))?;
    }
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{program}` failed: {}", said.trim().lines().last().unwrap_or("it said nothing")))
}

/// The controller's sendmail: by the PATH, else where every system has it.
fn sendmail() -> String {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|folder| folder.join("sendmail")).find(|file| file.is_file());
    found.map_or("/usr/sbin/sendmail".to_string(), |file| file.to_string_lossy().into_owned())
}
