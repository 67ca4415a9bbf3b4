//! The library's scripts, run by the shells that hosts have (dash, and busybox with its own tools) against a folder
//! that looks like a host's root.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can not go on should stop")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Folders that are the host's, not the tools' of this machine.
const HOST: [&str; 6] = ["/etc/", "/run/", "/proc/", "/boot/", "/var/", "/dev/virtio-ports/"];

/// The text between `'''` that begins with `# name`, without its common indentation.
fn script(file: &str, name: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    if file.ends_with(".sh") {
        return text;
    }
    let found =
        text.split("'''").skip(1).step_by(2).find(|script| script.trim_start().starts_with(&format!("# {name}\n")));
    let found = found.unwrap_or_else(|| panic!("no script `{name}` in {file}"));
    let lines = found.lines().skip(1);
    let indent = lines.clone().filter(|line| !line.trim().is_empty()).map(|line| line.len() - line.trim_start().len());
    let indent = indent.min().unwrap();
    lines.map(|line| line.get(indent..).unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// A folder that looks like a host's root.
struct Root {
    path: PathBuf,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Root {
    fn new() -> Root {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("scripts-{}-{number}", std::process::id()));
        fs::create_dir_all(path.join("bin")).unwrap();
        Root { path }
    }

    fn file(&self, path: &str, text: &str) -> &Root {
        let path = self.path.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn folder(&self, path: &str) -> &Root {
        fs::create_dir_all(self.path.join(path)).unwrap();
        self
    }

    /// A command of the host.
    fn command(&self, name: &str, body: &str) -> &Root {
        self.file(&format!("bin/{name}"), &format!("#!/bin/sh\n{body}\n"));
        fs::set_permissions(self.path.join("bin").join(name), fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.path.join(path)).ok()
    }

    /// What the script prints by dash; by busybox it must print the same. Paths are those of a host.
    fn run(&self, file: &str, name: &str, arguments: &[&str]) -> String {
        // A script that changes something is run by the second shell on what the first left; `Root` is made anew then.
        let dash = self.run_by("dash", file, name, arguments);
        let busybox = self.run_by("busybox", file, name, arguments);
        assert_eq!(dash, busybox, "{name}: dash, and busybox");
        dash
    }

    fn run_by(&self, shell: &str, file: &str, name: &str, arguments: &[&str]) -> String {
        let root = self.path.display().to_string();
        let mut text = script(file, name);
        for folder in HOST {
            text = text.replace(folder, &format!("{root}{folder}"));
        }
        let (program, first) = if shell == "dash" { (which("dash"), None) } else { (which("busybox"), Some("sh")) };
        let tools = if shell == "dash" { "/usr/bin:/bin".to_string() } else { busybox_tools() };
        let output = Command::new(program)
            .args(first)
            .args(["-c", &text, "sh"])
            .args(arguments)
            .env_clear()
            .env("PATH", format!("{root}/bin:{tools}"))
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{shell}: {name}: {}\n{out}{err}", output.status);
        assert_eq!(err, "", "{shell}: {name}");
        out.replace(&root, "")
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Where a program is.
fn which(program: &str) -> PathBuf {
    let places = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(program));
    places.into_iter().find(|path| path.exists()).unwrap_or_else(|| panic!("this test needs {program}"))
}

/// A folder in which every tool is busybox's own.
fn busybox_tools() -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("busybox-tools");
    if !folder.exists() {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let making = folder.with_extension(format!("{}-{number}", std::process::id()));
        fs::create_dir_all(&making).unwrap();
        let list = Command::new(which("busybox")).arg("--list").output().unwrap();
        for tool in String::from_utf8(list.stdout).unwrap().lines() {
            symlink(which("busybox"), making.join(tool)).unwrap();
        }
        // Several tests may do so at once: the first wins.
        if fs::rename(&making, &folder).is_err() {
            fs::remove_dir_all(&making).unwrap();
        }
    }
    folder.display().to_string()
}

const PROXMOX: &str = "stdlib/proxmox.plan";
const CONTAINER: &str = "stdlib/proxmox_ct.plan";
const LIBVIRT: &str = "stdlib/libvirt.plan";
const PRELUDE: &str = "stdlib/prelude.plan";
const APT: &str = "stdlib/apt.plan";
const AGENT: &str = "stdlib/agent.plan";

/// `/proc/PID/stat` of a process: its name may hold anything, and field 22 is when it began.
fn stat(pid: u32, state: &str) -> String {
    let rest: Vec<String> =
        (4..=30).map(|field| if field == 22 { "4711".to_string() } else { field.to_string() }).collect();
    format!("{pid} (kvm (web) 1) {state} {}\n", rest.join(" "))
}

const CONF: &str = "agent: 1
boot: order=scsi0
memory: 2048
name: web1
smbios1: uuid=1929e1a5-e35d-435a-bc9d-04e3fa31226b,manufacturer=UUVNVQ==

[before]
name: other
lock: snapshot
template: 1
";

#[test]
fn a_virtual_machine_is_looked_at() {
    let root = Root::new();
    root.file("etc/pve/qemu-server/101.conf", CONF)
        .file("run/qemu-server/101.pid", "2235\n")
        .file("proc/2235/stat", &stat(2235, "S"));
    assert_eq!(
        root.run(PROXMOX, "look", &["101"]),
        "found=yes\nkind=vm\nuuid=1929e1a5-e35d-435a-bc9d-04e3fa31226b\nname=web1\npower=running\nprocess=2235:4711\n"
    );
    // A pid file is left behind where QEMU was killed; a zombie has ended.
    root.file("proc/2235/stat", &stat(2235, "Z"));
    assert!(root.run(PROXMOX, "look", &["101"]).ends_with("power=stopped\n"));
    fs::remove_dir_all(root.path.join("proc")).unwrap();
    assert!(root.run(PROXMOX, "look", &["101"]).ends_with("power=stopped\n"));
}

#[test]
fn locks_templates_and_the_cluster_are_seen() {
    let root = Root::new();
    root.file("etc/pve/qemu-server/101.conf", "lock: backup\ntemplate: 1\nmemory: 512");
    root.file(
        "etc/pve/ha/resources.cfg",
        "vm: 100\n\tstate stopped\n\nvm: 101\n\tgroup all\n\tmax_restart 2\n\nct: 102\n\tstate ignored\n\nvm: 103\n\tstate disabled\n",
    );
    assert_eq!(
        root.run(PROXMOX, "look", &["101"]),
        "found=yes\nkind=vm\nlock=backup\ntemplate=yes\nname=VM 101\nha=started\npower=stopped\n"
    );
    for (id, state) in [("100", "stopped"), ("101", "started"), ("102", "none"), ("103", "disabled"), ("104", "none")] {
        assert_eq!(root.run(PROXMOX, "ha_state", &[id]), format!("{state}\n"), "{id}");
    }
}

#[test]
fn a_guest_is_woken_by_whoever_keeps_it() {
    let root = Root::new();
    root.file(
        "etc/pve/ha/resources.cfg",
        "vm: 100\n\tstate stopped\n\nvm: 101\n\tgroup all\n\nct: 102\n\tstate ignored\n",
    );
    for program in ["qm", "ha-manager"] {
        root.command(program, &format!("echo {program} \"$@\""));
    }
    for (id, line) in [
        ("100", "ha-manager set vm:100 --state started\n"),
        ("101", "ha-manager set vm:101 --state started\n"),
        ("102", "qm start 102\n"),
        ("103", "qm start 103\n"),
    ] {
        assert_eq!(root.run(PROXMOX, "wake", &[id]), line);
    }
}

#[test]
fn a_guest_that_is_not_here_says_where_it_is_and_what() {
    let root = Root::new();
    root.folder("etc/pve/qemu-server").folder("etc/pve/lxc");
    assert_eq!(root.run(PROXMOX, "look", &["101"]), "found=no\n");
    root.file("etc/pve/nodes/pve2/qemu-server/101.conf", "");
    assert_eq!(root.run(PROXMOX, "look", &["101"]), "found=no\nnode=pve2\n");
    root.file("etc/pve/lxc/120.conf", "");
    assert_eq!(root.run(PROXMOX, "look", &["120"]), "found=no\nkind=container\n");
}

#[test]
fn a_virtual_machine_that_is_given_as_a_container_is_told_apart() {
    let root = Root::new();
    root.folder("etc/pve/lxc").file("etc/pve/qemu-server/101.conf", "name: web\n");
    assert_eq!(root.run(CONTAINER, "look", &["101"]), "found=no\nkind=vm\n");
    root.file("etc/pve/nodes/pve2/qemu-server/102.conf", "name: web2\n");
    assert_eq!(root.run(CONTAINER, "look", &["102"]), "found=no\nkind=vm\n");
}

#[test]
fn a_look_shows_that_nothing_can_be_started() {
    let root = Root::new();
    root.file("etc/pve/qemu-server/101.conf", CONF).file("etc/pve/lxc/120.conf", "hostname: files\n");
    for (members, shown) in [
        ("{\n\"nodename\": \"pve\",\n\"version\": 0\n}\n", false),
        ("\"cluster\": { \"name\": \"c\", \"version\": 2, \"nodes\": 2, \"quorate\": 1 },\n", false),
        ("\"cluster\": { \"name\": \"c\", \"version\": 2, \"nodes\": 2, \"quorate\": 0 },\n", true),
    ] {
        root.file("etc/pve/.members", members);
        assert_eq!(root.run(PROXMOX, "look", &["101"]).contains("\nquorum=no\n"), shown, "{members}");
        assert_eq!(root.run(CONTAINER, "look", &["120"]).contains("\nquorum=no\n"), shown, "{members}");
    }
}

#[test]
fn a_cluster_says_whether_it_has_quorum() {
    let members =
        |quorate: &str| format!("{{\n\"nodename\": \"pve\",\n\"version\": 6,\n{quorate}\"nodelist\": {{}}\n}}\n");
    let root = Root::new();
    for (file, name) in [(PROXMOX, "quorum"), (CONTAINER, "quorum_ct")] {
        root.file("etc/pve/.members", &members(""));
        assert_eq!(root.run(file, name, &[]), "quorum=yes\n", "a host that is in no cluster");
        root.file("etc/pve/.members", &members("\"cluster\": { \"name\": \"c\", \"nodes\": 3, \"quorate\": 1 },\n"));
        assert_eq!(root.run(file, name, &[]), "quorum=yes\n");
        root.file("etc/pve/.members", &members("\"cluster\": { \"name\": \"c\", \"nodes\": 3, \"quorate\": 0 },\n"));
        assert_eq!(root.run(file, name, &[]), "quorum=no\n");
    }
}

#[test]
fn hypervisors_list_their_guests() {
    let root = Root::new();
    assert_eq!(root.run(PROXMOX, "guest_list", &[]), "");
    root.file("etc/pve/qemu-server/101.conf", CONF)
        .file("etc/pve/nodes/pve/qemu-server/101.conf", CONF)
        .file("etc/pve/nodes/pve/qemu-server/102.conf", "name: golden\ntemplate: 1\n")
        .file("etc/pve/nodes/pve2/qemu-server/103.conf", "memory: 512\n[snap]\nname: old")
        .file("etc/pve/lxc/120.conf", "hostname: files\n")
        .file("etc/pve/nodes/pve/lxc/120.conf", "hostname: files\n");
    assert_eq!(root.run(PROXMOX, "guest_list", &[]), "101\t-\tweb1\n103\tpve2\tVM 103\n");
    assert_eq!(root.run(CONTAINER, "guest_list_ct", &[]), "120\t-\tfiles\n");
    root.command(
        "virsh",
        "[ \"$*\" = '-q -r -c qemu:///system list --all --name' ] || exit 9; printf 'wiki\\nold mail\\n\\n'",
    );
    assert_eq!(root.run(LIBVIRT, "guest_list_libvirt", &[]), "wiki\t-\twiki\nold mail\t-\told mail\n");
}

#[test]
fn a_machine_says_which_it_is() {
    let root = Root::new();
    root.file("proc/sys/kernel/random/boot_id", "06e4e3cf\n").file("etc/machine-id", "3d12\n");
    root.command(
        "df",
        "echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'; echo '/dev/sda1 10 4 6 40% /'",
    )
    .command("id", "[ \"$*\" = -u ] && echo 1000");
    let said = root.run("src/preflight/machine.sh", "machine", &[]);
    assert_eq!(said, "boot=06e4e3cf\nid=3d12\nuid=1000\nfree=6\n");
    fs::remove_dir_all(root.path.join("etc")).unwrap();
    fs::remove_dir_all(root.path.join("proc")).unwrap();
    assert_eq!(root.run("src/preflight/machine.sh", "machine", &[]), "uid=1000\nfree=6\n");
}

#[test]
fn a_container_is_looked_at() {
    let root = Root::new();
    root.file("etc/pve/lxc/120.conf", "arch: amd64\nhostname: files\nlock: backup\n[snap]\nhostname: old\n");
    root.file("proc/901/stat", &stat(901, "S"));
    root.command(
        "lxc-info",
        "[ \"$*\" = '-n 120 -s -p' ] || exit 9; echo 'State:          RUNNING'; echo 'PID:            901'",
    );
    assert_eq!(
        root.run(CONTAINER, "look", &["120"]),
        "found=yes\nkind=container\nlock=backup\nname=files\npower=running\nprocess=901:4711\n"
    );
    root.command("lxc-info", "echo 'State:          STOPPED'");
    assert!(root.run(CONTAINER, "look", &["120"]).ends_with("power=stopped\n"));
    root.command("lxc-info", "echo 'State: FROZEN'; echo 'PID: 901'");
    assert!(root.run(CONTAINER, "look", &["120"]).contains("power=paused\n"));
    root.file("etc/pve/nodes/pve3/lxc/121.conf", "");
    assert_eq!(root.run(CONTAINER, "look", &["121"]), "found=no\nnode=pve3\n");
}

/// `virsh`, as far as the look asks it.
const VIRSH: &str = r#"
[ "$1 $2 $3 $4" = "-q -r -c qemu:///system" ] || exit 9
shift 4
case "$1 $2" in
  "domuuid wiki") echo 0f0e0d0c-0b0a-0908-0706-050403020100; echo ;;
  "domuuid 0f0e"*|"domname gone") echo "error: failed to get domain '$2'" >&2; exit 1 ;;
  "domuuid gone") echo "error: failed to get domain 'gone'" >&2; exit 1 ;;
  "domuuid down") echo "error: failed to connect to the hypervisor" >&2; exit 1 ;;
  "domname 0f0e"*) echo wiki; echo ;;
  "domstate 0f0e"*) cat "$STATE"; echo ;;
  "domjobinfo 0f0e"*) cat "$JOB" ;;
  *) exit 9 ;;
esac
"#;

#[test]
fn a_domain_is_looked_at() {
    let root = Root::new();
    let state = root.path.join("state").display().to_string();
    let job = root.path.join("job").display().to_string();
    root.command("virsh", &VIRSH.replace("$STATE", &state).replace("$JOB", &job));
    root.file("run/libvirt/qemu/wiki.pid", "77").file("proc/77/stat", &stat(77, "S"));
    let uuid = "uuid=0f0e0d0c-0b0a-0908-0706-050403020100";
    root.file("state", "running\n").file("job", "Job type:         None        \n\n");
    assert_eq!(
        root.run(LIBVIRT, "look", &["wiki"]),
        format!("found=yes\nkind=vm\nname=wiki\n{uuid}\npower=running\nprocess=77:4711\n")
    );
    root.file(
        "job",
        "Job type:         Unbounded   \nOperation:        Backup      \nTime elapsed:     12           ms\n",
    );
    assert!(root.run(LIBVIRT, "look", &["wiki"]).contains("\nlock=backup\n"));
    root.file("job", "Job type:         Unbounded   \nOperation:        Outgoing migration\n");
    assert!(root.run(LIBVIRT, "look", &["wiki"]).contains("\nlock=outgoing migration\n"));
    // It waits for another command, which waits for a QEMU that hangs.
    root.command("timeout", "exit 124");
    assert!(root.run(LIBVIRT, "look", &["wiki"]).contains("\nlock=another command of libvirt\n"));
    root.command("timeout", "shift; exec \"$@\"");
    root.file("job", "");
    for (said, power) in [
        ("shut off", "stopped"),
        ("crashed", "stopped"),
        ("paused", "paused"),
        ("pmsuspended", "suspended"),
        ("in shutdown", "running"),
    ] {
        root.file("state", &format!("{said}\n"));
        let look = root.run(LIBVIRT, "look", &["wiki"]);
        assert!(look.contains(&format!("\npower={power}\n")), "{said}: {look}");
        assert!(!look.contains("lock="), "{look}");
    }
    assert_eq!(root.run(LIBVIRT, "look", &["gone"]), "found=no\n");
    let by_uuid = root.run(LIBVIRT, "look", &["0f0e0d0c-0b0a-0908-0706-050403020100"]);
    assert!(by_uuid.starts_with(&format!("found=yes\nkind=vm\nname=wiki\n{uuid}\n")), "{by_uuid}");
}

#[test]
fn debian_and_ubuntu_mark_a_wanted_restart() {
    let root = Root::new();
    root.command("uname", "echo 6.8.0-41-generic");
    assert_eq!(root.run(PRELUDE, "reboot_reason", &[]), "");
    root.file("run/reboot-required", "*** System restart required ***\n");
    assert_eq!(root.run(PRELUDE, "reboot_reason", &[]), "/run/reboot-required\n");
    root.file("run/reboot-required.pkgs", "linux-image-6.8.0-45-generic\nlinux-base\nlinux-base\n");
    assert_eq!(
        root.run(PRELUDE, "reboot_reason", &[]),
        "/run/reboot-required: linux-base linux-image-6.8.0-45-generic\n"
    );
}

#[test]
fn a_newer_kernel_of_the_running_flavour_wants_a_restart() {
    let says = |running: &str, installed: &[&str]| {
        let root = Root::new();
        root.command("uname", &format!("echo {running}"));
        for kernel in installed {
            root.file(&format!("boot/vmlinuz-{kernel}"), "");
        }
        root.run(PRELUDE, "reboot_reason", &[])
    };
    let newer = |newest: &str, running: &str| format!("kernel {newest} is installed, {running} runs\n");
    let (old, new) = ("6.8.0-9-generic", "6.8.0-41-generic");
    assert_eq!(says(old, &[old, new]), newer(new, old), "by version, not by letter");
    assert_eq!(says(new, &[old, new]), "");
    assert_eq!(says(new, &[]), "");
    assert_eq!(says(new, &[old]), "", "a running kernel that is removed is no older one's turn");
    assert_eq!(says(old, &[old, "6.11.0-1-oem", "6.8.0-50-lowlatency"]), "", "other flavours");
    assert_eq!(says("6.1.0-28-cloud-amd64", &["6.1.0-28-cloud-amd64", "6.1.0-30-amd64"]), "");
    assert_eq!(says("6.17.2-1-pve", &["6.17.2-1-pve", "6.17.10-1-pve"]), newer("6.17.10-1-pve", "6.17.2-1-pve"));
    let (old, new) = ("6.12.43+deb13-amd64", "6.12.48+deb13-amd64");
    assert_eq!(says(old, &[old, new]), newer(new, old));
}

#[test]
fn a_pinned_kernel_is_the_one_that_boots() {
    let root = Root::new();
    root.command("uname", "echo 6.14.8-2-pve")
        .file("boot/vmlinuz-6.14.8-2-pve", "")
        .file("boot/vmlinuz-6.17.2-1-pve", "");
    root.file("etc/kernel/proxmox-boot-pin", "6.14.8-2-pve\n");
    assert_eq!(root.run(PRELUDE, "reboot_reason", &[]), "");
    root.file("etc/kernel/proxmox-boot-pin", "6.11.0-1-pve\n");
    assert_eq!(root.run(PRELUDE, "reboot_reason", &[]), "kernel 6.11.0-1-pve is installed, 6.14.8-2-pve runs\n");
}

#[test]
fn red_hat_is_asked_by_its_own_tool() {
    let root = Root::new();
    root.command("uname", "echo 5.14.0-427.el9.x86_64");
    for (code, said) in [(0, ""), (1, "needs-restarting -r\n"), (2, "")] {
        root.command("needs-restarting", &format!("[ \"$1\" = -r ] && exit {code}"));
        assert_eq!(root.run(PRELUDE, "reboot_reason", &[]), said, "{code}");
    }
}

#[test]
fn the_uptime_has_whole_seconds() {
    let root = Root::new();
    root.file("proc/uptime", "1036812.57 4021563.11\n");
    assert_eq!(root.run(PRELUDE, "uptime", &[]), "1036812s\n");
}

#[test]
fn the_holder_of_a_package_lock_is_named() {
    let root = Root::new();
    let lock = "var/lib/dpkg/lock-frontend";
    root.file(lock, "").file("var/lib/dpkg/lock", "");
    let path = root.path.join(lock);
    let inode = fs::metadata(&path).unwrap().ino();
    // Another file system has a file of the same inode that somebody else locks.
    root.file(
        "proc/locks",
        &format!("1: POSIX  ADVISORY  WRITE 77 00:19:{inode} 0 EOF\n2: FLOCK  ADVISORY  WRITE 99 08:01:5 0 EOF\n"),
    );
    root.folder("proc/77/fd").folder("proc/812/fd");
    assert_eq!(root.run(APT, "apt_lock_holder", &[]), "");
    root.file("proc/locks", &format!("1: POSIX  ADVISORY  WRITE 812 08:01:{inode} 0 EOF\n"));
    root.file("proc/812/comm", "unattended-upgr\n");
    symlink("/dev/null", root.path.join("proc/812/fd/0")).unwrap();
    symlink(&path, root.path.join("proc/812/fd/4")).unwrap();
    assert_eq!(root.run(APT, "apt_lock_holder", &[]), "unattended-upgr (process 812)\n");
}

#[test]
fn an_interrupted_dpkg_is_seen() {
    let root = Root::new();
    root.folder("var/lib/dpkg/updates").command("dpkg", "exit 0");
    assert_eq!(root.run(APT, "apt_interrupted", &[]), "");
    root.command(
        "dpkg",
        "[ \"$1\" = --audit ] && echo 'The following packages are only half configured' && echo ' linux-base'",
    );
    assert_eq!(root.run(APT, "apt_interrupted", &[]), "The following packages are only half configured\n");
    root.file("var/lib/dpkg/updates/0001", "");
    assert_eq!(root.run(APT, "apt_interrupted", &[]), "dpkg was interrupted\n");
}

#[test]
fn what_an_upgrade_would_do_is_counted() {
    let root = Root::new();
    root.command(
        "apt-get",
        r#"case "$*" in
  *--print-uris*) echo "'http://a/b_1%3a2_amd64.deb' b_1%3a2_amd64.deb 3000000 SHA256:aa"; echo "'http://a/c.deb' c.deb 1096000 SHA256:bb" ;;
  *-s*) echo "Inst b [1] (2 Ubuntu:24.04/noble)"; echo "Conf b (2)"; echo "Inst c [1] (2)" ;;
esac"#,
    );
    assert_eq!(root.run(APT, "apt_download_size", &[]), "4001\n");
    assert_eq!(root.run(APT, "apt_upgradable", &[]), "2\n");
    root.command("apt-get", "exit 0");
    assert_eq!(root.run(APT, "apt_download_size", &[]), "1\n");
    assert_eq!(root.run(APT, "apt_upgradable", &[]), "0\n");
}

#[test]
fn services_whose_restart_would_end_sessions_are_left_out() {
    let root = Root::new();
    assert_eq!(root.run(APT, "apt_services_outdated", &[]), "", "without needrestart none are known");
    root.command(
        "needrestart",
        "printf 'NEEDRESTART-VER: 3.6\\nNEEDRESTART-SVC: cron.service\\nNEEDRESTART-SVC: dbus.service\\nNEEDRESTART-SVC: getty@tty1.service\\nNEEDRESTART-SVC: systemd-logind.service\\nNEEDRESTART-SVC: hostler-1f.service\\nNEEDRESTART-SVC: ssh.service\\n'",
    );
    assert_eq!(root.run(APT, "apt_services_outdated", &[]), "cron.service\nssh.service\n");
}

#[test]
fn the_agents_state_is_seen() {
    let root = Root::new();
    root.command("systemctl", "case $1 in is-enabled) echo static;; is-active) echo active;; esac");
    root.command("qemu-ga", "").command("apt-get", "").file("dev/virtio-ports/org.qemu.guest_agent.0", "");
    let state = "package=yes\nmanager=apt\nsocket=yes\nenabled=static\nactive=active\n";
    assert_eq!(root.run(AGENT, "qemu_ga_state", &[]), state);
    let folder = "etc/systemd/system/qemu-guest-agent.service.d";
    root.file(&format!("{folder}/harmless.conf"), "[Service]\nExecStop=/bin/kill -TERM $MAINPID\nRestart=always\n");
    assert_eq!(root.run(AGENT, "qemu_ga_state", &[]), state);
    root.file(&format!("{folder}/override.conf"), "[Service]\nExecStopPost = /usr/sbin/qemu-ga --shutdown\n");
    assert_eq!(root.run(AGENT, "qemu_ga_state", &[]), format!("{state}poweroff=/{folder}/override.conf\n"));
}

#[test]
fn what_takes_the_power_goes_and_the_rest_stays() {
    for shell in ["dash", "busybox"] {
        let root = Root::new();
        let folder = "etc/systemd/system/qemu-guest-agent.service.d";
        root.file(&format!("{folder}/override.conf"), "[Service]\nExecStopPost=/usr/sbin/qemu-ga --shutdown\n");
        root.file(&format!("{folder}/more.conf"), "[Service]\n# ours\nRestart=always\nExecStopPost=-/sbin/poweroff\n");
        root.file(&format!("{folder}/harmless.conf"), "[Service]\nExecStop=/bin/true\n");
        let said = root.run_by(shell, AGENT, "qemu_ga_keep_power", &[]);
        assert_eq!(said, format!("/{folder}/more.conf\n/{folder}/override.conf\n"));
        assert_eq!(root.read(&format!("{folder}/override.conf")), None, "it said nothing else");
        assert_eq!(root.read(&format!("{folder}/more.conf")).unwrap(), "[Service]\n# ours\nRestart=always\n");
        assert_eq!(root.read(&format!("{folder}/harmless.conf")).unwrap(), "[Service]\nExecStop=/bin/true\n");
        assert_eq!(fs::read_dir(root.path.join(folder)).unwrap().count(), 2, "nothing is left behind");
        assert_eq!(root.run_by(shell, AGENT, "qemu_ga_keep_power", &[]), "", "a second time there is nothing to do");
    }
}

#[test]
fn the_shutdown_is_allowed_and_other_refusals_stay() {
    for shell in ["dash", "busybox"] {
        let root = Root::new();
        root.file(
            "etc/qemu/qemu-ga.conf",
            "[general]\nverbose=0\nblock-rpcs=guest-exec,guest-shutdown,guest-file-open\n",
        );
        root.file(
            "etc/sysconfig/qemu-ga",
            "FILTER_RPC_ARGS=\"--allow-rpcs=guest-ping,guest-shutdown\"\nBLACKLIST_RPC=guest-shutdown\n",
        );
        let said = root.run_by(shell, AGENT, "qemu_ga_allow_shutdown", &[]);
        assert_eq!(said, "/etc/qemu/qemu-ga.conf\n/etc/sysconfig/qemu-ga\n");
        assert_eq!(
            root.read("etc/qemu/qemu-ga.conf").unwrap(),
            "[general]\nverbose=0\nblock-rpcs=guest-exec,guest-file-open\n"
        );
        assert_eq!(
            root.read("etc/sysconfig/qemu-ga").unwrap(),
            "FILTER_RPC_ARGS=\"--allow-rpcs=guest-ping,guest-shutdown\"\nBLACKLIST_RPC=\n"
        );
        assert_eq!(root.run_by(shell, AGENT, "qemu_ga_allow_shutdown", &[]), "");
        assert_eq!(root.read("etc/qemu/qemu-ga.conf.new"), None);
    }
}

#[test]
fn a_guest_is_settled_when_no_cleanup_runs_and_nobody_holds_its_lock() {
    let root = Root::new();
    root.command("sleep", "").command("pgrep", "exit 1").command("flock", "exit 0");
    assert_eq!(root.run(PROXMOX, "qm_settled", &["101"]), "");
    root.file("var/lock/qemu-server/lock-101.conf", "");
    assert_eq!(root.run(PROXMOX, "qm_settled", &["101"]), "");
    root.command("flock", "[ \"$1\" = -n ] && exit 1");
    assert_eq!(root.run(PROXMOX, "qm_settled", &["101"]), "its lock is held\n");
    root.command("pgrep", "[ \"$2\" = 'qm cleanup 101 ' ]");
    assert_eq!(root.run(PROXMOX, "qm_settled", &["101"]), "its cleanup is under way\n");
}

#[test]
fn a_lost_command_is_found_in_the_list_of_tasks_or_is_not() {
    let root = Root::new();
    // It was started at 0x6B037450.
    let ask = |kind: &str| {
        let said = root.run(PROXMOX, "tasks", &["101", kind, &0x6B03_7450.to_string()]);
        assert_eq!(said, root.run(CONTAINER, "tasks", &["101", kind, &0x6B03_7450.to_string()]));
        said
    };
    let upid = |pid: u32, start: u32, rest: &str| format!("UPID:pve9:{pid:08X}:00001267:{start:08X}:{rest}");
    let (good, bad) = (upid(472, 0x6B03_7452, "qmclone:101:root@pam:"), upid(479, 0x6B03_7452, "qmmove:101:root@pam:"));
    let at_work = upid(391, 0x6B03_7450, "qmigrate:101:root@pam:");
    root.file(
        "var/log/pve/tasks/index",
        &format!(
            "{}\n{} 6B037442 OK\n{}\n{bad} 6B037443 unable to create image: no space left\n",
            format_args!("{} 6B037451 OK", upid(3, 0x6B03_7400, "qmclone:101:root@pam:")),
            upid(4, 0x6B03_7452, "qmclone:102:root@pam:"),
            format_args!("{} 6B037455 OK", upid(5, 0x6B03_7550, "qmclone:101:root@pam:")),
        ),
    );
    assert_eq!(ask("qmclone"), "");
    root.file("var/log/pve/tasks/active", &format!("{at_work} 0\n{good} 1 6B037443 OK\n"));
    assert_eq!(ask("qmclone"), format!("ok {good}\n"));
    assert_eq!(ask("qmmove"), "failed unable to create image: no space left\n");
    // Its process is gone, or is another.
    assert_eq!(ask("qmigrate"), "");
    root.file("proc/391/stat", &stat(391, "S"));
    assert_eq!(ask("qmigrate"), format!("running {at_work}\n"));
    root.file("var/log/pve/tasks/index.1", &format!("{} 6B037456 OK\n", upid(6, 0x6B03_7454, "qmclone:101:root@pam:")));
    assert!(ask("qmclone").starts_with("several UPID:"));
}

#[test]
fn failed_units_are_listed_by_name() {
    let root = Root::new();
    root.command(
        "systemctl",
        "printf 'nginx.service loaded failed failed A web server\\nbackup.timer loaded failed failed\\n'",
    );
    assert_eq!(root.run("stdlib/systemd.plan", "systemd_failed_units", &[]), "nginx.service\nbackup.timer\n");
}

#[test]
fn a_name_server_is_asked_with_the_tool_that_is_there() {
    let plan = "workflows/lib/dns.plan";
    let root = Root::new();
    // This machine may have tools of its own: the first that is looked for hides them.
    root.command("dig", "[ \"$4 $5 $6\" = '@192.0.2.31 example.org A' ] && echo 192.0.2.80");
    assert_eq!(root.run(plan, "dns_query", &["192.0.2.31", "example.org"]), "192.0.2.80\n");
}
