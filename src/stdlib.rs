//! The standard library: plan files, embedded in the program.

/// Every module of the standard library: its path after `std.`, and its text.
pub const MODULES: &[(&str, &str)] = &[
    ("prelude", include_str!("../stdlib/prelude.plan")),
    ("proxmox", include_str!("../stdlib/proxmox.plan")),
    ("commands", include_str!("../stdlib/commands.plan")),
    ("apt", include_str!("../stdlib/apt.plan")),
    ("agent", include_str!("../stdlib/agent.plan")),
];

/// The modules whose names and signatures every plan sees without `use`.
pub const ALWAYS: &[&str] = &["prelude", "proxmox", "commands"];

/// The text of a module.
pub fn text(name: &str) -> Option<&'static str> {
    MODULES.iter().find(|(module, _)| *module == name).map(|(_, text)| *text)
}
