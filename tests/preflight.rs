//! What a preflight finds in the lab, for guests and hypervisors that are other than well.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can not go on should stop")]

mod lab;

use std::sync::Arc;

use hostler::lab::Lab;
use hostler::machine::State;
use hostler::preflight::{Answers, Preflight, Row, Suggestions, Wants, lists, questions};
use hostler::run::drive;

const RESTART: &str = "on hypervisor: qm reboot $vmid; await ssh(guest); require agent(guest)";

/// A preflight that is over.
struct Found {
    preflight: Preflight,
    /// The commands that were run on other machines than this one, each with its host.
    commands: Vec<String>,
    only_read: bool,
}

fn asked(code: &Arc<hostler::code::Code>, change: impl FnOnce(&mut Lab)) -> (Answers, State, Lab) {
    let mut lab = Lab::new(code);
    change(&mut lab);
    let mut answers = Answers::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let asking = drive(code.clone(), &mut lab, Vec::new(), std::future::pending, |note| answers.take(note));
    let state = runtime.block_on(asking);
    (answers, state, lab)
}

/// The preflight of a plan for one host; `change` makes the lab's machines other than well.
fn preflight_for(host: &str, statements: &str, change: impl FnOnce(&mut Lab)) -> Found {
    let (said, code) = lab::check(&format!("use std.apt\nplan test for guest in {host} {{\n{statements}\n}}\n"));
    preflight_of(&code.unwrap_or_else(|| panic!("{said:#?}")), change)
}

fn preflight_of(code: &Arc<hostler::code::Code>, change: impl FnOnce(&mut Lab)) -> Found {
    let wants = Wants::of(code);
    let (answers, state, lab) = asked(&Arc::new(questions(code, &wants)), change);
    let preflight = Preflight::of(code, &wants, &answers, &state);
    let words = |run: &hostler::machine::Run| match run.argv.as_slice() {
        [_, option, script, ..] if option == "-c" => script.trim_start().lines().next().unwrap().to_string(),
        words => words.join(" "),
    };
    let elsewhere = lab.runs().filter(|run| run.host != "controller");
    let commands = elsewhere.map(|run| format!("{}: {}", run.host, words(run))).collect();
    Found { preflight, commands, only_read: lab.runs().all(|run| run.operation.is_none()) }
}

/// That of a restart of the virtual machine `web`.
fn of_web(change: impl FnOnce(&mut hostler::lab::Machine)) -> Found {
    preflight_for("web", RESTART, |lab| change(lab.machine("web").unwrap()))
}

impl Found {
    fn row(&self, name: &str) -> &Row {
        let rows = self.preflight.targets.iter().chain(&self.preflight.hosts);
        rows.into_iter().find(|row| row.name == name).unwrap_or_else(|| panic!("no {name}"))
    }

    /// The plan could not start because of this host: the verdict, and what is said.
    fn is_refused(&self, name: &str, word: &str, message: &str) {
        assert!(self.only_read && !self.preflight.is_ready());
        let row = self.row(name);
        let [problem] = row.problems.as_slice() else { panic!("{:#?}", row.problems) };
        assert_eq!((problem.word, problem.message.as_str()), (word, message));
        let text = self.preflight.text();
        assert!(text.contains(&format!("NO: {word}")) && text.contains(&format!("\n{name}: {message}\n")), "{text}");
        assert!(text.ends_with("The plan could not start now: 0 of 1 targets ready.\n"), "{text}");
    }

    fn is_ready(&self) {
        assert!(self.only_read && self.preflight.is_ready(), "{}", self.preflight.text());
    }
}

/// The program itself, in the lab and for the plan's examples.
fn hostler(arguments: &[&str]) -> (i32, String) {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hostler"));
    let output = command.args(["preflight", "--lab"]).args(arguments).current_dir(root).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_program_says_by_its_exit_code_whether_the_plan_could_start() {
    let plan = "tests/examples/valid/patch_pbs.plan";
    let (code, out) = hostler(&[plan, "--site", "tests/examples/site", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json["ready"], &json["targets"][0]["name"]), (0, &true.into(), &"pbs".into()));
    assert_eq!(json["targets"][0]["facts"]["agent"], "yes");
    let missing = "tests/examples/invalid_sites/vmid_missing";
    let plan = format!("{missing}/card.plan");
    assert_eq!(hostler(&[&plan, "--target", "pbs"]), (2, String::new()), "it is refused as a run is");
    let (code, out) = hostler(&[&plan, "--target", "pbs", "--suggest"]);
    assert_eq!(code, 0);
    assert!(out.starts_with(&format!("# {missing}/inventory/host_vars/pbs.yml\nvmid: ")), "{out}");
}

#[test]
fn all_is_well() {
    let found = of_web(|_| {});
    found.is_ready();
    assert_eq!(
        found.preflight.text(),
        "target  ssh  hypervisor  identity  power    agent  lock  managed  free   verdict
web     yes  pve         yes       running  yes    no    no       22GiB  ready

host  ssh  sudo        quorum  free   verdict
pve   yes  not needed  yes     22GiB  ready

The plan could start now.
"
    );
}

#[test]
fn a_guest_of_another_name() {
    of_web(|web| web.guest_name = "mail".to_string()).is_refused(
        "web",
        "other guest",
        "guest 101 on `pve` is called `mail`, not `web`; if that is right, write `vm_name: mail` into `inventory/host_vars/web.yml`",
    );
}

#[test]
fn a_template() {
    of_web(|web| web.template = true).is_refused(
        "web",
        "template",
        "101 on `pve` is a template (`web`), which is never started; look at `vmid` in `inventory/host_vars/web.yml`",
    );
}

#[test]
fn a_container_that_is_given_as_a_virtual_machine_and_the_other_way_round() {
    of_web(|web| web.driver = "proxmox_ct".to_string()).is_refused(
        "web",
        "other kind",
        "101 on `pve` is a container, not a virtual machine; write `hostler_driver: proxmox_ct` into `inventory/host_vars/web.yml`",
    );
    let found = preflight_for("files", "restart(guest)", |lab| {
        lab.machine("files").unwrap().driver = "proxmox".to_string();
    });
    found.is_refused(
        "files",
        "other kind",
        "120 on `pve` is a virtual machine, not a container; write `hostler_driver: proxmox` into `inventory/host_vars/files.yml`",
    );
}

#[test]
fn a_guest_that_was_migrated() {
    of_web(|web| web.hypervisor = Some("pve2".to_string())).is_refused(
        "web",
        "elsewhere",
        "guest 101 is not on `pve` but on the node `pve2`: it has been migrated; write `hypervisor: …` with that node's name in the inventory into `inventory/host_vars/web.yml`",
    );
    // A node that the inventory has is named as it is there.
    let found = of_web(|web| web.hypervisor = Some("KVM".to_string()));
    assert!(found.preflight.text().contains("write `hypervisor: kvm` into"), "{}", found.preflight.text());
}

#[test]
fn an_id_that_is_nobodys() {
    of_web(|web| web.identity = Some("999".to_string())).is_refused(
        "web",
        "no guest",
        "`pve` has no guest 101; look at `vmid` in `inventory/host_vars/web.yml`",
    );
}

#[test]
fn a_paused_guest_whose_hypervisors_files_do_not_tell() {
    let found = of_web(|web| {
        web.paused = true;
        web.ssh = false;
        web.agent_answers = false;
    });
    found.is_refused("web", "paused", "`web` is paused on `pve`, and hears nothing: resume it there first");
    assert_eq!(found.row("web").facts["power"], "paused");
    let found = preflight_for("wiki", "restart(guest)", |lab| {
        let wiki = lab.machine("wiki").unwrap();
        (wiki.paused, wiki.ssh, wiki.agent_answers) = (true, false, false);
    });
    found.is_refused("wiki", "paused", "`wiki` is paused on `kvm`, and hears nothing: resume it there first");
}

#[test]
fn a_paused_guest_is_refused_by_the_guard_too() {
    let pause = |web: &mut hostler::lab::Machine| {
        (web.paused, web.ssh, web.agent_answers) = (true, false, false);
    };
    let why = "refused: agent: `web` is paused on `pve`, and hears nothing; resume it there first";
    assert_eq!(lab::run("", "on hypervisor: qm reboot $vmid", pause).why(), why);
    // One that is not paused is told of its agent.
    let ran = lab::run("", "on hypervisor: qm reboot $vmid", |web| web.agent_answers = false);
    assert_eq!(ran.why(), "refused: agent: the guest agent of `web` does not answer: QEMU guest agent is not running");
}

#[test]
fn a_guest_that_is_off() {
    let off = |lab: &mut Lab| {
        let web = lab.machine("web").unwrap();
        (web.running, web.ssh, web.agent_answers) = (false, false, false);
    };
    preflight_for("web", RESTART, off).is_refused(
        "web",
        "off",
        "`web` is off on `pve`, and the plan would leave it so: start it, or leave it out with `--limit`",
    );
    // A plan that starts it wants nothing else.
    preflight_for("web", "on hypervisor: qm start $vmid", off).is_ready();
}

#[test]
fn a_guest_that_is_locked() {
    let lock = |lab: &mut Lab| lab.machine("web").unwrap().lock = Some("backup".to_string());
    preflight_for("web", RESTART, lock).is_refused(
        "web",
        "locked",
        "`web` is locked (backup); wait until that has ended, or write `when locked wait 30m` before the colon",
    );
    let waits = preflight_for("web", "on hypervisor when locked wait 30m: qm reboot $vmid", lock);
    waits.is_ready();
    let text = waits.preflight.text();
    assert!(text.contains("`web` is locked (backup); the plan waits 30m for that at most"), "{text}");
    assert!(!preflight_for("web", "require not locked(guest)", lock).preflight.is_ready());
}

#[test]
fn an_agent_that_does_not_answer() {
    let found = of_web(|web| web.agent_answers = false);
    found.is_refused("web", "agent", "the guest agent of `web` does not answer: QEMU guest agent is not running");
}

#[test]
fn no_device_for_the_agent() {
    let found = of_web(|web| (web.agent_set, web.agent_device, web.agent_answers) = (false, false, false));
    let [problem] = found.row("web").problems.as_slice() else { panic!() };
    assert_eq!(problem.word, "no agent device");
    assert!(problem.message.contains("`qm set 101 --agent 1` on pve"), "{}", problem.message);
}

#[test]
fn an_agent_that_may_not_shut_down() {
    let found = of_web(|web| web.agent_refuses_shutdown = true);
    let [problem] = found.row("web").problems.as_slice() else { panic!() };
    assert!(problem.message.contains("does not offer `guest-shutdown`"), "{}", problem.message);
}

#[test]
fn an_agent_that_the_plan_repairs_keeps_nothing_from_starting() {
    let dead = |lab: &mut Lab| lab.machine("web").unwrap().agent_answers = false;
    for plan in [
        "use std.agent.qemu_ga_fix\nplan test for guest in web { qemu_ga_fix(guest); restart(guest) }",
        "plan test for guest in web { on guest as root: apt-get -y install qemu-guest-agent; restart(guest) }",
        "plan test for guest in web { mend(guest); on hypervisor: qm reboot $vmid }\n\
         task mend(vm: Guest) { on vm as root: systemctl restart qemu-guest-agent }",
    ] {
        let (said, code) = lab::check(plan);
        let found = preflight_of(&code.unwrap_or_else(|| panic!("{said:#?}")), dead);
        found.is_ready();
        let text = found.preflight.text();
        assert!(text.contains("QEMU guest agent is not running; the plan sees to that"), "{plan}:\n{text}");
    }
    for plan in [
        "on hypervisor: qm reboot $vmid; await ssh(guest); on guest as root: systemctl restart qemu-guest-agent",
        "on guest reading: systemctl is-active qemu-guest-agent; on hypervisor: qm reboot $vmid",
    ] {
        assert!(!preflight_for("web", plan, dead).preflight.is_ready(), "{plan}");
    }
}

#[test]
fn a_guest_that_its_cluster_manages() {
    let manage = |lab: &mut Lab| lab.machine("web").unwrap().ha = Some("started".to_string());
    let raw = preflight_for("web", "on hypervisor: qm shutdown $vmid; on hypervisor: qm start $vmid", manage);
    raw.is_refused(
        "web",
        "managed",
        "the cluster keeps `web` started, and would act against this; write `restart(guest)`, `shutdown(guest)` or `start(guest)`, which ask the cluster",
    );
    let found = preflight_for("web", "restart(guest)", manage);
    found.is_ready();
    assert_eq!(found.row("web").facts["managed"], "started");
}

#[test]
fn a_cluster_without_quorum() {
    let found = preflight_for("web", RESTART, |lab| lab.machine("pve").unwrap().quorum = false);
    found.is_refused(
        "pve",
        "no quorum",
        "the cluster of `pve` has no quorum: what is shut down there can not be started again; bring its other nodes back first",
    );
    assert_eq!(found.row("web").waits_for, ["pve"]);
    // A plan that only looks needs none.
    preflight_for("web", "require identity(guest)", |lab| lab.machine("pve").unwrap().quorum = false).is_ready();
}

#[test]
fn a_guest_that_can_not_be_reached() {
    let found = of_web(|web| web.ssh = false);
    found.is_refused("web", "unreachable", "`web` can not be reached: connection refused; it may be starting");
    assert_eq!(found.row("web").facts["agent"], "yes");
}

#[test]
fn a_hypervisor_that_can_not_be_reached_is_blamed_once() {
    let found = preflight_for("web", RESTART, |lab| lab.machine("pve").unwrap().running = false);
    found.is_refused("pve", "unreachable", "`pve` can not be reached: no answer; it may be off");
    assert_eq!(found.row("web").problems, []);
    assert!(found.preflight.text().contains("NO: pve\n"), "{}", found.preflight.text());
    assert_eq!(found.preflight.text().matches("can not be reached").count(), 1);
}

#[test]
fn what_is_asked_follows_the_plan() {
    let found = preflight_for("web", "on guest: uptime", |_| {});
    found.is_ready();
    assert_eq!(found.commands, ["web: # machine"]);
    assert_eq!(found.preflight.hosts, []);
    let found = preflight_for("web", "require identity(guest)", |_| {});
    assert_eq!(found.commands, ["pve: # machine"], "the agent is nobody's concern, nor is ssh");
    let found = preflight_for("web", "on guest as postgres: uptime", |_| {});
    assert_eq!(found.commands, ["web: # machine", "web: true"]);
}

#[test]
fn the_guests_of_a_hypervisor_that_restarts_are_not_locked() {
    let found = preflight_for("pve", "on guest: reboot", |lab| {
        lab.machine("web").unwrap().lock = Some("backup".to_string());
    });
    assert!(!found.preflight.is_ready());
    assert_eq!(found.row("pve").problems, []);
    assert_eq!(found.row("web").problems[0].word, "locked");
}

#[test]
fn the_machine_that_runs_the_plan_is_the_one_that_is_named() {
    let plan = "plan test for guest in web { on guest: uptime }";
    let with = |controller: Option<&str>| {
        let mut code = (*lab::check(plan).1.unwrap()).clone();
        code.controller = controller.map(str::to_string);
        Arc::new(code)
    };
    preflight_of(&with(Some("nas")), |_| {}).is_ready();
    // In a lab whose controller is another machine than the one that is named.
    let found = preflight_of(&with(Some("nas")), |lab| lab.machine("controller").unwrap().boot = 2);
    assert!(
        found.preflight.problems[0]
            .message
            .starts_with("`nas` is to be the machine that runs the plan, and is another")
    );
    let found = preflight_of(&with(Some("nobody")), |_| {});
    assert_eq!(
        found.preflight.problems[0].message,
        "`controller = \"nobody\"` of `hostler.toml` is no host of the inventory"
    );
    let found = preflight_of(&with(None), |lab| lab.machine("controller").unwrap().name = "web".to_string());
    assert_eq!(
        found.preflight.problems[0].message,
        "the plan acts on `web`, which is this machine; write `controller = \"web\"` into `hostler.toml`"
    );
}

/// What the lists of the hypervisors give for `web` and others, whose identity may be missing.
fn suggested(inventory_changes: impl FnOnce(&mut hostler::code::Code), change: impl FnOnce(&mut Lab)) -> Suggestions {
    let mut code = (*lab::check("plan test for guest in all { on guest: uptime }").1.unwrap()).clone();
    let hosts: Vec<String> =
        code.hosts.keys().filter(|name| ["web", "files", "wiki"].contains(&name.as_str())).cloned().collect();
    // The site is as it is; the inventory knows less of it.
    let real = Arc::new(lists(&code, &hosts));
    let (answers, _, _) = asked(&real, change);
    inventory_changes(&mut code);
    Suggestions::of(&code, &hosts, &answers)
}

fn forget(code: &mut hostler::code::Code, name: &str) {
    let facts = code.hosts.get_mut(name).unwrap();
    facts.identity = None;
    facts.role = hostler::code::Role::Undetermined;
}

#[test]
fn a_missing_identity_is_found_by_its_name() {
    let none = suggested(|_| {}, |_| {});
    assert_eq!((none.text().as_str(), none.is_clear()), ("# Nothing to add.\n", true));
    let suggestions = suggested(
        |code| ["web", "files", "wiki"].iter().for_each(|name| forget(code, name)),
        |lab| lab.machine("web").unwrap().guest_name = "WEB".to_string(),
    );
    assert!(suggestions.is_clear());
    assert_eq!(
        suggestions.text(),
        "# inventory/host_vars/web.yml\nvmid: 101\n\n# inventory/host_vars/files.yml\nvmid: 120\n\n# inventory/host_vars/wiki.yml\nlibvirt_domain: wiki\n"
    );
    assert_eq!(suggestions.json()["hosts"][0]["variables"]["vmid"], "101");
}

#[test]
fn another_kind_and_another_node_are_suggested() {
    let suggestions = suggested(
        |code| forget(code, "web"),
        |lab| {
            let web = lab.machine("web").unwrap();
            (web.driver, web.hypervisor) = ("proxmox_ct".to_string(), Some("KVM".to_string()));
        },
    );
    assert_eq!(
        suggestions.text(),
        "# inventory/host_vars/web.yml\nvmid: 101\nhypervisor: kvm\nhostler_driver: proxmox_ct\n"
    );
    // A node that the inventory does not know is a question.
    let suggestions = suggested(|_| {}, |lab| lab.machine("web").unwrap().hypervisor = Some("pve7".to_string()));
    assert!(suggestions.text().contains("# it is on the node `pve7`, which is no host of the inventory"));
}

#[test]
fn what_is_not_clear_is_asked_and_not_guessed() {
    let several =
        suggested(|code| forget(code, "web"), |lab| lab.machine("bare").unwrap().guest_name = "Web".to_string());
    assert!(!several.is_clear());
    assert_eq!(
        several.text(),
        "# inventory/host_vars/web.yml\n# 2 guests are called `web`: 130 on `pve`, 101 on `pve`; write the `vmid` of the one that is meant\n"
    );
    let nobody = suggested(|code| forget(code, "web"), |lab| lab.machine("web").unwrap().guest_name = "w3".to_string());
    assert!(nobody.text().contains("# `pve` lists no guest called `web`"), "{}", nobody.text());
    let renamed = suggested(|_| {}, |lab| lab.machine("web").unwrap().guest_name = "w3".to_string());
    assert_eq!(
        renamed.text(),
        "# inventory/host_vars/web.yml\n# 101 is called `w3` there, not `web`: is that the one? Then write `vm_name: w3`\n"
    );
    let dead = suggested(|code| forget(code, "web"), |lab| lab.machine("pve").unwrap().running = false);
    assert!(dead.text().contains("# `pve` could not be asked: `pve` can not be reached"), "{}", dead.text());
}
