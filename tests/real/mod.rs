//! hostler's program on a site of the testbed: real nodes, real guests.

#![allow(dead_code, reason = "not every test asks everything")]

pub(crate) mod names;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use testbed::programs::write;
use testbed::{Guest, GuestPlan, Plan, Site};

/// What a run of the program printed, and its exit code.
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) code: Option<i32>,
}

impl Said {
    pub(crate) fn has(&self, text: &str) -> &Said {
        assert!(self.text.contains(text), "no `{text}` in:\n{}", self.text);
        self
    }

    pub(crate) fn code(&self, code: i32) -> &Said {
        assert_eq!(self.code, Some(code), "{}", self.text);
        self
    }
}

pub(crate) struct Real(pub(crate) Site);

impl Real {
    /// A site with these guests, all of them in the groups that the workflows name. Its locks are kept on the first node.
    pub(crate) fn new(name: &str, nodes: impl FnOnce(Plan) -> Plan, guests: &[GuestPlan]) -> Real {
        let plan = nodes(Plan::new(&format!("{name}-{}", std::process::id())));
        let site = Site::up(&guests.iter().cloned().fold(plan, Plan::guest)).unwrap();
        let names: String = site.guests().iter().map(|guest| format!("{}: , ", guest.name)).collect();
        let groups = format!("all: {{children: {{ubuntu_vms: {{hosts: {{{names}}}}}, dns_pair: {{}}}}}}\n");
        write(&site.folder.join("inventory/groups.yml"), groups).unwrap();
        let keeper = &site.nodes()[0].name;
        // The inventory is the folder.
        write(&site.folder.join("hostler.toml"), format!("edition = 2026\nlock_host = \"{keeper}\"\n")).unwrap();
        println!("{} guests, QEMU by {}", guests.len(), site.accelerator());
        Real(site)
    }

    pub(crate) fn guest(&self, name: &str) -> &Guest {
        self.0.guest(name).unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.0.enter(env!("CARGO_BIN_EXE_hostler"));
        command.args(words);
        if words[0] == "run" {
            command.arg("--site").arg(&self.0.folder);
        }
        command.env("HOME", self.0.folder.join("home")).env_remove("XDG_STATE_HOME").env_remove("XDG_RUNTIME_DIR");
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn hostler(&self, words: &[&str]) -> Said {
        let output = self.command(words).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        println!("$ hostler {}\n{text}", words.join(" "));
        Said { text, code: output.status.code() }
    }

    /// Begins a run.
    pub(crate) fn begins(&self, words: &[&str]) -> Begun {
        let mut child = self.command(words).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Begun { child, out, words: words.join(" "), text: String::new() }
    }

    /// One of the workflows, as it stands.
    pub(crate) fn workflow(&self, name: &str) -> String {
        let (file, copy) =
            (Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows").join(name), self.0.folder.join(name));
        std::fs::copy(file, &copy).unwrap();
        copy.display().to_string()
    }

    /// A plan of the test's own.
    pub(crate) fn plan(&self, name: &str, text: &str) -> String {
        let file = self.0.folder.join(name);
        write(&file, text).unwrap();
        file.display().to_string()
    }

    /// `zpool`, `apt-get` and `dpkg` of a node that has nothing to upgrade: no packages of this machine are touched.
    pub(crate) fn nothing_to_upgrade(&self, node: &str) {
        let line = "for tool in apt-get dpkg; do printf '#!/bin/sh\\n' >/usr/sbin/$tool; done
            printf '#!/bin/sh\\necho all pools are healthy\\n' >/usr/sbin/zpool
            chmod 755 /usr/sbin/apt-get /usr/sbin/dpkg /usr/sbin/zpool";
        self.0.node(node).unwrap().exec(line).unwrap();
    }

    /// A guest, its state and how often a QEMU was started for it.
    #[track_caller]
    pub(crate) fn is(&self, name: &str, state: &str, starts: usize) {
        let guest = self.guest(name);
        assert_eq!((guest.status().unwrap().as_str(), guest.starts()), (state, starts), "{:?}", guest.start_log());
    }
}

/// A run under way.
pub(crate) struct Begun {
    pub(crate) child: Child,
    out: BufReader<ChildStdout>,
    words: String,
    text: String,
}

impl Begun {
    /// Waits until it has printed this.
    #[track_caller]
    pub(crate) fn says(&mut self, text: &str) -> &mut Begun {
        while !self.text.contains(text) {
            assert!(self.out.read_line(&mut self.text).unwrap() > 0, "no `{text}` in:\n{}", self.text);
        }
        self
    }

    /// Its process is killed, and everything that it has started lives on.
    pub(crate) fn kill(mut self) {
        // `nsenter` waits for it.
        let nsenter = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{nsenter}/task/{nsenter}/children")).unwrap();
        let [program] = children.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{children}") };
        let killed = Command::new("kill").args(["-9", program]).status().unwrap();
        assert!(killed.success());
        self.child.wait().unwrap();
    }

    pub(crate) fn ends(mut self) -> Said {
        self.out.read_to_string(&mut self.text).unwrap();
        println!("$ hostler {}\n{}", self.words, self.text);
        Said { text: self.text, code: self.child.wait().unwrap().code() }
    }
}
