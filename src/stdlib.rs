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
