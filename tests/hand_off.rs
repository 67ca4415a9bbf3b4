//! Plans that take down the machine that they run on.

#![allow(clippy::unwrap_used, reason = "a test that can not go on says so by a panic")]

mod support {
    pub(crate) mod site;
}

use support::site::Site;

/// `control` runs the plans, and is a guest of `pve`.
fn site(name: &str, plan: &str) -> Site {
    let hosts = "all:\n  children:\n    guests:\n      vars: {hypervisor: pve}\n      hosts: {control: {vmid: 101}, web: {vmid: 102}}\n  hosts: {pve: , nas: {hypervisor: none}}\n";
    Site::new(&format!("hand-off-{name}"))
        .with("hostler.toml", "controller = \"control\"\n")
        .with("inventory/hosts.yml", hosts)
        .with("a.plan", plan)
}

#[test]
fn a_plan_that_takes_down_its_own_machine_is_not_begun() {
    for (name, plan, host) in [
        ("itself", "plan a for guest in control { restart(guest) }\n", "control"),
        ("beneath", "plan a for host in pve { on host: systemctl reboot }\n", "pve"),
        ("loop", "plan a for host in nas { for each in guests { restart(each) } }\n", "control"),
        ("run", "plan b { run a() }\nplan a for guest in control { restart(guest) }\n", "control"),
    ] {
        let site = site(name, plan);
        let plan = if name == "run" { "a.plan --plan b" } else { "a.plan" };
        let said = site.hostler(&format!("run {plan}"));
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{name}: {}", said.err);
        assert!(said.sentences().contains(&format!("takes down `{host}`")), "{name}: {}", said.err);
        let said = site.hostler(&format!("plan {plan}"));
        assert!(
            said.out.contains(&format!("hand-off: the machine that runs this plan goes down with {host}")),
            "{name}"
        );
        // In the lab the machine goes down, and the run goes on after its boot.
        assert_eq!(site.hostler(&format!("run {plan} --lab")).code, 0, "{name}");
    }
}

#[test]
fn others_do_not_matter() {
    for (name, plan) in [
        ("other", "plan a for guest in web { restart(guest) }\n"),
        ("reads", "plan a for guest in control { on guest: uptime }\n"),
        ("starts", "plan a for guest in control { start(guest) }\n"),
    ] {
        let said = site(name, plan).hostler("plan a.plan");
        assert_eq!(said.code, 0, "{name}: {}", said.err);
        assert!(!said.out.contains("hand-off"), "{name}: {}", said.out);
    }
}
