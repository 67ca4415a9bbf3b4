//! A Debian guest, and packages of the tests' own which a server of the site has for it.

#![allow(dead_code, reason = "not every test asks everything")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testbed::programs::{output, until, write};
use testbed::{Guest, GuestPlan};

use crate::real::{Real, Said};

/// Takes what a run has to say to people.
const NOTIFY: &str = "#!/bin/sh\necho \"$(cat)\" >>../notified\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\n";

/// Where the packages are, for everybody in the site.
const SERVER: &str = "10.77.0.1:80";

/// A site with Debians, one of which is asked.
pub(crate) struct Debian {
    pub(crate) real: Real,
    begun: Instant,
    name: String,
}

impl Debian {
    /// A guest on `pve1`, whose boot is over, with one source of packages, which is empty.
    pub(crate) fn new(name: &str, site: &str) -> Debian {
        let begun = Instant::now();
        let real = Real::new(site, |plan| plan.node("pve1"), &[GuestPlan::new(name).debian()]);
        Debian::of(real, begun, &[name])
    }

    /// These of the guests of a site; the first is the one that is asked.
    pub(crate) fn of(real: Real, begun: Instant, names: &[&str]) -> Debian {
        let debian = Debian { real, begun, name: names[0].to_string() };
        let folder = debian.repository();
        std::fs::create_dir_all(&folder).unwrap();
        let busybox = testbed::packages::packages().unwrap().path("bin/busybox");
        let mut server = debian.real.0.enter(&busybox.display().to_string());
        server.args(["httpd", "-f", "-p", SERVER, "-h"]).arg(&folder).stdin(Stdio::null());
        // It ends with the site.
        let mut server = server.spawn().unwrap();
        std::thread::spawn(move || server.wait());
        debian.list();
        for guest in names.iter().map(|name| debian.real.guest(name)) {
            let source = format!("echo 'deb [trusted=yes] http://{SERVER} ./' >/etc/apt/sources.list.d/site.list");
            guest.ssh(&source).unwrap();
            guest.agent_answers().unwrap();
            let is_up = || guest.ssh("systemctl is-system-running").is_ok();
            debian.becomes(&format!("the end of the boot of {}", guest.name), is_up);
        }
        debian.took("all are up");
        debian
    }

    pub(crate) fn took(&self, what: &str) {
        println!("{:>4} s  {what}", self.begun.elapsed().as_secs());
    }

    pub(crate) fn guest(&self) -> &Guest {
        self.real.guest(&self.name)
    }

    /// What a line prints in the guest.
    #[track_caller]
    pub(crate) fn ssh(&self, line: &str) -> String {
        self.guest().ssh(line).unwrap()
    }

    /// Waits until a line succeeds in the guest.
    #[track_caller]
    pub(crate) fn until(&self, line: &str) {
        self.becomes(&format!("`{line}`"), || self.guest().ssh(line).is_ok());
    }

    /// Waits until something is so.
    #[track_caller]
    pub(crate) fn becomes(&self, what: &str, is: impl Fn() -> bool) {
        until(what, Duration::from_secs(600), || is().then_some(())).unwrap();
    }

    /// The folder of the site.
    pub(crate) fn folder(&self) -> &Path {
        &self.real.0.folder
    }

    /// Copies a file into the guest.
    pub(crate) fn copy(&self, from: &Path, to: &str) {
        let mut ssh = self.real.0.enter("ssh");
        ssh.arg("-F").arg(self.folder().join("ssh_config")).arg(&self.name);
        ssh.arg(format!("mkdir -p $(dirname {to}) && cat >{to}")).stdin(std::fs::File::open(from).unwrap());
        output(&mut ssh).unwrap();
    }

    /// Writes a file in the guest.
    pub(crate) fn write(&self, to: &str, text: &str) {
        let part = self.folder().join("part");
        write(&part, text).unwrap();
        self.copy(&part, to);
    }

    /// A program without what only a debugger reads, which is most of it.
    pub(crate) fn stripped(&self, program: &Path) -> PathBuf {
        let file = self.folder().join("program");
        output(Command::new("strip").arg("-o").arg(&file).arg(program)).unwrap();
        file
    }

    /// A channel for `hostler.toml`, whose notifications the site's server takes.
    pub(crate) fn channel(&self) -> String {
        let file = self.repository().join("cgi-bin/notify");
        write(&file, NOTIFY).unwrap();
        output(Command::new("chmod").arg("755").arg(&file)).unwrap();
        format!("[notify.ops]\nkind = \"webhook\"\nurl = \"http://{SERVER}/cgi-bin/notify\"\n")
    }

    /// What it has taken, a line each.
    pub(crate) fn notified(&self) -> String {
        std::fs::read_to_string(self.repository().join("notified")).unwrap_or_default()
    }

    /// Runs statements for the guest.
    pub(crate) fn run(&self, statements: &str) -> Said {
        let said = self.real.hostler(&["run", "-e", statements, "--target", &self.name]);
        self.took(statements);
        said
    }

    /// How a package stands there, and in which version.
    #[track_caller]
    pub(crate) fn version(&self, package: &str) -> String {
        version(self.guest(), package)
    }

    fn repository(&self) -> PathBuf {
        self.real.0.folder.join("repository")
    }

    /// Puts a package among those that can be had, in place of an older version: its files below `/`, and what belongs to
    /// dpkg below `DEBIAN`.
    pub(crate) fn publish(&self, name: &str, version: &str, files: &[(&str, &str)]) {
        let folder = self.real.0.folder.join("packages").join(format!("{name}-{version}"));
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: {name}\n"
        );
        write(&folder.join("DEBIAN/control"), control).unwrap();
        for (file, text) in files {
            let path = folder.join(file);
            write(&path, text).unwrap();
            output(Command::new("chmod").arg(if text.starts_with("#!") { "755" } else { "644" }).arg(&path)).unwrap();
        }
        self.withdraw(name);
        let deb = self.repository().join(format!("{name}_{version}.deb"));
        output(Command::new("dpkg-deb").args(["-Zgzip", "--root-owner-group", "--build"]).arg(&folder).arg(deb))
            .unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        self.list();
    }

    /// Takes a package back.
    pub(crate) fn withdraw(&self, name: &str) {
        for deb in self.debs().iter().filter(|deb| self.name(deb).starts_with(&format!("{name}_"))) {
            std::fs::remove_file(deb).unwrap();
        }
        self.list();
    }

    fn name(&self, deb: &Path) -> String {
        deb.file_name().unwrap().to_string_lossy().into_owned()
    }

    fn debs(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.repository()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "deb")).collect()
    }

    /// Writes the list of packages, as `dpkg-scanpackages` does.
    fn list(&self) {
        let mut list = String::new();
        for deb in self.debs() {
            let sum = output(Command::new("sha256sum").arg(&deb)).unwrap();
            list.push_str(&output(Command::new("dpkg-deb").arg("--field").arg(&deb)).unwrap());
            list.push_str(&format!(
                "Filename: ./{}\nSize: {}\nSHA256: {}\n\n",
                self.name(&deb),
                std::fs::metadata(&deb).unwrap().len(),
                sum.split(' ').next().unwrap()
            ));
        }
        write(&self.repository().join("Packages"), list).unwrap();
    }
}

/// How a package of a guest stands there, and in which version.
#[track_caller]
pub(crate) fn version(guest: &Guest, package: &str) -> String {
    let show = "dpkg-query -W -f '${db:Status-Status} ${Version}'";
    guest.ssh(&format!("{show} {package} 2>/dev/null || true")).unwrap()
}
