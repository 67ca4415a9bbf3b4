//! Plans on a real libvirt: its daemon, its `virsh` over OpenSSH, and guests in QEMU.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

use std::path::Path;
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
    /// A host of libvirt with these guests, in the groups that the workflows name.
    fn new(name: &str, guests: &[GuestPlan]) -> Bed {
        let plan = Plan::new(&format!("{name}-{}", std::process::id())).libvirt("kvm1");
        let site = Site::up(&guests.iter().cloned().fold(plan, Plan::guest)).unwrap();
        let names: String = site.guests().iter().map(|guest| format!("{}: , ", guest.name)).collect();
        let groups = format!("all: {{children: {{ubuntu_vms: {{hosts: {{{names}}}}}, dns_pair: {{}}}}}}\n");
        write(&site.folder.join("inventory/groups.yml"), groups).unwrap();
        write(&site.folder.join("hostler.toml"), "edition = 2026\nlock_host = \"kvm1\"\n").unwrap();
        println!("libvirt with QEMU by {}", site.accelerator());
        Bed(site)
    }

    fn hostler(&self, words: &[&str]) -> Said {
        let mut command = self.0.enter(env!("CARGO_BIN_EXE_hostler"));
        command.args(words).arg("--site").arg(&self.0.folder);
        command.env("HOME", self.0.folder.join("home")).env_remove("XDG_STATE_HOME").env_remove("XDG_RUNTIME_DIR");
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        println!("$ hostler {}\n{text}", words.join(" "));
        Said { text, code: output.status.code() }
    }

    /// One of the workflows, as it stands.
    fn workflow(&self, name: &str) -> String {
        let (file, copy) =
            (Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows").join(name), self.0.folder.join(name));
        std::fs::copy(file, &copy).unwrap();
        copy.display().to_string()
    }

    /// A guest, its state and how often a QEMU was started for it.
    fn is(&self, name: &str, state: &str, starts: usize) {
        let guest = self.0.guest(name).unwrap();
        assert_eq!((guest.status().unwrap().as_str(), guest.starts()), (state, starts));
    }
}

#[test]
fn a_guest_of_libvirt_is_restarted_and_proven_or_left_alone() {
    let bed = Bed::new("on-libvirt", &[GuestPlan::new("web1"), GuestPlan::new("silent").but("noagent")]);
    let (web1, restart) = (bed.0.guest("web1").unwrap(), bed.workflow("restart.plan"));
    web1.agent_answers().unwrap();

    // A cold start, proven by another boot.
    let first = web1.boot_id().unwrap();
    let said = bed.hostler(&["run", &restart, "--target", "web1"]);
    said.code(0).has("on kvm1: virsh -q -c qemu:///system shutdown web1").has("agent answers");
    assert_ne!(web1.boot_id().unwrap(), first);
    bed.is("web1", "running", 2);

    // Without its agent nobody is touched.
    let why = "agent: the guest agent of `silent` does not answer: error: Guest agent is not responding";
    let one = "on hypervisor: virsh shutdown $libvirt_domain; keep off";
    bed.hostler(&["run", "-e", one, "--target", "silent"]).code(1).has(why);
    bed.is("silent", "running", 1);

    // The inventory gives the UUID of another domain.
    let uuid = bed.0.ssh("kvm1", "virsh -q domuuid silent").unwrap();
    let other = bed.0.folder.join("inventory/z.yml");
    write(&other, format!("all: {{hosts: {{web1: {{libvirt_domain: {}}}}}}}\n", uuid.trim())).unwrap();
    let said = bed.hostler(&["run", &restart, "--target", "web1"]);
    said.code(1).has("on `kvm1` is called `silent`, not `web1`");
    std::fs::remove_file(other).unwrap();

    // Its QEMU hangs.
    web1.node.exec("kill -STOP $(cat /run/libvirt/qemu/web1.pid)").unwrap();
    let said = bed.hostler(&["run", &restart, "--target", "web1"]);
    said.code(1).has("the guest agent of `web1` does not answer");
    web1.node.exec("kill -CONT $(cat /run/libvirt/qemu/web1.pid)").unwrap();
    bed.is("web1", "running", 2);
    bed.is("silent", "running", 1);
}

#[test]
fn a_guest_of_libvirt_that_does_not_obey_is_stopped_and_started() {
    let bed = Bed::new("libvirt-rescue", &[GuestPlan::new("stubborn").but("deaf")]);
    let (stubborn, rescue) = (bed.0.guest("stubborn").unwrap(), bed.workflow("rescue.plan"));
    stubborn.agent_answers().unwrap();
    let first = stubborn.boot_id().unwrap();
    let said = bed.hostler(&["run", &rescue, "--target", "stubborn", "--set", "grace=5s"]);
    said.code(0).has("stubborn did not shut down").has("virsh -q -c qemu:///system destroy stubborn");
    assert_ne!(stubborn.boot_id().unwrap(), first);
    bed.is("stubborn", "running", 2);

    // One that is off is started.
    bed.0.ssh("kvm1", "virsh -q destroy stubborn").unwrap();
    stubborn.becomes("stopped", SOON).unwrap();
    bed.hostler(&["run", "-e", "start(guest); await ssh(guest)", "--target", "stubborn"]).code(0);
    bed.is("stubborn", "running", 3);
}
