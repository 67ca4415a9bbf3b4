//! Plans on Proxmox nodes with real OpenSSH servers and real guests, behind the `qm` of the testbed.

use std::time::Duration;

use crate::real::Real;
use testbed::GuestPlan;
use testbed::programs::{output, until, write};

const SOON: Duration = Duration::from_secs(60);

/// The card's line.
const CARD: &str = "on hypervisor: qm reboot $vmid; await ssh(guest); require agent(guest)";

fn on_two_nodes(plan: testbed::Plan) -> testbed::Plan {
    plan.node("pve1").node("pve2")
}

#[test]
fn the_cards_line_restarts_who_is_meant_and_nobody_else() {
    let guests = [GuestPlan::new("web1"), GuestPlan::new("web2").on("pve2"), GuestPlan::new("silent").but("noagent")];
    let site = Real::new("card", on_two_nodes, &guests);
    let web1 = site.guest("web1");
    web1.agent_answers().unwrap();
    let first = web1.boot_id().unwrap();
    site.hostler(&["run", "-e", CARD, "--target", "web1"]).code(0).has("agent answers");
    assert_ne!(web1.boot_id().unwrap(), first);
    site.is("web1", "running", 2);

    // The number of another guest of the same node.
    let other = site.0.folder.join("inventory/z.yml");
    write(&other, format!("all: {{hosts: {{web1: {{vmid: {}}}}}}}\n", site.guest("silent").vmid)).unwrap();
    let said = site.hostler(&["run", "-e", CARD, "--target", "web1"]);
    said.code(2).has("inventory/duplicate-vmid");
    write(&other, "all: {hosts: {silent: {vmid: 199}, web1: {vmid: 103}}}\n").unwrap();
    let said = site.hostler(&["run", "-e", CARD, "--target", "web1"]);
    said.code(1).has("guest 103 on `pve1` is called `silent`, not `web1`");
    std::fs::remove_file(other).unwrap();
    // Its agent is not running.
    let said = site.hostler(&["run", "-e", CARD, "--target", "silent"]);
    said.code(1).has("the guest agent of `silent` does not answer");
    site.is("silent", "running", 1);
    site.is("web1", "running", 2);

    // A backup holds it: without a word of the plan that is a refusal, else it is waited for.
    web1.node.exec("qm set 101 --lock backup").unwrap();
    site.hostler(&["run", "-e", CARD, "--target", "web1"]).code(1).has("`web1` is locked (backup)");
    let plan =
        "plan p for guest in web1 {\n  on hypervisor when locked wait 5m: qm reboot $vmid\n  await ssh(guest)\n}\n";
    let mut run = site.begins(&["run", &site.plan("locked.plan", plan)]);
    run.says("`web1` is locked (backup); its end is waited for, 5m at most");
    site.is("web1", "running", 2);
    web1.node.exec("qm unlock 101").unwrap();
    run.ends().code(0);
    site.is("web1", "running", 3);
}

#[test]
fn who_does_not_obey_is_rescued_and_who_does_not_come_back_is_told_of() {
    let guests =
        [GuestPlan::new("stubborn").but("deaf"), GuestPlan::new("web1"), GuestPlan::new("slow").but("slowagent=8")];
    let site = Real::new("rescue", |plan| plan.node("pve1"), &guests);
    let [stubborn, web1, slow] = ["stubborn", "web1", "slow"].map(|name| site.guest(name));
    stubborn.agent_answers().unwrap();
    let first = stubborn.boot_id().unwrap();
    let rescue = site.workflow("rescue.plan");
    let said = site.hostler(&["run", &rescue, "--target", "stubborn", "--set", "grace=5s"]);
    said.code(0).has("stubborn did not shut down").has("on pve1: qm stop 101");
    assert_ne!(stubborn.boot_id().unwrap(), first);
    site.is("stubborn", "running", 2);

    // Its agent comes late.
    slow.agent_answers().unwrap();
    let line = "on hypervisor: qm reboot $vmid; await ssh(guest); await agent(guest) within 1m";
    site.hostler(&["run", "-e", line, "--target", "slow"]).code(0).has("verified: new boot");
    site.is("slow", "running", 2);

    // It never comes back: what is said is what was seen last, and it is not left off.
    web1.next_start(|card| card.words.push("stuck".to_string())).unwrap();
    let line = "on hypervisor: qm reboot $vmid; await ssh(guest) within 20s; require agent(guest)";
    let said = site.hostler(&["run", "-e", line, "--target", "web1"]);
    said.code(1).has("web1 failed").has("within 20s");
    site.is("web1", "running", 2);
}

#[test]
fn a_connection_a_controller_and_a_hypervisor_that_fail_in_the_middle_start_nothing_twice() {
    let site = Real::new("cut", |plan| plan.node("pve1"), &[GuestPlan::new("web1").but("late=4")]);
    let (pve1, web1) = (site.0.node("pve1").unwrap(), site.guest("web1"));
    web1.agent_answers().unwrap();
    let reboots = || pve1.calls().iter().filter(|call| call.starts_with("reboot ")).count();

    // The connection is cut.
    let run = site.begins(&["run", "-e", CARD, "--target", "web1"]);
    until("the restart", SOON, || (reboots() == 1).then_some(())).unwrap();
    pve1.exec("pkill -9 -f '^sshd: root'").unwrap();
    run.ends().code(0);
    site.is("web1", "running", 2);

    // The controller is killed, and another goes on.
    let run = site.begins(&["run", "-e", CARD, "--target", "web1"]);
    until("the restart", SOON, || (reboots() == 2).then_some(())).unwrap();
    run.kill();
    site.hostler(&["resume"]).code(0).has("agent answers");
    site.is("web1", "running", 3);

    // The hypervisor's sshd stands still for as long as the guest is down.
    let run = site.begins(&["run", "-e", CARD, "--target", "web1"]);
    until("the restart", SOON, || (reboots() == 3).then_some(())).unwrap();
    pve1.exec("pkill -STOP -x sshd").unwrap();
    until("the start", SOON, || (web1.starts() == 4).then_some(())).unwrap();
    web1.answers().unwrap();
    pve1.exec("pkill -CONT -x sshd").unwrap();
    run.ends().code(0);
    assert_eq!(reboots(), 3);
    site.is("web1", "running", 4);

    // Its host key is another.
    let known = site.0.folder.join("known_hosts");
    let text = std::fs::read_to_string(&known).unwrap();
    let key = text.lines().find(|line| line.starts_with(&web1.address)).unwrap().split_once(' ').unwrap().1;
    let turned = text.lines().map(|line| match line.starts_with(&pve1.address) {
        true => format!("{} {key}\n", pve1.address),
        false => format!("{line}\n"),
    });
    write(&known, turned.collect::<String>()).unwrap();
    let said = site.hostler(&["run", "-e", CARD, "--target", "web1"]);
    said.code(1).has("Its host key has changed");
    site.is("web1", "running", 4);
}

#[test]
fn a_workflow_goes_through_its_group_one_of_a_pair_at_a_time() {
    let guests =
        [GuestPlan::new("web1"), GuestPlan::new("web2").on("pve2"), GuestPlan::new("zdeaf").on("pve2").but("deaf")];
    let site = Real::new("group", on_two_nodes, &guests);
    let pair = "all: {children: {dns_pair: {hosts: {web1: , web2: }}}}\n";
    write(&site.0.folder.join("inventory/pair.yml"), pair).unwrap();
    for guest in site.0.guests() {
        guest.agent_answers().unwrap();
    }
    // What each guest comes to, and how often it was started by then.
    for (workflow, code, comes_to) in [
        ("restart.plan", 1, [("web1", "done", 2), ("web2", "done", 2), ("zdeaf", "failed", 1)]),
        ("rescue.plan", 0, [("web1", "done", 3), ("web2", "done", 3), ("zdeaf", "done", 2)]),
    ] {
        let said = site.hostler(&["run", &site.workflow(workflow), "--set", "grace=20s"]);
        said.code(code);
        for (name, result, starts) in comes_to {
            said.has(&format!("{name:<6} {result}"));
            site.is(name, "running", starts);
        }
        let at = |text: &str| said.text.find(text).unwrap_or_else(|| panic!("no `{text}` in:\n{}", said.text));
        assert!(at("web1   done") < at("web2   begins"), "{}", said.text);
    }
}

/// The site's firewall, which drops what goes to the sshd of a node and what comes from it. Nobody is told.
struct Firewall<'a> {
    site: &'a testbed::Site,
    node: &'a testbed::Node,
}

impl Firewall<'_> {
    fn nft(&self, rules: &str) {
        output(self.site.enter("nft").arg(rules)).unwrap();
    }

    fn drops(&self) {
        let address = &self.node.address;
        self.nft(&format!(
            "add table inet cut; add chain inet cut to {{ type filter hook input priority 0; }}; \
             add rule inet cut to ip daddr {address} tcp dport 22 drop; \
             add rule inet cut to ip saddr {address} tcp sport 22 drop"
        ));
        let config = self.site.folder.join("ssh_config");
        let ssh = output(self.site.enter("ssh").arg("-F").arg(config).args([
            "-o",
            "ConnectTimeout=2",
            &self.node.name,
            "true",
        ]));
        assert!(ssh.unwrap_err().contains("timed out"), "the firewall drops nothing");
    }

    fn passes(&self) {
        self.nft("delete table inet cut");
    }
}

#[test]
fn a_firewall_that_drops_in_the_middle_of_a_restart_hides_it_and_starts_nothing_twice() {
    let site = Real::new("firewall", |plan| plan.node("pve1"), &[GuestPlan::new("web1").but("late=4")]);
    let (pve1, web1) = (site.0.node("pve1").unwrap(), site.guest("web1"));
    web1.agent_answers().unwrap();
    let reboots = || pve1.calls().iter().filter(|call| call.starts_with("reboot ")).count();
    let firewall = Firewall { site: &site.0, node: pve1 };

    // Shorter than a connection lives without an answer: the restart is over when it passes again.
    let first = web1.boot_id().unwrap();
    let run = site.begins(&["run", "-e", CARD, "--target", "web1"]);
    until("the restart", SOON, || (reboots() == 1).then_some(())).unwrap();
    firewall.drops();
    until("the start", SOON, || (web1.starts() == 2).then_some(())).unwrap();
    web1.answers().unwrap();
    firewall.passes();
    run.ends().code(0).has("agent answers");
    assert_ne!(web1.boot_id().unwrap(), first);
    assert_eq!(reboots(), 1);
    site.is("web1", "running", 2);

    // Longer: ssh gives the connection up, and the node is asked over another what became of the restart.
    let second = web1.boot_id().unwrap();
    let run = site.begins(&["run", "-e", CARD, "--target", "web1"]);
    until("the restart", SOON, || (reboots() == 2).then_some(())).unwrap();
    // Those to the guest are dropped before its power changes.
    let connections = output(site.0.enter("pgrep").args(["-x", "ssh"])).unwrap();
    let lives = || output(site.0.enter("ps").arg("-p").arg(connections.trim().replace('\n', ","))).is_ok();
    assert!(lives());
    firewall.drops();
    until("the end of the connection", SOON, || (!lives()).then_some(())).unwrap();
    firewall.passes();
    run.ends().code(0).has("agent answers");
    assert_ne!(web1.boot_id().unwrap(), second);
    assert_eq!(reboots(), 2);
    site.is("web1", "running", 3);

    // Longer than the plan waits for the command: the run says so, and stays until it knows how that has ended.
    let third = web1.boot_id().unwrap();
    let line = "on hypervisor within 10s: qm reboot $vmid; await ssh(guest); require agent(guest)";
    let mut run = site.begins(&["run", "-e", line, "--target", "web1"]);
    until("the restart", SOON, || (reboots() == 3).then_some(())).unwrap();
    firewall.drops();
    run.says("waits until `qm reboot $vmid`, which goes on on `pve1`, has ended");
    until("the start", SOON, || (web1.starts() == 4).then_some(())).unwrap();
    web1.answers().unwrap();
    firewall.passes();
    let said = run.ends();
    said.code(1).has("`qm reboot $vmid` on pve1 has ended with 0").has("`running` by the hypervisor");
    said.has("did not end within 10s and goes on there").has("to blame: pve1");
    assert_ne!(web1.boot_id().unwrap(), third);
    // There is nothing to go on with.
    site.hostler(&["resume"]).has("no run waits to be resumed");
    assert_eq!(reboots(), 3);
    site.is("web1", "running", 4);
}

#[test]
fn a_fleet_goes_down_one_per_hypervisor_and_a_pair_never_together() {
    let guests: Vec<GuestPlan> =
        (1..=20).map(|n| GuestPlan::new(&format!("web{n}")).on(&format!("pve{}", 1 + n % 3))).collect();
    let site = Real::new("fleet", |plan| plan.node("pve1").node("pve2").node("pve3"), &guests);
    let pair = "all: {children: {pair: {hosts: {web1: , web2: }}}}\n";
    write(&site.0.folder.join("inventory/pair.yml"), pair).unwrap();
    let boots = |site: &Real| -> Vec<String> { site.0.guests().iter().map(|guest| guest.boot_id().unwrap()).collect() };
    for guest in site.0.guests() {
        guest.agent_answers().unwrap();
    }
    let first = boots(&site);
    let plan = "plan fleet for guest in ubuntu_vms\n  never together pair\n  batches 1, 5, 100%\n  at most 1 per hypervisor\n{\n  restart(guest)\n}\n";
    let said = site.hostler(&["run", &site.plan("fleet.plan", plan)]);
    said.code(0);
    assert_eq!(said.text.matches("agent answers\n").count(), 2 * guests.len(), "{}", said.text);
    assert!(first.iter().zip(boots(&site)).all(|(old, new)| *old != new));
    // From the call of the restart to the moment at which the guest's own system began.
    let mut down: Vec<(f64, f64, &testbed::Guest)> = Vec::new();
    for guest in site.0.guests() {
        site.is(&guest.name, "running", 2);
        let log = std::fs::read_to_string(guest.node.folder().join("qm.log")).unwrap();
        let call = format!(" reboot {} ", guest.vmid);
        let calls: Vec<&str> = log.lines().filter(|line| format!("{line} ").contains(&call)).collect();
        assert_eq!(calls.len(), 1, "{log}");
        let seconds = |line: &str| line.split(' ').next().unwrap().parse::<f64>().unwrap();
        down.push((seconds(calls[0]), seconds(&guest.start_log()[1]), guest));
    }
    for (i, (from, until, one)) in down.iter().enumerate() {
        assert!(from < until, "{} went down before it was started", one.name);
        for (other_from, other_until, other) in &down[i + 1..] {
            let together = from < other_until && other_from < until;
            let is_pair = one.name == "web1" && other.name == "web2";
            let same_node = one.node.name == other.node.name;
            assert!(!together || !(is_pair || same_node), "{} and {} were down together", one.name, other.name);
        }
    }
    let together = down.iter().enumerate().any(|(i, (from, until, _))| {
        down[i + 1..].iter().any(|(other_from, other_until, _)| from < other_until && other_from < until)
    });
    assert!(together, "some go down at the same time");
}
