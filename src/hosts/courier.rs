//! The courier as the controller sees it: its program, and requests as lines.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::request::{Claim, Operation, Request, Watch};

/// The host's side of the protocol; see the comments there.
const COURIER: [&str; 2] = [include_str!("words.sh"), include_str!("courier.sh")];

/// What it needs besides for operations and claims.
const OPERATION: [&str; 4] =
    [include_str!("spool.sh"), include_str!("operation.sh"), include_str!("claim.sh"), include_str!("watch.sh")];

/// The detached process of one operation.
const RUNNER: [&str; 3] = [include_str!("words.sh"), include_str!("spool.sh"), include_str!("runner.sh")];

/// The detached process that looks after a guest which was switched off.
const WATCHER: [&str; 3] = [include_str!("words.sh"), include_str!("spool.sh"), include_str!("watcher.sh")];

/// What the first line of the program begins with. The bootstrap evaluates nothing else: a login file that reads
/// its input and so swallows the program must not make a later line, which holds values, into code.
const MAGIC: &str = "#hostler ";

/// The fixed bootstrap: reads the program's one line and becomes it. It holds no single quote, backslash, newline
/// or `!`, so that it passes through any login shell (csh and fish among them) between single quotes.
pub(super) const BOOT: &str = "IFS= read -r p;case $p in \"#hostler \"*)eval \"$(printf %b \"$p\")\";;\
                               *)echo \"hostler: the login swallowed the program\" >&2;exit 97;;esac";

/// The exit status of the bootstrap when its first line is not the program.
pub(super) const SWALLOWED: i32 = 97;

/// The longest standard input that a request carries, in bytes. It travels through a shell's `read`, byte by byte.
const LONGEST_STDIN: usize = 16 << 20;

/// The longest field, as it travels, that comes back in the head of a frame.
const LONGEST_NAME: usize = 1000;

/// The names of variables that mean something to the shell which sets them, so that it could not set them for the
/// command alone.
const SHELLS_OWN: [&str; 12] = [
    "IFS",
    "OPTIND",
    "OPTARG",
    "LINENO",
    "PPID",
    "UID",
    "EUID",
    "GROUPS",
    "SHELLOPTS",
    "BASHOPTS",
    "POSIXLY_CORRECT",
    "_",
];

/// Code that tests put at the points which the programs name (`#point NAME`); nothing else does.
pub(super) type Points = [(String, String)];

/// The courier's program as the one line that [`BOOT`] takes, `nonce` set in front.
pub(super) fn program(nonce: &str, points: &Points) -> Vec<u8> {
    let mut line = format!("{MAGIC}1\\nN={nonce}\\n");
    escape(&mut line, &code(&COURIER, points));
    line.push('\n');
    line.into_bytes()
}

/// The line that gives a courier what operations and claims take.
pub(super) fn operation_program(points: &Points) -> Vec<u8> {
    let quoted = |text: String| text.trim_end().replace('\'', "'\\''");
    let (runner, watcher) = (quoted(code(&RUNNER, points)), quoted(watcher_program(points)));
    let text = code(&OPERATION, points).replacen("#runner\n", &format!("R='\n{runner}\n'\n"), 1).replacen(
        "#watcher\n",
        &format!("W='{watcher}'\n"),
        1,
    );
    let mut line = "p ".to_string();
    escape(&mut line, &text);
    line.push('\n');
    line.into_bytes()
}

/// The program of a watcher, as it stands in the spool.
fn watcher_program(points: &Points) -> String {
    format!("# The watcher of hostler, which starts guests that were left off.\n{}", code(&WATCHER, points))
}

/// The lines of these files without their comments.
fn code(files: &[&str], points: &Points) -> String {
    let mut text = String::new();
    for line in files.iter().flat_map(|file| file.lines()).map(str::trim) {
        let point = line.strip_prefix("#point ").and_then(|name| points.iter().find(|point| point.0 == name));
        match point {
            Some((_, inserted)) => text.push_str(inserted),
            None if matches!(line, "#runner" | "#watcher") => text.push_str(line),
            None if line.is_empty() || line.starts_with('#') => continue,
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// `printf %b` gives the text back; the result is one line.
fn escape(line: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            other => line.push(other),
        }
    }
}

/// Why a request can not be sent at all, as a sentence; nothing when it can.
pub(super) fn objection(request: &Request) -> Option<String> {
    if request.argv.first().is_none_or(String::is_empty) {
        return Some("The command has no name.".to_string());
    }
    if request.argv.iter().any(|word| word.contains('\0')) {
        return Some("A word of the command holds a NUL character, which no program can be given.".to_string());
    }
    for (name, value) in &request.env {
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if name.is_empty() || !plain || name.as_bytes()[0].is_ascii_digit() {
            return Some(format!("`{}` is no name for an environment variable.", name.escape_debug()));
        }
        if SHELLS_OWN.contains(&name.as_str()) || name.starts_with("BASH_") {
            return Some(format!("The environment variable `{name}` belongs to the shell and can not be set."));
        }
        if value.contains('\0') {
            return Some(format!("The value of `{name}` holds a NUL character, which no variable can hold."));
        }
    }
    if request.operation.as_ref().is_some_and(|operation| !is_id(&operation.id)) {
        return Some("The operation's id is not one: 16 to 64 hexadecimal digits.".to_string());
    }
    if request.stdin.len() > LONGEST_STDIN {
        return Some(format!("Its standard input is longer than {} MiB.", LONGEST_STDIN >> 20));
    }
    None
}

/// A reading command as the courier's line. Every value is one field of printable ASCII.
pub(super) fn line(id: u64, request: &Request) -> Vec<u8> {
    let mut line = format!("r {id}").into_bytes();
    command(&mut line, request);
    line
}

/// An operation as the courier's line; it must not be started when `latest` milliseconds have passed.
pub(super) fn operation_line(id: u64, request: &Request, operation: &Operation, latest: u128) -> Vec<u8> {
    let Operation { subject, token, own_power, watch, .. } = operation;
    let (key, own, watch) = (key(subject), u8::from(*own_power), watch.as_deref().unwrap_or("-"));
    let digest = digest(request, operation);
    let mut line = format!("o {id} {} {digest} {key} {token}", operation.id).into_bytes();
    encoded(&mut line, &operation.run);
    line.extend_from_slice(format!(" {latest} {own} {watch}").as_bytes());
    encoded(&mut line, &operation.who);
    command(&mut line, request);
    line
}

/// Standard input, words and environment, which end a line.
fn command(line: &mut Vec<u8>, request: &Request) {
    line.extend_from_slice(b" %");
    encode(line, &request.stdin);
    line.extend_from_slice(format!(" {}", request.argv.len()).as_bytes());
    for word in &request.argv {
        field(line, word.as_bytes());
    }
    for (name, value) in &request.env {
        line.push(b' ');
        line.extend_from_slice(name.as_bytes());
        field(line, value.as_bytes());
    }
    line.push(b'\n');
}

/// What tells one request from another under the same id. It is keyed, since it stands on the host's disk and what it
/// covers may be secret.
fn digest(request: &Request, operation: &Operation) -> String {
    let mut hmac = keyed(&operation.key);
    let mut part = |bytes: &[u8]| {
        hmac.update(&(bytes.len() as u64).to_be_bytes());
        hmac.update(bytes);
    };
    part(operation.subject.as_bytes());
    part(&[u8::from(operation.own_power)]);
    part(&request.stdin);
    part(&(request.argv.len() as u64).to_be_bytes());
    request.argv.iter().for_each(|word| part(word.as_bytes()));
    for (name, value) in &request.env {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    hex(&hmac.finalize().into_bytes()[..16])
}

/// A digest that says nothing to whoever has not its key.
pub(crate) fn keyed(key: &str) -> Hmac<Sha256> {
    // Keys of any length are taken.
    Hmac::new_from_slice(key.as_bytes()).unwrap_or_else(|_| Hmac::new(&[0; 64].into()))
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The name of a subject's folder: the name itself where it can be a file's, and never two subjects' the same.
fn key(subject: &str) -> String {
    let mut key = String::new();
    for byte in subject.bytes() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') && !key.is_empty();
        if plain { key.push(char::from(byte)) } else { key.push_str(&format!("={byte:02x}")) }
    }
    match key.len() {
        0 => "=".to_string(),
        1..=200 => key,
        _ => format!("=={}", hex(&Sha256::digest(subject.as_bytes()))),
    }
}

fn is_id(text: &str) -> bool {
    (16..=64).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The line that waits for an operation's end and starts nothing.
pub(super) fn attach_line(id: u64, operation: &str) -> Vec<u8> {
    format!("w {id} {operation}\n").into_bytes()
}

/// The line that asks what became of an operation by now.
pub(super) fn status_line(id: u64, operation: &str) -> Vec<u8> {
    format!("s {id} {operation}\n").into_bytes()
}

/// The line that closes an operation's gate.
pub(super) fn cancel_line(id: u64, operation: &str) -> Vec<u8> {
    format!("x {id} {operation}\n").into_bytes()
}

/// The line that says that an operation's result is known and kept elsewhere.
pub(super) fn fetched_line(operation: &str) -> Vec<u8> {
    format!("f {operation}\n").into_bytes()
}

/// A line about the claim on a subject: `claim`, `renew` or `release`.
pub(super) fn claim_line(id: u64, verb: &str, claim: &Claim, token: u64) -> Vec<u8> {
    let mut line = format!("q {id} {verb} {}", key(&claim.subject)).into_bytes();
    encoded(&mut line, &claim.run);
    encoded(&mut line, &claim.holder);
    line.extend_from_slice(format!(" {} {token}\n", claim.lease.as_millis()).as_bytes());
    line
}

/// The line that has a guest watched over.
pub(super) fn watch_line(id: u64, watch: &Watch) -> Vec<u8> {
    let (key, bound) = (key(&watch.subject), watch.bound.as_millis());
    let mut line = format!("v {id} watch {key} {} {bound}", watch.id).into_bytes();
    encoded(&mut line, &watch.who);
    for text in [&watch.identity, &watch.look, &watch.wake] {
        line.extend_from_slice(b" %");
        encode(&mut line, text.as_bytes());
    }
    line.push(b'\n');
    line
}

/// The line that ends a watch.
pub(super) fn unwatch_line(id: u64, watch: &Watch) -> Vec<u8> {
    format!("v {id} unwatch {} {}\n", key(&watch.subject), watch.id).into_bytes()
}

/// The line by which nobody acts on a guest for so long; by no time at all that is over.
pub(super) fn hold_line(id: u64, subject: &str, long: Duration, who: &str) -> Vec<u8> {
    let mut line = format!("v {id} hold {} {}", key(subject), long.as_millis()).into_bytes();
    encoded(&mut line, who);
    line.push(b'\n');
    line
}

/// The line that takes everything of ours off a host.
pub(super) fn remove_line(id: u64) -> Vec<u8> {
    format!("v {id} remove\n").into_bytes()
}

/// The line that ends a reading command.
pub(super) fn kill_line(id: u64) -> Vec<u8> {
    format!("k {id}\n").into_bytes()
}

/// The line that removes the files of requests which are over.
pub(super) fn done_line(ids: &[u64]) -> Vec<u8> {
    let mut line = "d".to_string();
    for id in ids {
        line.push(' ');
        line.push_str(&id.to_string());
    }
    line.push('\n');
    line.into_bytes()
}

/// The line that says the controller is alive.
pub(super) const BEAT: &[u8] = b"h\n";

fn field(line: &mut Vec<u8>, value: &[u8]) {
    line.push(b' ');
    let as_it_is = !value.is_empty() && value[0] != b'%' && value.iter().copied().all(is_plain);
    if as_it_is {
        line.extend_from_slice(value);
    } else {
        line.push(b'%');
        encode(line, value);
    }
}

/// A field that nobody on the host reads: it comes back as it is, or its beginning does.
fn encoded(line: &mut Vec<u8>, text: &str) {
    line.extend_from_slice(b" %");
    let start = line.len();
    let mut buffer = [0; 4];
    for c in text.chars() {
        if line.len() - start > LONGEST_NAME {
            return;
        }
        encode(line, c.encode_utf8(&mut buffer).as_bytes());
    }
}

/// What [`encoded`] made, as text again.
pub(super) fn decoded(field: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = field.strip_prefix('%').unwrap_or(field).as_bytes();
    while let Some((&first, more)) = rest.split_first() {
        match (first, more) {
            (b'\\', [b'0', digits @ ..]) if digits.len() >= 3 => {
                let value =
                    digits[..3].iter().fold(0u32, |sum, digit| sum * 8 + u32::from(digit.wrapping_sub(b'0') & 7));
                bytes.push(value as u8);
                rest = &digits[3..];
            }
            _ => {
                bytes.push(first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `printf %b` gives exactly these bytes back.
fn encode(line: &mut Vec<u8>, value: &[u8]) {
    for &byte in value {
        if is_plain(byte) {
            line.push(byte);
        } else {
            line.extend_from_slice(&[b'\\', b'0', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)]);
        }
    }
}

/// Printable ASCII that is neither the separator of fields nor the escape.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bootstrap_passes_through_any_login_shell() {
        assert!(!BOOT.contains(['\'', '\\', '\n', '!']));
    }

    #[test]
    fn the_program_is_one_line_without_comments() {
        for (program, start) in [(program("abc", &[]), "#hostler 1\\nN=abc\\n"), (operation_program(&[]), "p ")] {
            let program = String::from_utf8(program).unwrap();
            assert_eq!(program.find('\n'), Some(program.len() - 1));
            assert!(program.starts_with(start));
            assert!(!program.contains("It must run in dash") && !program.contains("#point"));
            assert!(program.is_ascii());
        }
    }

    #[test]
    fn nothing_on_a_host_is_decided_by_the_time_of_day() {
        let words = COURIER.iter().chain(&OPERATION).chain(&RUNNER).flat_map(|file| file.lines());
        let code = words.map(str::trim).filter(|line| !line.starts_with('#'));
        // It decides nothing: a list of tasks, which has no other time, is asked for what was lost.
        let told = "lost) answer lost \"$(date -r \"$o/started\" +%s)\" ;;";
        let code: Vec<&str> = code.filter(|line| *line != told).collect();
        for clock in ["date", "-nt", "-ot", "-mmin", "-mtime", "-newer", "touch"] {
            assert!(!code.iter().any(|line| line.split([' ', '(', ')', ';']).any(|word| word == clock)), "{clock}");
        }
    }

    #[test]
    fn fields_that_come_back_are_what_was_sent() {
        for text in ["", "plan/web/1", "a b\\0101 ü\n%", "%"] {
            let mut line = Vec::new();
            encoded(&mut line, text);
            assert_eq!(decoded(std::str::from_utf8(&line[1..]).unwrap()), text);
        }
    }

    #[test]
    fn a_subjects_folder_is_its_own_and_stays_where_it_belongs() {
        let long = "x".repeat(300);
        let subjects = ["web1", "a b", "a=20b", "..", "../x", "", "-x", ".x", "ü", &long];
        let keys: std::collections::BTreeSet<String> = subjects.iter().map(|subject| key(subject)).collect();
        assert_eq!(keys.len(), subjects.len());
        assert!(keys.iter().all(|key| !key.contains(['/', ' ']) && !key.starts_with(['.', '-']) && key.len() < 250));
        assert!(keys.contains("web1"));
    }

    #[test]
    fn a_line_carries_no_value_as_it_is_unless_it_is_plain() {
        let request = Request {
            host: "pbs".into(),
            user: None,
            argv: vec!["echo".into(), "a b".into(), "".into(), "%x".into(), "ü\\".into()],
            env: vec![("A".into(), "1\n".into())],
            stdin: b"\0x".to_vec(),
            within: std::time::Duration::from_secs(1),
            operation: None,
        };
        assert_eq!(
            String::from_utf8(line(7, &request)).unwrap(),
            "r 7 %\\0000x 5 echo %a\\0040b % %%x %\\0303\\0274\\0134 A %1\\0012\n"
        );
    }
}
