//! The month's order on a whole site: two Proxmox nodes and a host of libvirt, on which real Debians are what the workflows
//! name.

use std::time::Instant;

use testbed::programs::write;
use testbed::{GuestPlan, Plan};

use crate::debian::{Debian, version};
use crate::real::{Real, names};

/// What a backup server has of itself, as far as the workflow asks it.
const MANAGER: &str = "#!/bin/sh
case \"$1\" in
  task) cat /run/tasks 2>/dev/null || echo '[]' ;;
  versions) echo \"proxmox-backup-server $(dpkg-query -W -f '${Version}' proxmox-backup)\" ;;
esac
";

const UNIT: &str = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n";

/// A kernel as the packages' own scripts announce it.
const WANTS: &str = "#!/bin/sh\ntouch /run/reboot-required\necho kernel >>/run/reboot-required.pkgs\n";

const DEBIANS: [&str; 4] = ["pbs", "omv", "web1", "ansible"];

fn nodes(plan: Plan) -> Plan {
    plan.node("pve1").node("pve2").libvirt("kvm1")
}

/// `pve1` is the node that is restarted; what it takes with it is small. The others' names are those of the workflows.
fn site(begun: Instant) -> Debian {
    let guests = [
        GuestPlan::new("pbs").on("pve2").debian(),
        GuestPlan::new("omv").on("pve2").debian().bare(),
        GuestPlan::new("web1").on("kvm1").debian(),
        GuestPlan::new("ansible").on("pve2").debian(),
        GuestPlan::new("idle").on("pve1"),
        GuestPlan::new("dns1").on("pve2").container(),
        GuestPlan::new("dns2").on("pve2").container(),
    ];
    let debian = Debian::of(Real::new("month", nodes, &guests), begun, &DEBIANS);
    let real = &debian.real;
    names::ready(real, &["dns1", "dns2"]);
    write(&real.0.folder.join("inventory/groups.yml"), "all: {children: {ubuntu_vms: {hosts: {web1: }}}}\n").unwrap();
    let hosts = std::fs::read_to_string(real.0.inventory()).unwrap();
    let hosts = hosts.replace("    hypervisors:\n", "    nodes:\n");
    let proxmox = "    hypervisors:\n      hosts: {pve1: , pve2: }\n";
    write(&real.0.inventory(), hosts + proxmox).unwrap();
    let file = real.0.folder.join("hostler.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    write(&file, text + &debian.channel()).unwrap();
    for name in ["pve1", "pve2"] {
        real.nothing_to_upgrade(name);
    }
    real.0.node("pve1").unwrap().exec("touch /run/reboot-required").unwrap();
    debian
}

/// The packages in one of their versions.
fn packages(debian: &Debian, number: &str) {
    let services = |units: &[&'static str]| -> Vec<(String, String)> {
        let mut files: Vec<(String, String)> =
            units.iter().map(|unit| (format!("lib/systemd/system/{unit}.service"), UNIT.to_string())).collect();
        let after =
            format!("#!/bin/sh\nset -e\nsystemctl daemon-reload\nsystemctl enable --now {} 2>&1\n", units.join(" "));
        files.push(("DEBIAN/postinst".to_string(), after));
        files
    };
    let mut backup = services(&["proxmox-backup", "proxmox-backup-proxy"]);
    backup.push(("usr/sbin/proxmox-backup-manager".to_string(), MANAGER.to_string()));
    let wants = if number == "1" { Vec::new() } else { vec![("DEBIAN/postinst".to_string(), WANTS.to_string())] };
    for (name, files) in [
        ("proxmox-backup", backup),
        ("samba", services(&["smbd"])),
        ("semaphore", services(&["semaphore"])),
        ("greet", Vec::new()),
        ("kernel", wants),
    ] {
        let files: Vec<(&str, &str)> = files.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
        debian.publish(name, number, &files);
    }
}

#[test]
fn the_months_order_patches_a_whole_site() {
    let begun = Instant::now();
    let debian = site(begun);
    let real = &debian.real;
    let has = [
        ("pbs", "greet proxmox-backup"),
        ("omv", "greet samba kernel"),
        ("web1", "greet kernel"),
        ("ansible", "greet semaphore"),
    ];
    packages(&debian, "1");
    for (name, packages) in has {
        real.guest(name).ssh(&format!("apt-get -qq update && apt-get -qq install {packages} 2>&1")).unwrap();
    }
    packages(&debian, "2");
    debian.took("the first versions");

    let [pbs, monthly] = ["patch_pbs.plan", "monthly.plan"].map(|name| real.workflow(name));
    for name in ["dns_health", "patch_all", "patch_ansible_node", "patch_omv", "patch_pve"] {
        real.workflow(&format!("{name}.plan"));
    }
    // It is not always Saturday night.
    let patch_all = real.0.folder.join("patch_all.plan");
    let text = std::fs::read_to_string(&patch_all).unwrap();
    let any_time = text.replace("  window \"Sat 22:00-08:00\"\n", "");
    assert_ne!(text, any_time);
    write(&patch_all, any_time).unwrap();

    // While a backup runs, nothing is begun.
    real.guest("pbs").ssh("echo '[{\"worker_type\": \"backup\"}]' >/run/tasks").unwrap();
    real.hostler(&["run", &pbs]).code(1).has("a backup task runs on pbs; try again later");
    real.guest("pbs").ssh("rm /run/tasks").unwrap();
    assert_eq!(version(real.guest("pbs"), "greet"), "installed 1");

    let boots = || real.0.guests().iter().map(|guest| guest.boot_id().unwrap()).collect::<Vec<_>>();
    let node_boots = || ["pve1", "pve2"].map(|node| real.0.ssh(node, "cat /proc/sys/kernel/random/boot_id").unwrap());
    let (guests_before, nodes_before) = (boots(), node_boots());
    let said = real.hostler(&["run", &monthly, "--yes"]);
    debian.took("the month is patched");
    said.code(0);
    // Who was restarted, by whom, and how often.
    let same =
        |before: &[String], now: &[String]| -> Vec<bool> { before.iter().zip(now).map(|(a, b)| a == b).collect() };
    assert_eq!(same(&nodes_before, &node_boots()), [false, true]);
    // The containers show their node's.
    assert_eq!(same(&guests_before, &boots()), [false, false, false, false, false, true, true]);
    // The storage server restarts itself, under the same QEMU.
    for (name, starts) in [("pbs", 2), ("omv", 1), ("web1", 2), ("ansible", 2), ("idle", 2), ("dns1", 1), ("dns2", 1)] {
        real.is(name, "running", starts);
    }
    for (name, packages) in has {
        for package in packages.split(' ') {
            assert_eq!(version(real.guest(name), package), "installed 2", "{package} on {name}");
        }
        assert_eq!(real.guest(name).ssh("dpkg --audit; systemctl --failed --no-legend").unwrap(), "", "{name}");
    }
    for (name, units) in [("pbs", "proxmox-backup proxmox-backup-proxy"), ("omv", "smbd"), ("ansible", "semaphore")] {
        let active = "active\n".repeat(units.split(' ').count());
        assert_eq!(real.guest(name).ssh(&format!("systemctl is-active {units}")).unwrap(), active, "{name}");
    }
    for line in [
        "on pve1: systemctl reboot",
        "on pve2: qm reboot 101",
        "versions = proxmox-backup-server 2",
        "on omv: systemctl reboot",
        "on kvm1: virsh -q -c qemu:///system shutdown web1",
        "dns1: address = 192.0.2.7",
        "on pve2: qm reboot 104",
    ] {
        said.has(line);
    }
    let notified = debian.notified();
    for (line, text) in notified.lines().zip(["pbs is patched", "the control node is patched", "the month is patched"])
    {
        assert!(line.contains(text), "{line}");
    }
    assert_eq!(notified.lines().count(), 3, "{notified}");
}
