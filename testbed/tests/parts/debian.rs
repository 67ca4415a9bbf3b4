//! The Debian guest: it comes up whole, and its disk and identity are its own, also after a restart.

use std::time::{Duration, Instant};

use testbed::programs::until;
use testbed::{Guest, GuestPlan, Plan, Site};

/// Waits until systemd has started all that it starts, and nothing of that has failed.
fn is_whole(guest: &Guest) {
    let state = until("the end of its boot", Duration::from_secs(300), || {
        let said = guest.ssh("systemctl is-system-running || true").ok()?;
        ["running", "degraded"].contains(&said.trim()).then_some(said)
    });
    let failed = guest.ssh("systemctl --failed --no-legend; systemctl --failed -o cat status | tail -n 20").unwrap();
    assert_eq!(state.unwrap().trim(), "running", "{failed}");
}

#[test]
fn a_debian_comes_up_whole_and_keeps_its_disk() {
    let begun = Instant::now();
    let plan = Plan::new(&format!("debian-{}", std::process::id())).node("pve1").guest(GuestPlan::new("box").debian());
    let site = Site::up(&plan).unwrap();
    let guest = site.guest("box").unwrap();
    println!("QEMU by {}, ssh after {} s", site.accelerator(), begun.elapsed().as_secs());
    guest.agent_answers().unwrap();
    is_whole(guest);
    println!("whole after {} s", begun.elapsed().as_secs());
    assert_eq!(guest.ssh("cat /proc/1/comm; hostname; dpkg --audit; apt-get -qq check").unwrap(), "systemd\nbox\n");
    // Its way to the nodes, and to itself as others see it.
    let node = &guest.node.address;
    let open = |address: &str| guest.ssh(&format!("exec 3<>/dev/tcp/{address}/22 && head -c 4 <&3")).unwrap();
    assert_eq!((open(node), open(&guest.address)), ("SSH-".to_string(), "SSH-".to_string()));
    let (boot, machine) = (guest.boot_id().unwrap(), guest.ssh("cat /etc/machine-id").unwrap());
    assert_eq!(machine.len(), 33);
    guest.ssh("echo kept >/var/lib/kept").unwrap();

    let again = Instant::now();
    guest.node.exec(&format!("qm reboot {}", guest.vmid)).unwrap();
    println!("down after {} s", again.elapsed().as_secs());
    guest.answers().unwrap();
    guest.agent_answers().unwrap();
    is_whole(guest);
    println!("whole again after {} s", again.elapsed().as_secs());
    assert_ne!(guest.boot_id().unwrap(), boot);
    assert_eq!(guest.ssh("cat /var/lib/kept /etc/machine-id").unwrap(), format!("kept\n{machine}"));
    assert_eq!(guest.starts(), 2);
}
