//! The `pct` of a node: its texts and exit codes, and containers that go down and come up.

use testbed::{GuestPlan, Node, Plan, Site};

/// What a call prints, both streams, and its exit code.
fn said(node: &Node, line: &str) -> (String, i32) {
    let output = node.command("sh").unwrap().args(["-c", line]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (text, output.status.code().unwrap())
}

#[test]
fn a_container_obeys_its_pct() {
    let plan = Plan::new(&format!("pct-{}", std::process::id())).node("pve1").slow(0);
    let plan = plan.guest(GuestPlan::new("box").container()).guest(GuestPlan::new("deaf").container().but("deaf"));
    let site = Site::up(&plan).unwrap();
    let (node, deaf) = (site.node("pve1").unwrap(), site.guest("deaf").unwrap());
    let is = |line: &str, text: &str, code: i32| assert_eq!(said(node, line), (text.to_string(), code), "{line}");

    is("pct status 101", "status: running\n", 0);
    let list = "VMID       Status     Lock         Name                \n";
    let rows =
        [("101", "box"), ("102", "deaf")].map(|(id, name)| format!("{id:<10} running    {:<12} {name:<20}\n", ""));
    is("pct list", &(list.to_string() + &rows.concat()), 0);
    is("pct start 101", "CT 101 already running\n", 255);
    is("pct start 999", "Configuration file 'nodes/pve1/lxc/999.conf' does not exist\n", 2);
    is("pct exec 101 -- sh -c 'hostname; exit 7'", "box\n", 7);
    is("lxc-attach -n 101 -- /bin/true", "", 0);
    is("pct shutdown 101 --timeout 30", "", 0);
    for verb in ["shutdown", "stop"] {
        is(&format!("pct {verb} 101"), "CT 101 not running\n", 255);
    }
    is("pct reboot 101", "VM 101 not running\n", 255);
    is("pct exec 101 -- true", "container '101' not running!\n", 255);
    is("lxc-info -n 101 -s -p", "State:          STOPPED\n", 0);
    assert_eq!(said(node, "lxc-attach -n 101 -- /bin/true").1, 1);

    is("pct set 101 --lock backup", "", 0);
    is("pct start 101", "CT is locked (backup)\n", 255);
    is("pct unlock 101", "", 0);
    let held = "flock /run/lock/lxc/pve-config-101.lock pct start 101";
    let late = "trying to acquire lock...\ncan't lock file '/run/lock/lxc/pve-config-101.lock' - got timeout\n";
    is(held, late, 255);
    is("pct start 101", "", 0);
    site.guest("box").unwrap().answers().unwrap();
    assert_eq!(site.guest("box").unwrap().starts(), 2);

    // One that does not obey is ended by its reboot, and by nothing milder.
    is("pct shutdown 102 --timeout 1", "container did not stop\n", 255);
    assert_eq!(deaf.starts(), 1);
    is("pct reboot 102 --timeout 1", "", 0);
    deaf.answers().unwrap();
    assert_eq!((deaf.status().unwrap().as_str(), deaf.starts()), ("running", 2));
    is("pct shutdown 102 --timeout 1 --forceStop 1", "", 0);
    is("pct status 102", "status: stopped\n", 0);
    let began = node.exec("grep -c :vzshutdown:102: /var/log/pve/tasks/index").unwrap();
    assert_eq!(began, "2\n");
}
