//! The courier as the controller sees it: its program, and requests as lines.

use super::request::Request;

/// The host's side of the protocol; see the comments there.
const SOURCE: &str = include_str!("courier.sh");

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

/// The courier's program as the one line that [`BOOT`] takes, `nonce` set in front.
pub(super) fn program(nonce: &str) -> Vec<u8> {
    let mut line = format!("{MAGIC}1\\nN={nonce}\\n").into_bytes();
    for code in SOURCE.lines().map(str::trim).filter(|code| !code.is_empty() && !code.starts_with('#')) {
        for byte in code.bytes() {
            match byte {
                b'\\' => line.extend_from_slice(b"\\\\"),
                other => line.push(other),
            }
        }
        line.extend_from_slice(b"\\n");
    }
    line.push(b'\n');
    line
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
    if request.stdin.len() > LONGEST_STDIN {
        return Some(format!("Its standard input is longer than {} MiB.", LONGEST_STDIN >> 20));
    }
    None
}

/// A request as the courier's line. Every value is one field of printable ASCII.
pub(super) fn line(id: u64, request: &Request) -> Vec<u8> {
    let kind = if request.reading { 'r' } else { 'c' };
    let mut line = format!("{kind} {id} %").into_bytes();
    encode(&mut line, &request.stdin);
    line.extend_from_slice(format!(" {}", request.argv.len()).as_bytes());
    for word in &request.argv {
        field(&mut line, word.as_bytes());
    }
    for (name, value) in &request.env {
        line.push(b' ');
        line.extend_from_slice(name.as_bytes());
        field(&mut line, value.as_bytes());
    }
    line.push(b'\n');
    line
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
        let program = String::from_utf8(program("abc")).unwrap();
        assert_eq!(program.find('\n'), Some(program.len() - 1));
        assert!(program.starts_with("#hostler 1\\nN=abc\\n"));
        assert!(!program.contains("It must run in dash"));
        assert!(program.is_ascii());
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
            reading: true,
        };
        assert_eq!(
            String::from_utf8(line(7, &request)).unwrap(),
            "r 7 %\\0000x 5 echo %a\\0040b % %%x %\\0303\\0274\\0134 A %1\\0012\n"
        );
    }
}
