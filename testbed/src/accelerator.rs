//! Who carries out the guests' instructions: KVM where a real boot proves that it does, else QEMU's own translator.
//!
//! That `/dev/kvm` can be opened proves nothing: on some virtual hosts QEMU aborts with it, or the guest crawls.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::image::Image;

/// How long the boot that proves KVM may take; a working one is over in two seconds.
const PROOF: Duration = Duration::from_secs(15);

/// Who carries out a guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Accelerator {
    /// The processor itself.
    Kvm,
    /// QEMU's translator, which runs everywhere.
    Tcg,
}

impl Accelerator {
    /// `kvm` or `tcg`.
    pub fn name(self) -> &'static str {
        match self {
            Accelerator::Kvm => "kvm",
            Accelerator::Tcg => "tcg",
        }
    }

    pub(crate) fn words(self, large: bool) -> &'static [&'static str] {
        match self {
            Accelerator::Kvm => &["-accel", "kvm", "-cpu", "host"],
            Accelerator::Tcg if large => &["-accel", "tcg,tb-size=256", "-cpu", "max"],
            // A cache that is larger than a guest of this size needs only costs memory.
            Accelerator::Tcg => &["-accel", "tcg,tb-size=32", "-cpu", "max"],
        }
    }
}

/// Boots the guest's kernel with KVM, to its power-off. The answer is kept with the image, until the machine boots again.
pub fn accelerator(program: &[String], firmware: &[std::path::PathBuf], image: &Image) -> Accelerator {
    if !Path::new("/dev/kvm").exists() {
        return Accelerator::Tcg;
    }
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let kept = image.folder.join("accelerator");
    let known = std::fs::read_to_string(&kept).unwrap_or_default();
    if let Some(name) = known.strip_prefix(boot.trim()) {
        return if name.trim() == "kvm" { Accelerator::Kvm } else { Accelerator::Tcg };
    }
    let found = if boots(program, firmware, image) { Accelerator::Kvm } else { Accelerator::Tcg };
    let _ = std::fs::write(&kept, format!("{} {}", boot.trim(), found.name()));
    found
}

fn boots(program: &[String], firmware: &[std::path::PathBuf], image: &Image) -> bool {
    let console = image.folder.join("proof");
    let Some((first, rest)) = program.split_first() else { return false };
    let mut qemu = Command::new(first);
    qemu.args(rest).args(["-nodefaults", "-no-user-config", "-machine", "q35", "-m", "128", "-display", "none"]);
    qemu.args(Accelerator::Kvm.words(false)).arg("-no-reboot");
    for folder in firmware {
        qemu.arg("-L").arg(folder);
    }
    qemu.arg("-kernel").arg(&image.kernel).arg("-initrd").arg(&image.initrd);
    qemu.args(["-append", "console=ttyS0 panic=-1 reboot=t rdinit=/bin/poweroff"]);
    qemu.arg("-serial").arg(format!("file:{}", console.display()));
    let Ok(mut child) = qemu.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
        return false;
    };
    let deadline = Instant::now() + PROOF;
    let started = || std::fs::read_to_string(&console).is_ok_and(|text| text.contains("Linux version"));
    // A first program that ends makes the kernel panic and, by its command line, reset at once: QEMU ends.
    while Instant::now() < deadline {
        if let Ok(Some(_)) = child.try_wait() {
            return started();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}
