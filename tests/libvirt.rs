//! Plans on a real libvirt: its daemon, its `virsh` over OpenSSH, and guests in QEMU.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

use std::path::PathBuf;
use std::time::Duration;

use testbed::programs::write;
use testbed::{GuestPlan, Plan, Site};

const SOON: Duration = Duration::from_secs(60);

/// What a run of the program printed, and its exit code.
struct Said {
    text: String,
    code: Option<i32>,
}

impl Said {
    fn has(&self, text: &str) -> &Said {
        assert!(self.text.contains(text), "no `{text}` in:\n{}", self.text);
        self
    }

    fn code(&self, code: i32) -> &Said {
        assert_eq!(self.code, Some(code), "{}", self.text);
        self
    }
}

struct Bed(Site);

impl Bed {
    /// The groups that the workflows name, and what is said of single guests.
    fn new(plan: &Plan, groups: &str) -> Bed {
        let site = Site::up(plan).unwrap();
        write(&site.folder.join("inventory/groups.yml"), groups).unwrap();
        println!("libvirt with QEMU by {}", site.accelerator());
        Bed(site)
    }

    fn hostler(&self, words: &[&str]) -> Said {
        let inventory = self.0.folder.join("inventory");
        let mut command = self.0.enter(env!("CARGO_BIN_EXE_hostler"));
        command.args(words).arg("-i").arg(inventory).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.env("HOME", self.home()).env_remove("XDG_STATE_HOME").env_remove("XDG_RUNTIME_DIR");
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        println!("$ hostler {}\n{text}", words.join(" "));
        Said { text, code: output.status.code() }
    }

    fn home(&self) -> PathBuf {
        self.0.folder.join("home")
    }
}

#[test]
fn plans_run_on_libvirt_unchanged() {
    let plan = Plan::new("on-libvirt").libvirt("kvm1");
    let plan = plan.guest(GuestPlan::new("web1")).guest(GuestPlan::new("stubborn").but("deaf"));
    let groups = "
all:
  children:
    ubuntu_vms: {hosts: {web1: , stubborn: }}
    dns_pair: {hosts: {web1: , stubborn: }}
";
    let bed = Bed::new(&plan.guest(GuestPlan::new("silent").but("noagent")), groups);
    let guest = |name: &str| bed.0.guest(name).unwrap();
    let (web1, stubborn, silent) = (guest("web1"), guest("stubborn"), guest("silent"));
    web1.agent_answers().unwrap();
    stubborn.agent_answers().unwrap();

    // A cold start, proven by another boot and another process.
    let first = web1.boot_id().unwrap();
    let said = bed.hostler(&["run", "workflows/restart.plan", "--target", "web1"]);
    said.code(0).has("on kvm1: virsh -q -c qemu:///system shutdown web1").has("agent answers");
    assert_ne!(web1.boot_id().unwrap(), first);
    assert_eq!(web1.starts(), 2);

    // Without its agent nobody is touched.
    let why = "agent: the guest agent of `silent` does not answer: error: Guest agent is not responding";
    let one = "on hypervisor: virsh shutdown $libvirt_domain; keep off";
    bed.hostler(&["run", "-e", one, "--target", "silent"]).code(1).has(why);
    assert_eq!((silent.status().unwrap().as_str(), silent.starts()), ("running", 1));

    // Who does not shut down is stopped, and started in any case.
    let said = bed.hostler(&["run", "workflows/rescue.plan", "--target", "stubborn", "--set", "grace=5s"]);
    said.code(0).has("stubborn did not shut down").has("virsh -q -c qemu:///system destroy stubborn");
    assert_eq!((stubborn.status().unwrap().as_str(), stubborn.starts()), ("running", 2));

    // A domain of another name under the UUID of the inventory.
    let uuid = bed.0.ssh("kvm1", "virsh -q domuuid stubborn").unwrap();
    let other = format!("all: {{hosts: {{web1: {{libvirt_domain: {}}}}}}}\n", uuid.trim());
    write(&bed.0.folder.join("inventory/z.yml"), other).unwrap();
    let said = bed.hostler(&["run", "workflows/restart.plan", "--target", "web1"]);
    said.code(1).has("`kvm1` is called `stubborn`");
    std::fs::remove_file(bed.0.folder.join("inventory/z.yml")).unwrap();
    assert_eq!((web1.starts(), stubborn.starts()), (2, 2));

    // One that is off, and one whose QEMU hangs.
    bed.0.ssh("kvm1", "virsh -q destroy stubborn").unwrap();
    stubborn.becomes("stopped", SOON).unwrap();
    bed.hostler(&["run", "-e", "start(guest); await ssh(guest)", "--target", "stubborn"]).code(0);
    assert_eq!(stubborn.starts(), 3);
    web1.node.exec("kill -STOP $(cat /run/libvirt/qemu/web1.pid)").unwrap();
    let said = bed.hostler(&["run", "workflows/restart.plan", "--target", "web1"]);
    said.code(1).has("the guest agent of `web1` does not answer");
    web1.node.exec("kill -CONT $(cat /run/libvirt/qemu/web1.pid)").unwrap();
    assert_eq!((web1.status().unwrap().as_str(), web1.starts()), ("running", 2));
}
