//! What hostler leaves to systemd, with a real systemd as process 1 of a machine of the test bed. Where none can be run,
//! the tests say so, and see that the same is true without it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

mod pve;
mod support;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use hostler::hosts::{Endpoint, Hosts, Operation, Watch};
use pve::{CARD, Site};
use support::systemd::{SYSTEMD, systemd_runs};
use support::{Bed, Node, eventually, operation, text, until};

/// A machine `pve`, and whether it has systemd.
fn machine(more: &[(&str, &str)]) -> (Bed, bool) {
    let with = systemd_runs();
    let mut files = more.to_vec();
    if with {
        files.push(SYSTEMD);
    }
    let mut bed = Bed::new();
    bed.start("pve", &files);
    (bed, with)
}

/// Ends every ssh session of a machine, as its administrator may: all that is left of one is killed.
async fn end_sessions(node: &Node, with: bool) {
    if with {
        let sessions = || node.exec("systemctl list-units --no-legend --plain 'session-*.scope'");
        assert_ne!(sessions(), "", "sshd gives each session a scope");
        node.exec("loginctl kill-user --signal=KILL root; loginctl terminate-user root");
        eventually("the end of all sessions", || sessions().is_empty()).await;
    } else {
        node.exec("for p in $(ps -e -o pid=,args= | grep '[s]shd: root' | awk '{print $1}'); do kill -9 $p; done");
    }
}

/// Runs until the file `go` is there.
const LONG: &str = "cat - >/root/in; cat /proc/self/cgroup >/root/cgroup; echo \"$SECRET\" >/root/env
    echo >>/root/starts; until [ -e /root/go ]; do sleep 0.02; done; echo done; exit 7";

#[tokio::test]
async fn an_operation_is_a_unit_that_outlives_the_session_and_tells_nobody_its_secrets() {
    let (bed, with) = machine(&[]);
    let node = bed.node("pve");
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    let mut request = operation("pve", &["sh", "-c", LONG], "1", "web");
    request.env.push(("SECRET".into(), "tops3cret".into()));
    request.stdin = b"inputs3cret".to_vec();
    let unit = format!("hostler-{}.service", request.operation.as_ref().unwrap().id);
    let others = async {
        eventually("its start", || node.path.join("root/starts").exists()).await;
        if with {
            let cgroup = node.read("root/cgroup");
            assert!(cgroup.ends_with(&format!("0::/system.slice/{unit}\n")), "{cgroup}");
            let shown = node.exec(&format!("systemctl show {unit}; cat /run/systemd/transient/*; ps -e -ww -o args"));
            assert!(shown.contains("KillMode=process") && !shown.contains("s3cret"), "{shown}");
        }
        end_sessions(node, with).await;
        node.write("root/go", "");
    };
    let (reply, ()) = tokio::join!(hosts.run(&request), others);
    let reply = reply.unwrap();
    assert_eq!((reply.code, text(&reply).as_str()), (7, "done\n"));
    assert_eq!((node.read("root/env").as_str(), node.read("root/in").as_str()), ("tops3cret\n", "inputs3cret"));
    assert_eq!(hosts.run(&request).await.unwrap().code, 7);
    assert_eq!(node.read("root/starts"), "\n", "it was started once");
    if with {
        eventually("the end of the unit", || !node.output(&["systemctl", "status", &unit]).status.success()).await;
        assert_eq!(node.exec("systemctl --failed --no-legend"), "");
    }
}

#[tokio::test]
async fn an_operation_of_a_user_who_lingers_outlives_their_sessions() {
    let (bed, with) = machine(&[("users", "deploy:1001:/bin/sh\n")]);
    let node = bed.node("pve");
    if with {
        node.exec("loginctl enable-linger deploy");
        node.until("systemctl is-active user@1001");
    }
    let hosts = Hosts::new([Endpoint { user: Some("deploy".into()), ..bed.endpoint("pve") }], bed.options()).unwrap();
    let script = "echo >>starts; cat /proc/self/cgroup >cgroup; until [ -e go ]; do sleep 0.02; done; id -un; exit 7";
    let request = operation("pve", &["sh", "-c", &format!("cd; {script}")], "1", "web");
    let others = async {
        eventually("its start", || node.path.join("home/deploy/cgroup").metadata().is_ok_and(|meta| meta.len() > 0))
            .await;
        if with {
            let cgroup = node.read("home/deploy/cgroup");
            assert!(cgroup.contains("/user@1001.service/"), "{cgroup}");
            node.exec("systemctl kill --signal=KILL 'session-*.scope'");
        } else {
            end_sessions(node, with).await;
        }
        node.write("home/deploy/go", "");
    };
    let (reply, ()) = tokio::join!(hosts.run(&request), others);
    let reply = reply.unwrap();
    assert_eq!((reply.code, text(&reply).as_str()), (7, "deploy\n"));
    assert_eq!(node.read("home/deploy/starts"), "\n", "it was started once");
}

#[tokio::test]
async fn a_runner_that_lives_is_not_joined_by_another() {
    let (bed, with) = machine(&[]);
    let node = bed.node("pve");
    let mut options = bed.options();
    let hold = ": >/root/reached; while [ -e /root/hold ]; do sleep 0.02; done";
    options.points = vec![("entered".to_string(), hold.to_string())];
    let hosts = Hosts::new(bed.endpoints(), options).unwrap();
    let request = operation("pve", &["sh", "-c", "echo >>/root/starts"], "1", "web");
    node.write("root/hold", "");
    let others = async {
        eventually("the runner", || node.path.join("root/reached").exists()).await;
        // The unit's name is taken when it is asked for again.
        end_sessions(node, with).await;
        let again = "ls /var/lib/hostler/ops/*/ | grep -c '^room' || true";
        eventually("another request", || node.exec(again) != "0\n").await;
        fs::remove_file(node.path.join("root/hold")).unwrap();
    };
    let (reply, ()) = tokio::join!(hosts.run(&request), others);
    assert_eq!(reply.unwrap().code, 0);
    assert_eq!(node.read("root/starts"), "\n");
}

#[tokio::test]
async fn what_a_command_leaves_behind_goes_on() {
    let (bed, with) = machine(&[]);
    let node = bed.node("pve");
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    let daemon = "setsid sh -c 'echo $$ >/root/pid; exec sleep infinity' </dev/null >/dev/null 2>&1 &";
    let reply = hosts.run(&operation("pve", &["sh", "-c", daemon], "1", "web")).await.unwrap();
    assert_eq!(reply.code, 0);
    eventually("the daemon", || !node.read("root/pid").is_empty()).await;
    end_sessions(node, with).await;
    let reply = hosts.run(&operation("pve", &["sh", "-c", "kill -0 $(cat /root/pid)"], "2", "web")).await.unwrap();
    assert_eq!(reply.code, 0, "{}", String::from_utf8_lossy(&reply.stderr));
}

/// A watch over the guest that `/root/guest` describes; its start says in which cgroup it was.
fn watch(step: &str, bound: u64) -> Watch {
    Watch {
        host: "pve".into(),
        user: None,
        subject: "web".into(),
        id: Operation::of_step("run", step, "pve", "web").id,
        bound: std::time::Duration::from_millis(bound),
        who: "run x".into(),
        identity: "101".into(),
        look: "cat /root/guest".into(),
        wake: "sed -n 's/^0:://p' /proc/self/cgroup >>/root/woken\nsed -i s/stopped/running/ /root/guest".into(),
    }
}

/// Looks at once and often.
fn fast(bed: &Bed) -> hostler::hosts::Options {
    let pace = ("pace".to_string(), "grace=0 pause=0.05 late=100 longest=100000".to_string());
    hostler::hosts::Options { points: vec![pace], ..bed.options() }
}

const STOPPED: &str = "found=yes\nkind=vm\nname=web\npower=stopped\n";

#[tokio::test]
async fn a_guest_is_started_by_the_watcher_when_controller_and_session_are_gone() {
    let (bed, with) = machine(&[]);
    let node = bed.node("pve");
    node.write("root/guest", &STOPPED.replace("stopped", "running"));
    let hosts = Hosts::new(bed.endpoints(), fast(&bed)).unwrap();
    let watch = watch("1", 3_600_000);
    hosts.watch(&watch).await.unwrap();
    if with {
        let shown = node.exec(&format!("systemctl show -p ActiveState,KillMode hostler-watch-{}", watch.id));
        assert_eq!(shown, "KillMode=process\nActiveState=active\n");
        // One that is killed is started again.
        let pid = || node.exec("cut -d ' ' -f 2 /var/lib/hostler/guests/web/watcher");
        let killed = pid();
        node.exec(&format!("kill -9 {killed}"));
        eventually("another watcher", || pid() != killed).await;
    }
    // Its time is over only when nobody is there any more.
    end_sessions(node, with).await;
    hosts.close().await;
    node.write("root/guest", STOPPED);
    let on = node.path.join("lib/hostler/guests/web/on");
    let text = fs::read_to_string(&on).unwrap();
    // Whole at once: the watcher reads it at any time, and takes one that is not whole for none.
    fs::write(on.with_extension("new"), text.replacen(" 360000 ", " 0 ", 1)).unwrap();
    fs::rename(on.with_extension("new"), &on).unwrap();
    eventually("its start", || !node.read("root/woken").is_empty()).await;
    eventually("the end of the watch", || !on.exists()).await;
    let woken = node.read("root/woken");
    if with {
        assert_eq!(woken, format!("/system.slice/hostler-watch-{}.service\n", watch.id));
        eventually("the end of the unit", || {
            node.exec("systemctl list-units --all --no-legend --plain 'hostler-*'").is_empty()
        })
        .await;
    }
    assert_eq!(woken.lines().count(), 1, "{woken}");
}

#[tokio::test]
async fn a_guest_that_was_off_when_its_hypervisor_lost_its_power_is_started_after_the_boot() {
    if !systemd_runs() {
        // tests/watches.rs sees that the watcher goes on when the unit's command is run by hand.
        return;
    }
    let (mut bed, _) = machine(&[]);
    bed.node("pve").write("root/guest", STOPPED);
    let hosts = Hosts::new(bed.endpoints(), fast(&bed)).unwrap();
    hosts.watch(&watch("1", 3_600_000)).await.unwrap();
    hosts.close().await;
    let node = bed.node("pve");
    assert_eq!(node.exec("systemctl is-enabled hostler-watch.service"), "enabled\n");
    let boot = node.exec("cat /proc/sys/kernel/random/boot_id");
    // The bound counts from the boot. The bed's machines have this machine's boot clock, so it is made to be over now.
    let up = fs::read_to_string("/proc/uptime").unwrap();
    let on = node.path.join("lib/hostler/guests/web/on");
    let text = fs::read_to_string(&on).unwrap();
    bed.kill("pve");
    fs::write(&on, text.replacen(" 360000 ", &format!(" {}00 ", up.split('.').next().unwrap()), 1)).unwrap();
    assert_eq!(bed.node("pve").read("root/woken"), "");
    bed.reboot("pve");
    let node = bed.node("pve");
    assert_ne!(node.exec("cat /proc/sys/kernel/random/boot_id"), boot);
    eventually("its start", || !node.read("root/woken").is_empty()).await;
    assert_eq!(node.read("root/woken"), "/system.slice/hostler-watch.service\n");
    eventually("the end of the watch", || !on.exists()).await;
    node.until("! systemctl is-active hostler-watch.service");
    assert_eq!(node.exec("systemctl --failed --no-legend"), "");

    // The host is given back as it was.
    let hosts = Hosts::new(bed.endpoints(), fast(&bed)).unwrap();
    hosts.remove("pve", None).await.unwrap();
    let left =
        "ls -d /var/lib/hostler /etc/systemd/system/*hostler* /etc/systemd/system/*/*hostler* 2>/dev/null || true";
    assert_eq!(node.exec(left), "");
    let known = "systemctl list-units --all --no-legend 'hostler*'";
    assert_eq!(node.exec(known), "");
}

/// A hypervisor `pve` with the guest `pbs`, and `ctl`, which runs plans; both have systemd.
struct Controlled {
    site: Site,
}

/// Where no systemd can be run: what is true without one is in tests/killed.rs.
fn controlled() -> Option<Controlled> {
    systemd_runs().then(|| {
        let mut site = Site::with(&[SYSTEMD], "vmid: 101\n");
        site.bed.start("ctl", &[SYSTEMD, ("users", "bob:1717:/bin/sh")]);
        // Wherever the program was built, it is within reach there.
        fs::copy(env!("CARGO_BIN_EXE_hostler"), site.bed.path.join("hostler")).unwrap();
        Controlled { site }
    })
}

impl Controlled {
    fn node(&self) -> &Node {
        self.site.bed.node("ctl")
    }

    /// What the program's command line begins with.
    fn hostler(&self) -> String {
        let (bed, folder) = (self.site.bed.path.display(), self.site.folder.display());
        format!("env --chdir={folder} HOME=/root XDG_STATE_HOME=/root/state {bed}/hostler")
    }

    fn run(&self) -> String {
        format!("{} run -e '{CARD}' --target pbs", self.hostler())
    }

    /// Starts a service; what it prints is in `/root/out`.
    fn service(&self, name: &str, words: &str) {
        self.node().write("root/out", "");
        let out = "-p StandardOutput=append:/root/out -p StandardError=append:/root/out";
        self.node().exec(&format!("systemd-run --quiet --unit={name} {out} {words}"));
    }

    /// Waits until the service has printed it.
    fn says(&self, line: &str) {
        until(&format!("`{line}`"), || self.node().read("root/out").contains(line));
    }

    fn reboots(&self) -> usize {
        self.site.calls().iter().filter(|call| call.contains("reboot")).count()
    }

    /// The scopes in which runs are.
    fn scopes(&self) -> Vec<String> {
        let listed = self.node().exec("systemctl list-units --all --no-legend --plain 'hostler-run-*'");
        listed.lines().filter_map(|line| Some(line.split_once(' ')?.0.to_string())).collect()
    }
}

#[test]
fn whoever_stops_the_service_that_started_a_run_does_not_end_the_run() {
    let Some(ctl) = controlled() else { return };
    // Started by the manager itself, and by a script that it started.
    for (name, by) in [("nightly", ""), ("runner", "sh -c '\"$@\"; echo never' sh ")] {
        let before = ctl.reboots();
        ctl.service(name, &format!("{by}{}", ctl.run()));
        ctl.says("on pve: qm reboot 101");
        ctl.node().exec(&format!("systemctl stop {name}"));
        ctl.node().until(&format!("! systemctl is-active {name}"));
        assert_eq!(ctl.scopes().len(), 1);
        ctl.says("guest  result");
        until("the end of the scope", || ctl.scopes().is_empty());
        let out = ctl.node().read("root/out");
        assert!(out.contains("✓ verified: new boot") && !out.contains("warning") && !out.contains("never"), "{out}");
        assert_eq!(ctl.reboots(), before + 1);
    }
}

#[test]
fn a_plan_may_stop_the_service_that_started_it() {
    let Some(ctl) = controlled() else { return };
    fs::write(ctl.site.folder.join("inventory/ctl.ini"), "ctl ansible_connection=local\n").unwrap();
    let plan = "on guest: systemctl stop nightly; on guest: touch /root/end";
    ctl.service("nightly", &format!("{} run -e '{plan}' --target ctl", ctl.hostler()));
    ctl.says("ctl    done");
    assert!(ctl.node().path.join("root/end").exists());
    ctl.node().until("! systemctl is-active nightly");
}

#[test]
fn a_service_ends_as_its_run_does() {
    let Some(ctl) = controlled() else { return };
    let hostler = ctl.hostler();
    for (plan, code) in [("on guest reading: true", "0"), ("on guest reading: false", "1"), ("nonsense", "2")] {
        ctl.service("nightly", &format!("-p RemainAfterExit=yes {hostler} run -e '{plan}' --target pbs"));
        ctl.node().until("! systemctl show -p SubState nightly | grep -q running");
        let status = ctl.node().exec("systemctl show -p ExecMainStatus --value nightly");
        assert_eq!(status, format!("{code}\n"), "{}", ctl.node().read("root/out"));
        ctl.node().exec("systemctl stop nightly; systemctl reset-failed");
        assert_eq!(ctl.scopes(), [""; 0]);
    }
}

/// The folder of a user `bob`, as a site of its own whose one host is the machine itself.
fn site_of_bob(ctl: &Controlled) -> String {
    let node = ctl.node();
    node.write("home/bob/inventory/hosts.ini", "here ansible_connection=local\n");
    node.write("home/bob/wait", "cd /home/bob\nwhile [ -e hold ]; do sleep 0.02; done\necho >end\n");
    node.write("home/bob/hold", "");
    let bed = ctl.site.bed.path.display();
    node.exec(&format!("chown -R bob:bob /home/bob; chmod 755 {bed}"));
    format!("runuser -u bob -- env --chdir=/home/bob HOME=/home/bob {bed}/hostler")
}

/// Starts a service of bob's own manager with a run that waits for the end of `hold`.
fn nightly_of_bob(ctl: &Controlled) {
    let node = ctl.node();
    node.exec("loginctl enable-linger bob");
    node.until("[ -S /run/user/1717/bus ] && systemctl is-active user@1717");
    let out = "-p StandardOutput=append:/home/bob/out -p StandardError=append:/home/bob/out";
    let run = format!("{}/hostler run -e 'on guest: sh /home/bob/wait' --target here", ctl.site.bed.path.display());
    node.exec(&format!(
        "{BOB} systemd-run --user --quiet --unit=nightly -p WorkingDirectory=/home/bob -E HOME=/home/bob {out} {run}"
    ));
    says_to_bob(ctl, "on here: sh /home/bob/wait");
}

const BOB: &str = "runuser -u bob -- env XDG_RUNTIME_DIR=/run/user/1717";

fn says_to_bob(ctl: &Controlled, line: &str) {
    until(&format!("`{line}`"), || ctl.node().read("home/bob/out").contains(line));
}

#[test]
fn a_run_leaves_the_service_of_a_users_own_manager_too() {
    let Some(ctl) = controlled() else { return };
    site_of_bob(&ctl);
    nightly_of_bob(&ctl);
    ctl.node().exec(&format!("{BOB} systemctl --user stop nightly"));
    fs::remove_file(ctl.node().path.join("home/bob/hold")).unwrap();
    says_to_bob(&ctl, "here   done");
    assert!(ctl.node().path.join("home/bob/end").exists());
    let out = ctl.node().read("home/bob/out");
    assert!(!out.contains("warning"), "{out}");
}

#[test]
fn a_user_has_a_service_of_their_own_or_none() {
    let Some(ctl) = controlled() else { return };
    let hostler = site_of_bob(&ctl);
    let node = ctl.node();
    // Nobody manages bob's services yet.
    let install = format!("{hostler} service install");
    let failed = node.output(&["sh", "-c", &install]);
    assert_eq!(failed.status.code(), Some(2), "{}", String::from_utf8_lossy(&failed.stdout));
    assert_eq!(node.exec("find /home/bob/.config -name 'hostler*'"), "");

    nightly_of_bob(&ctl);
    let said = node.exec(&install);
    assert!(said.contains("loginctl enable-linger"), "{said}");
    // The command is in the same scope, as of any user who is not root, and is left alone.
    node.exec(&format!(
        "{BOB} systemctl --user list-units 'hostler-run-*' | sed -n 's/.*run-\\([0-9]*\\).*/kill -9 \\1/p' | sh"
    ));
    node.until(&format!("{BOB} systemctl --user is-failed nightly"));
    node.exec(&format!("{BOB} systemctl --user start hostler-resume.service"));
    fs::remove_file(node.path.join("home/bob/hold")).unwrap();
    until("the end of the run", || node.exec(&format!("{hostler} runs")).contains("1 done"));
    assert_eq!(node.exec(&format!("{hostler} service remove")), "removed\n");
}

#[test]
fn what_runs_in_a_session_or_in_the_lab_stays_where_it_is() {
    let Some(ctl) = controlled() else { return };
    let ssh = format!("{}/ssh_config", ctl.site.bed.path.display());
    let mut ssh_to = Command::new("ssh");
    ssh_to.args(["-F", &ssh, "-p", &ctl.node().port.to_string(), "-l", "root", &ctl.node().address, &ctl.run()]);
    let mut child = ssh_to.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("on pve: qm reboot 101")));
    assert_eq!(ctl.scopes(), [""; 0]);
    assert!(lines.any(|line| line.contains("✓ verified")));
    lines.for_each(drop);
    assert!(child.wait().unwrap().success());
    // Without a bus nothing is asked of anybody.
    ctl.node().exec("systemctl stop dbus.socket dbus.service");
    ctl.service("lab", &format!("{} --lab", ctl.run()));
    ctl.says("guest  result");
    ctl.service("nightly", &ctl.run());
    ctl.says("guest  result");
    let out = ctl.node().read("root/out");
    assert!(
        out.starts_with("warning: the run can not leave `nightly.service`, and is ended when that is stopped: "),
        "{out}"
    );
    assert!(out.contains("✓ verified: new boot"), "{out}");
}

impl Controlled {
    /// Kills a service's run as whoever has no patience with it: with everything that it has started.
    fn kill_run(&self) {
        self.node().exec("systemctl kill --signal=KILL 'hostler-run-*.scope'");
    }

    /// What the program says of the runs.
    fn runs(&self) -> String {
        self.node().exec(&format!("{} runs", self.hostler()))
    }

    fn install(&self) {
        let said = self.node().exec(&format!("{} service install", self.hostler()));
        assert!(said.starts_with("installed `/etc/systemd/system/hostler-resume.timer`"), "{said}");
    }
}

#[test]
fn the_service_goes_on_with_a_run_that_was_killed() {
    let Some(ctl) = controlled() else { return };
    ctl.install();
    assert_eq!(ctl.node().exec("systemctl is-active hostler-resume.timer"), "active\n");
    assert_eq!(ctl.node().exec("systemctl is-enabled hostler-resume.timer"), "enabled\n");
    ctl.service("nightly", &ctl.run());
    ctl.says("on pve: qm reboot 101");
    ctl.kill_run();
    ctl.node().until("systemctl is-failed nightly");
    ctl.node().exec("systemctl start hostler-resume.service");
    until("the end of the run", || ctl.runs().contains("1 done"));
    assert_eq!(ctl.reboots(), 1);
    until("the end of the scope", || ctl.scopes().is_empty());
    assert!(!ctl.node().output(&["systemctl", "is-failed", "hostler-resume.service"]).status.success());

    assert_eq!(ctl.node().exec(&format!("{} service remove", ctl.hostler())), "removed\n");
    assert_eq!(ctl.node().exec("systemctl list-units --all --no-legend --plain 'hostler*'"), "");
    assert_eq!(ctl.node().exec("find /etc/systemd/system -name '*hostler*'"), "");
}

#[test]
fn after_a_boot_the_service_goes_on_by_itself() {
    let Some(mut ctl) = controlled() else { return };
    ctl.install();
    ctl.service("nightly", &ctl.run());
    ctl.says("on pve: qm reboot 101");
    ctl.site.bed.reboot("ctl");
    assert!(!ctl.runs().contains("1 done"), "{}", ctl.runs());
    until("the end of the run", || ctl.runs().contains("1 done"));
    assert_eq!(ctl.reboots(), 1);
}

#[test]
fn a_run_that_goes_on_for_long_keeps_no_other_from_being_resumed_and_survives_the_service() {
    let Some(ctl) = controlled() else { return };
    ctl.install();
    fs::write(ctl.site.folder.join("inventory/ctl.ini"), "ctl ansible_connection=local\n").unwrap();
    ctl.node().write("root/wait", "while [ ! -e /root/go ]; do sleep 0.02; done\n");
    ctl.service("long", &format!("{} run -e 'on guest: sh /root/wait' --target ctl", ctl.hostler()));
    ctl.says("on ctl: sh /root/wait");
    ctl.kill_run();
    ctl.node().exec("systemctl start --no-block hostler-resume.service");
    until("the first is resumed", || ctl.runs().matches("under way").count() == 1);
    let first = ctl.scopes();

    ctl.service("nightly", &ctl.run());
    ctl.says("on pve: qm reboot 101");
    let scopes = ctl.scopes();
    let second: Vec<&String> = scopes.iter().filter(|scope| !first.contains(scope)).collect();
    ctl.node().exec(&format!("systemctl kill --signal=KILL {}", second[0]));
    ctl.node().until("systemctl is-failed nightly");
    ctl.node().exec("systemctl start --no-block hostler-resume.service");
    until("the end of the second", || ctl.runs().contains("1 done"));
    assert_eq!(ctl.reboots(), 1);

    ctl.node().exec("systemctl stop hostler-resume.service");
    assert!(ctl.runs().contains("under way"), "{}", ctl.runs());
    ctl.node().write("root/go", "");
    until("the end of the first", || ctl.runs().matches("1 done").count() == 2);
}

#[test]
fn when_its_machine_goes_down_a_run_is_handed_off_though_its_connections_die_with_it() {
    let Some(ctl) = controlled() else { return };
    ctl.install();
    fs::write(ctl.site.folder.join("hostler.toml"), "controller = \"pbs\"\n").unwrap();
    ctl.service("nightly", &ctl.run());
    ctl.says("on pve: qm reboot 101");
    // As at a shutdown: the run, its connections and the service, all at once.
    ctl.node().exec("systemctl stop 'hostler-run-*.scope' nightly.service");
    ctl.says("the run goes on after its boot");
    ctl.node().exec("systemctl start hostler-resume.service");
    until("the end of the run", || ctl.runs().contains("1 done"));
    assert_eq!(ctl.reboots(), 1);
}

#[test]
fn a_machine_restarts_itself_and_is_seen_in_its_new_boot() {
    let Some(mut ctl) = controlled() else { return };
    let web = ctl.site.bed.start("web", &[SYSTEMD]);
    let text = format!("web ansible_host={} ansible_port={} ansible_user=root\n", web.address, web.port);
    fs::write(ctl.site.folder.join("inventory/web.ini"), text).unwrap();
    for command in ["reboot", "systemctl reboot"] {
        let before = ctl.site.bed.node("web").read("boot_id");
        let ran = ctl.site.hostler(&["run", "-e", &format!("on guest: {command}"), "--target", "web"]);
        let after = ctl.site.bed.node("web").read("boot_id");
        assert_ne!(after, before);
        let proof = format!("new boot {} (was {})", &after[..8], &before[..8]);
        assert!(ran.code == 0 && ran.out.contains(&proof), "{}", ran.out);
    }
}
