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
