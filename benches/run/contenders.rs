//! The programs that are compared, each as one command line for a piece of work.
//!
//! All of them reach the machines of the bed as root, with its key and its known hosts, and check host keys.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Bed;

/// How many hosts are connected to at the same time, by those that can be told.
const AT_ONCE: usize = 32;

/// What is to be done on the machines `h0`, `h1`, …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    pub hosts: usize,
    /// How many on each, one after the other.
    pub commands: usize,
    pub changing: bool,
    /// Whether logins are none of the figure, which is a difference of two such runs: they are cheap ones then, and
    /// disturb it less.
    pub cheap_logins: bool,
}

impl Work {
    fn command(self) -> &'static str {
        if self.changing { "touch /run/bench" } else { "cat /proc/uptime" }
    }

    /// A folder's name, short: the path of a socket has 108 bytes at most (unix(7)).
    fn name(self) -> String {
        let (changing, cheap) = (u8::from(self.changing), u8::from(self.cheap_logins));
        format!("{}x{}-{changing}{cheap}", self.hosts, self.commands)
    }

    /// More options for `ssh`. pyinfra's own ssh takes this key exchange anyway.
    fn logins(self) -> &'static str {
        if self.cheap_logins { " -o KexAlgorithms=curve25519-sha256" } else { "" }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contender {
    /// `hostler run`.
    Hostler,
    /// One `ssh` a command, each with a connection of its own.
    Ssh,
    /// One `ssh` a command; the first of a host opens the master that the others use.
    SshOverMaster,
    /// `pyinfra`, in the folder of its programs.
    Pyinfra(PathBuf),
    /// `ansible-playbook`, in the folder of its programs.
    Ansible(PathBuf),
}

impl Contender {
    pub fn name(&self) -> &'static str {
        match self {
            Contender::Hostler => "hostler",
            Contender::Ssh => "ssh",
            Contender::SshOverMaster => "ssh over masters",
            Contender::Pyinfra(_) => "pyinfra",
            Contender::Ansible(_) => "ansible",
        }
    }

    /// Whether a table can wait for it. Ansible needs about a tenth of a second for each command on each host.
    pub fn has_time_for(&self, work: Work) -> bool {
        match self {
            Contender::Hostler | Contender::SshOverMaster | Contender::Pyinfra(_) => true,
            Contender::Ssh => work.commands == 1,
            Contender::Ansible(_) if work.hosts > 50 => work.commands == 1 && !work.cheap_logins,
            Contender::Ansible(_) => work.hosts * work.commands <= if work.changing { 60 } else { 550 },
        }
    }

    /// Whether it is measured once, and not in every round.
    pub fn once(&self, work: Work) -> bool {
        matches!(self, Contender::Ansible(_)) && work.hosts * work.commands > 60
    }

    /// Whether what it printed says that all of the work was done: a program that finds no hosts is quick.
    pub fn has_done(&self, work: Work, printed: &str) -> bool {
        let lines = |holds: &dyn Fn(&str) -> bool| printed.lines().filter(|line| holds(line)).count();
        let (hosts, commands) = (work.hosts, work.hosts * work.commands);
        match self {
            Contender::Hostler => lines(&|line| line.ends_with("  done")) == hosts,
            // `touch` says nothing; its exit code has to do.
            Contender::Ssh | Contender::SshOverMaster => {
                work.changing || lines(&|line| line.starts_with(|c: char| c.is_ascii_digit())) == commands
            }
            Contender::Pyinfra(_) => lines(&|line| line.ends_with("Success") && line.contains("] ")) == commands,
            Contender::Ansible(_) => lines(&|line| line.contains(&format!(": ok={} ", work.commands))) == hosts,
        }
    }

    /// The command that does the work, from connecting to the end. Writes what it reads.
    pub fn command(&self, bed: &Bed, work: Work) -> Command {
        let folder = bed.path.join(work.name());
        fs::create_dir_all(&folder).unwrap();
        let addresses: Vec<&str> =
            (0..work.hosts).map(|number| bed.node(&format!("h{number}")).address.as_str()).collect();
        let mut command = match self {
            Contender::Hostler => hostler(&folder, &bed.path, &addresses, work),
            Contender::Ssh | Contender::SshOverMaster => {
                ssh(&folder, &bed.path, &addresses, work, *self == Contender::SshOverMaster)
            }
            Contender::Pyinfra(bin) => pyinfra(bin, &folder, &bed.path, &addresses, work),
            Contender::Ansible(bin) => ansible(bin, &folder, &bed.path, &addresses, work),
        };
        command.current_dir(&folder);
        command
    }
}

/// An INI inventory that hostler and Ansible read alike.
fn inventory(bed: &Path, addresses: &[&str], work: Work) -> String {
    let mut text = String::new();
    for (number, address) in addresses.iter().enumerate() {
        writeln!(text, "h{number} ansible_host={address} ansible_port=2222 ansible_user=root").unwrap();
    }
    let bed = bed.display();
    writeln!(text, "[all:vars]\nansible_ssh_private_key_file={bed}/id").unwrap();
    write!(text, "ansible_ssh_common_args=-o UserKnownHostsFile={bed}/known_hosts -o IdentitiesOnly=yes").unwrap();
    writeln!(text, "{}", work.logins()).unwrap();
    text
}

fn hostler(folder: &Path, bed: &Path, addresses: &[&str], work: Work) -> Command {
    fs::create_dir_all(folder.join("inventory")).unwrap();
    fs::write(folder.join("inventory/hosts.ini"), inventory(bed, addresses, work)).unwrap();
    let word = if work.changing { "" } else { " reading" };
    let line = format!("  on h{word}: {}\n", work.command());
    let plan = format!("edition 2026\n\nplan work for h in all\n  at most {} at once\n{{\n", work.hosts);
    fs::write(folder.join("work.plan"), plan + &line.repeat(work.commands) + "}\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostler"));
    command.args(["run", "work.plan"]).env("XDG_STATE_HOME", folder.join("state"));
    command
}

fn ssh(folder: &Path, bed: &Path, addresses: &[&str], work: Work, over_master: bool) -> Command {
    fs::write(folder.join("addresses"), addresses.join("\n") + "\n").unwrap();
    let mut ssh = format!("ssh -F {}/ssh_config -o BatchMode=yes -p 2222 -l root{}", bed.display(), work.logins());
    if over_master {
        ssh.push_str(" -o ControlMaster=auto -o ControlPersist=60 -o ControlPath=m-%h");
    }
    let (count, line) = (work.commands, work.command());
    let each = match count {
        1 => format!("{ssh} H {line}"),
        _ => format!("sh -c 'i=0; while [ $i -lt {count} ]; do {ssh} H {line} </dev/null || exit 1; i=$((i+1)); done'"),
    };
    let mut command = Command::new("sh");
    command.args(["-c", &format!("<addresses xargs -P {AT_ONCE} -I H {each}")]);
    command
}

fn pyinfra(bin: &Path, folder: &Path, bed: &Path, addresses: &[&str], work: Work) -> Command {
    let mut hosts = String::from("hosts = [\n");
    for address in addresses {
        writeln!(hosts, "    (\"{address}\", {{}}),").unwrap();
    }
    let bed = bed.display();
    write!(
        hosts,
        "]\nfleet = (hosts, {{\"ssh_port\": 2222, \"ssh_user\": \"root\", \"ssh_key\": \"{bed}/id\", \
         \"ssh_known_hosts_file\": \"{bed}/known_hosts\", \"ssh_strict_host_key_checking\": \"yes\", \
         \"ssh_config_file\": \"{bed}/none\"}})\ndel hosts\n"
    )
    .unwrap();
    fs::write(folder.join("fleet.py"), hosts).unwrap();
    let mut deploy = "from pyinfra.operations import server\n\n".to_string();
    for number in 0..work.commands {
        writeln!(deploy, "server.shell(name=\"{number}\", commands=[\"{}\"])", work.command()).unwrap();
    }
    fs::write(folder.join("work.py"), deploy).unwrap();
    let mut command = Command::new(bin.join("pyinfra"));
    command.args(["-y", "--no-wait", "fleet.py", "work.py"]).env("HOME", folder);
    command
}

fn ansible(bin: &Path, folder: &Path, bed: &Path, addresses: &[&str], work: Work) -> Command {
    fs::write(folder.join("hosts.ini"), inventory(bed, addresses, work)).unwrap();
    let config = format!(
        "[defaults]\nforks = {AT_ONCE}\ngathering = explicit\nhost_key_checking = yes\n\
         [ssh_connection]\npipelining = True\nssh_args = -F {}/ssh_config -o ControlMaster=auto -o ControlPersist=60\n\
         control_path_dir = {}/cp\n",
        bed.display(),
        folder.display()
    );
    fs::write(folder.join("ansible.cfg"), config).unwrap();
    let mut play = "- hosts: all\n  gather_facts: no\n  tasks:\n".to_string();
    for _ in 0..work.commands {
        writeln!(play, "    - raw: {}", work.command()).unwrap();
    }
    fs::write(folder.join("work.yml"), play).unwrap();
    let mut command = Command::new(bin.join("ansible-playbook"));
    command.args(["-i", "hosts.ini", "work.yml"]).env("HOME", folder).env("ANSIBLE_HOME", folder.join("ansible"));
    command.env("ANSIBLE_CONFIG", folder.join("ansible.cfg"));
    command
}
