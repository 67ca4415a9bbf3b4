//! The test bed: real OpenSSH servers on loopback addresses, each in namespaces of its own, with a stand-in `qm`.
//!
//! A [`Bed`] is one site. Each [`Node`] is a machine as far as a program on it can tell: its own users, `/etc`,
//! `/run`, boot id, host key and process ids (`tests/testbed/node.sh` sets it up). All of it ends with the test,
//! however the test ends: each machine lives only as long as a pipe that this process holds.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

pub mod systemd;

use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use hostler::hosts::{Endpoint, Options};
use hostler::hosts::{Operation, Reply, Request, Trouble};

/// The port of every sshd; each has an address of its own.
const PORT: u16 = 2222;

/// Long enough on a busy machine; waits end as soon as what they wait for is there.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Polls until it is true.
///
/// # Panics
/// When it is not true in time.
pub fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Polls until it is true, and lets the runtime work meanwhile.
///
/// # Panics
/// When it is not true in time.
pub async fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A site of machines.
pub struct Bed {
    pub path: PathBuf,
    nodes: Vec<Node>,
    network: u8,
}

/// A machine.
pub struct Node {
    pub name: String,
    pub address: String,
    pub port: u16,
    pub path: PathBuf,
    child: Option<Child>,
    /// Of a machine with systemd.
    cgroup: Option<PathBuf>,
}

impl Bed {
    /// An empty site.
    pub fn new() -> Bed {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        assert!(
            fs::read_to_string("/proc/self/status").unwrap().lines().any(|line| line.starts_with("Uid:\t0\t")),
            "the test bed makes namespaces and mounts, and needs root: run the tests as root"
        );
        reap();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bed-{}-{count}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("nodes")).unwrap();
        sh(&format!("ssh-keygen -q -t ed25519 -N '' -C bed -f '{}/id'", path.display()));
        for file in ["node.sh", "systemd.sh", "guest.sh", "qm"] {
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testbed").join(file);
            fs::copy(source, path.join(file)).unwrap();
        }
        // Its process id is the name of the machine behind it: `ps` shows a hypervisor's guests as `kvm`.
        std::os::unix::fs::symlink("/usr/bin/unshare", path.join("kvm")).unwrap();
        fs::write(path.join("known_hosts"), "").unwrap();
        let config = format!(
            "IdentityFile {0}/id\nIdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile {0}/known_hosts\nGlobalKnownHostsFile none\n",
            path.display()
        );
        fs::write(path.join("ssh_config"), config).unwrap();
        let network = network_of(std::process::id().wrapping_mul(31).wrapping_add(count));
        Bed { path, nodes: Vec::new(), network }
    }

    /// A machine that is not started yet, with these files in its folder (see `node.sh`).
    pub fn add(&mut self, name: &str, files: &[(&str, &str)]) -> &Node {
        let path = self.path.join("nodes").join(name);
        fs::create_dir_all(path.join("root")).unwrap();
        let address = format!("127.{}.{}.{}", self.network, std::process::id() % 250 + 1, self.nodes.len() + 1);
        sh(&format!("ssh-keygen -q -t ed25519 -N '' -C {name} -f '{}/hostkey'", path.display()));
        fs::write(path.join("address"), &address).unwrap();
        fs::write(path.join("port"), PORT.to_string()).unwrap();
        for (file, text) in files {
            write(&path.join(file), text);
        }
        let has_systemd = path.join("systemd").exists();
        let cgroup = has_systemd.then(|| systemd::make(&self.path, name));
        if let Some(cgroup) = &cgroup {
            write(&path.join("systemd"), &cgroup.display().to_string());
        }
        let node = Node { name: name.into(), address, port: PORT, path, child: None, cgroup };
        node.trust(&self.path);
        self.nodes.push(node);
        &self.nodes[self.nodes.len() - 1]
    }

    /// A machine that will be a guest of a hypervisor: its driver files there, and these in its own folder. Add it
    /// before the hypervisor is started; it boots when `qm start` starts it, or with the hypervisor's `autostart`.
    pub fn add_guest(&mut self, hypervisor: &str, vmid: u32, name: &str, files: &[(&str, &str)]) -> &Node {
        let home = self.path.join("nodes").join(hypervisor);
        write(&home.join(format!("vms/{vmid}/node")), name);
        let conf = format!("agent: 1\ncores: 1\nmemory: 160\nname: {name}\nostype: l26\n");
        write(&home.join(format!("pve/nodes/{hypervisor}/qemu-server/{vmid}.conf")), &conf);
        self.add(name, files)
    }

    /// A started machine whose sshd answers.
    pub fn start(&mut self, name: &str, files: &[(&str, &str)]) -> &Node {
        self.add(name, files);
        let bed = self.path.clone();
        let node = self.nodes.last_mut().unwrap();
        node.boot(&bed);
        node.answers();
        &self.nodes[self.nodes.len() - 1]
    }

    /// A machine by its name.
    pub fn node(&self, name: &str) -> &Node {
        self.nodes.iter().find(|node| node.name == name).unwrap()
    }

    /// Power off and on again for a machine that no hypervisor of the bed runs: a new boot id, nothing left.
    pub fn reboot(&mut self, name: &str) {
        let bed = self.path.clone();
        let node = self.nodes.iter_mut().find(|node| node.name == name).unwrap();
        node.kill();
        fs::remove_file(node.path.join("boot_id")).unwrap();
        node.boot(&bed);
        node.answers();
    }

    /// Starts a machine that was added, or that was ended.
    pub fn boot(&mut self, name: &str) {
        self.switch_on(name);
        self.node(name).answers();
    }

    /// The same, without waiting for its sshd.
    pub fn switch_on(&mut self, name: &str) {
        let bed = self.path.clone();
        self.nodes.iter_mut().find(|node| node.name == name).unwrap().boot(&bed);
    }

    /// Gives a machine that does not run another address and port.
    pub fn move_to(&mut self, name: &str, address: &str, port: u16) {
        let bed = self.path.clone();
        let node = self.nodes.iter_mut().find(|node| node.name == name).unwrap();
        (node.address, node.port) = (address.to_string(), port);
        node.write("address", address);
        node.write("port", &port.to_string());
        node.trust(&bed);
    }

    /// Ends a machine at once.
    pub fn kill(&mut self, name: &str) {
        self.nodes.iter_mut().find(|node| node.name == name).unwrap().kill();
    }

    /// How the library reaches the machines: as root, with the bed's key and known hosts.
    pub fn endpoint(&self, name: &str) -> Endpoint {
        let node = self.node(name);
        Endpoint {
            name: name.into(),
            address: node.address.clone(),
            port: Some(node.port),
            user: Some("root".into()),
            ..Endpoint::default()
        }
    }

    /// All machines, as root.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.nodes.iter().map(|node| self.endpoint(&node.name)).collect()
    }

    /// The bed's ssh configuration in place of the user's, and short times.
    pub fn options(&self) -> Options {
        Options {
            temp: Some(self.path.clone()),
            user_config: self.path.join("ssh_config").display().to_string(),
            system_config: self.path.join("none").display().to_string(),
            ..Options::default()
        }
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            node.kill();
        }
        // A guest's is below its hypervisor's where both have systemd, and gone then.
        for cgroup in self.nodes.iter().filter_map(|node| node.cgroup.as_ref()) {
            systemd::remove(cgroup);
        }
        if std::thread::panicking() {
            for node in &self.nodes {
                for file in ["sshd.log", "boot.log", "qm.log"] {
                    if let Ok(text) = fs::read_to_string(node.path.join(file)) {
                        println!("--- {} {file}\n{text}", node.name);
                    }
                }
            }
        }
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Node {
    fn boot(&mut self, bed: &Path) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path.join("boot.log")).unwrap();
        let child = Command::new("unshare")
            .args(["--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc", "sh"])
            .arg(bed.join("node.sh"))
            .arg(bed)
            .arg(&self.name)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("unshare (package util-linux)");
        self.child = Some(child);
    }

    /// Waits until its sshd introduces itself; an open port alone is no readiness.
    pub fn answers(&self) {
        until(&format!("sshd of {}", self.name), || banner(&self.address, self.port).is_ok());
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
            until(&format!("the end of {}", self.name), || banner(&self.address, self.port).is_err());
        }
    }

    /// Process 1 of the machine, as this machine numbers it. A guest's changes with each start.
    pub fn init(&self) -> u32 {
        let mut init = None;
        until(&format!("process 1 of {}", self.name), || {
            init = self.find_init();
            init.is_some()
        });
        init.unwrap()
    }

    fn find_init(&self) -> Option<u32> {
        if let Some(cgroup) = &self.cgroup {
            return systemd::init(cgroup);
        }
        let bed = self.path.parent()?.parent()?.display().to_string();
        let line = format!("sh\0{bed}/node.sh\0{bed}\0{}\0", self.name);
        let pids = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.into_iter()
            .find(|pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words == line.as_bytes()))
    }

    /// Runs words on the machine, beside its sshd.
    pub fn output(&self, words: &[&str]) -> std::process::Output {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.init().to_string(), "-m", "-p", "-u", "-i"]).args(words);
        command.output().unwrap()
    }

    /// Runs a shell line on the machine and gives what it prints.
    pub fn exec(&self, line: &str) -> String {
        let output = self.output(&["/usr/bin/dash", "-c", line]);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Sets the clock of every `sh` and `date` that it starts from now on so many seconds ahead or, with a minus, behind.
    /// Namespaces have no clock of their own: the library of the package faketime stands between. (Not for all programs
    /// by `ld.so.preload`: sshd's sandbox ends what loads it.)
    pub fn clock(&self, seconds: i64) {
        let shell = match self.read("sh").trim() {
            "busybox" => "busybox sh",
            "bash" => "bash --posix",
            _ => "dash",
        };
        self.exec("[ -e /usr/bin/date.right ] || mv /usr/bin/date /usr/bin/date.right");
        for (program, stands_for) in [("sh", shell), ("date", "/usr/bin/date.right")] {
            self.exec(&format!(
                "cat >/usr/bin/{program}- <<'EOF'
#!/usr/bin/dash
export FAKETIME={seconds:+} LD_PRELOAD='/usr/$LIB/faketime/libfaketime.so.1'
exec {stands_for} \"$@\"
EOF
chmod 755 /usr/bin/{program}-; mv -f /usr/bin/{program}- /usr/bin/{program}"
            ));
        }
        let seen = self.exec("date.right +%s; date +%s");
        let seen: Vec<i64> = seen.lines().map(|line| line.parse().unwrap()).collect();
        let off = seen[1] - seen[0];
        assert!((off - seconds).abs() < 1000, "its clock is off by {off} s");
    }

    /// A file of its folder.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path.join(file)).unwrap_or_default()
    }

    /// A file of its folder.
    pub fn write(&self, file: &str, text: &str) {
        write(&self.path.join(file), text);
    }

    /// The calls of its `qm` so far, each its words with a space between.
    pub fn calls(&self) -> Vec<String> {
        self.read("qm.log").lines().filter_map(|line| Some(line.split_once(' ')?.1.to_string())).collect()
    }

    /// Makes its host key the known one.
    pub fn trust(&self, bed: &Path) {
        let key = self.read("hostkey.pub");
        let key: Vec<&str> = key.split(' ').take(2).collect();
        let file = bed.join("known_hosts");
        let marker = format!("[{}]:{} ", self.address, self.port);
        let mut known: Vec<String> = fs::read_to_string(&file)
            .unwrap()
            .lines()
            .filter(|line| !line.starts_with(&marker))
            .map(str::to_string)
            .collect();
        known.push(format!("{marker}{}", key.join(" ")));
        fs::write(file, known.join("\n") + "\n").unwrap();
    }
}

/// Removes the folders of tests that were killed; their machines ended with them.
fn reap() {
    for entry in fs::read_dir(env!("CARGO_TARGET_TMPDIR")).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix("bed-").and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    systemd::reap();
}

fn write(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

/// The first line of an SSH server.
fn banner(address: &str, port: u16) -> io::Result<String> {
    use std::io::Read as _;
    let mut stream = TcpStream::connect((address, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A number for the second part of a 127 address, away from 127.0 and 127.1.
fn network_of(seed: u32) -> u8 {
    u8::try_from(seed % 200).unwrap_or_default() + 40
}

/// A reading command of a few words.
pub fn reading(host: &str, words: &[&str]) -> Request {
    Request {
        host: host.into(),
        user: None,
        argv: words.iter().map(ToString::to_string).collect(),
        env: Vec::new(),
        stdin: Vec::new(),
        within: Duration::from_secs(30),
        operation: None,
    }
}

/// A changing command of a few words, each an operation of its own on a subject of its own.
pub fn changing(host: &str, words: &[&str]) -> Request {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let step = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
    operation(host, words, &step, &format!("subject {step}"))
}

/// A changing command of a few words that is this step of a test's run.
pub fn operation(host: &str, words: &[&str], step: &str, subject: &str) -> Request {
    let request = reading(host, words);
    let run = format!("test {}", std::process::id());
    let operation = Operation { not_after: request.within, ..Operation::of_step(&run, step, host, subject) };
    Request { operation: Some(operation), ..request }
}

/// Standard output as text.
pub fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.stdout).into_owned()
}

/// The host and the sentence of an `Unreachable`.
///
/// # Panics
/// For anything else.
pub fn unreachable<T: std::fmt::Debug>(result: Result<T, Trouble>) -> (String, String) {
    match result {
        Err(Trouble::Unreachable { host, why }) => (host, why),
        other => panic!("{other:?} is not Unreachable"),
    }
}

/// The host and the sentence of a `Refused`.
///
/// # Panics
/// For anything else.
pub fn refused<T: std::fmt::Debug>(result: Result<T, Trouble>) -> (String, String) {
    match result {
        Err(Trouble::Refused { host, why }) => (host, why),
        other => panic!("{other:?} is not Refused"),
    }
}

/// Runs a shell line of the test's own.
pub fn sh(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
