//! The standard library: plan files, embedded in the program.

/// Every module of the standard library: its path after `std.`, and its text.
pub const MODULES: &[(&str, &str)] = &[
    ("prelude", include_str!("../stdlib/prelude.plan")),
    ("proxmox", include_str!("../stdlib/proxmox.plan")),
    ("proxmox_ct", include_str!("../stdlib/proxmox_ct.plan")),
    ("libvirt", include_str!("../stdlib/libvirt.plan")),
    ("commands", include_str!("../stdlib/commands.plan")),
    ("agent", include_str!("../stdlib/agent.plan")),
    ("apt", include_str!("../stdlib/apt.plan")),
    ("systemd", include_str!("../stdlib/systemd.plan")),
];

/// The modules whose names and signatures every plan sees without `use`: the prelude first, then those with signatures
/// and drivers.
pub const ALWAYS: &[&str] = &["prelude", "proxmox", "proxmox_ct", "libvirt", "commands"];

/// The text of a module.
pub fn text(name: &str) -> Option<&'static str> {
    MODULES.iter().find(|(module, _)| *module == name).map(|(_, text)| *text)
}

/// A part of a module's text.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Where it begins in the module, in bytes.
    pub at: usize,
    /// The text.
    pub text: &'static str,
    /// The commands that it declares; then it declares nothing else.
    pub commands: Vec<&'static str>,
}

/// Cuts a module into its declarations of commands and what stands between them, so that the many signatures that a
/// plan does not need are not read for it. The pieces together are the text.
///
/// In the files of `stdlib/` a declaration of a command begins a line with `command` and the names, and ends with a line
/// that is `}`; a test compares the pieces with the whole.
pub fn pieces(module: &'static str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    let mut commands = Vec::new();
    for line in module.split_inclusive('\n') {
        let end = at + line.len();
        if let Some(head) = line.strip_prefix("command ") {
            pieces.push(Piece { at: start, text: &module[start..at], commands: Vec::new() });
            start = at;
            let names = head.split([',', ' ']).filter(|name| !name.is_empty());
            commands = names.take_while(|name| !matches!(*name, "on" | "as" | "{")).collect();
        } else if line.trim_end() == "}" && !commands.is_empty() {
            pieces.push(Piece { at: start, text: &module[start..end], commands: std::mem::take(&mut commands) });
            start = end;
        }
        at = end;
    }
    pieces.push(Piece { at: start, text: &module[start..], commands });
    pieces.retain(|piece| !piece.text.trim().is_empty());
    pieces
}

/// The driver that a piece is, with the variable that identifies its guests; nothing where a piece holds anything else.
///
/// In the files of `stdlib/` a driver's `identity` stands in a line of its own.
pub fn lone_driver(piece: &str) -> Option<(&str, &str)> {
    let mut lines = piece.lines().skip_while(|line| line.is_empty() || line.starts_with('#'));
    let name = lines.next()?.strip_prefix("driver ")?.strip_suffix(" {")?;
    if piece.trim_end().find("\n}") != Some(piece.trim_end().len() - 2) {
        return None;
    }
    let identity = lines.find_map(|line| line.strip_prefix("  identity "))?;
    Some((name, identity.split(':').next()?))
}

/// Of a command's declaration the head, what holds for all its forms, and the forms whose subcommand begins with `word`;
/// nothing where no form does. `qm` has a hundred lines of forms, and a plan uses two or three of them.
pub fn with_subcommand(declaration: &str, word: &str) -> Option<String> {
    let mut part = String::new();
    let mut found = false;
    let mut rest = declaration;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(whole_line(rest));
        rest = after;
        let first = line.split_whitespace().next().unwrap_or("");
        // Options, outcomes (`locked when stderr has "…"`) and forms that begin with a slot belong to every subcommand.
        let is_word =
            first.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-') && !matches!(first, "--" | "->");
        if line.starts_with(' ') && line.contains("-> ") && is_word {
            if first != word {
                continue;
            }
            found = true;
        }
        if !first.starts_with('#') {
            part.push_str(line);
        }
    }
    found.then_some(part)
}

/// How long the first line of a text is, with those on which it goes on.
fn whole_line(text: &str) -> usize {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        if !line.trim_end().ends_with('\\') {
            break;
        }
    }
    end
}
