//! What the signatures say of commands: effects, whom they are about, and what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can not go on should stop")]

mod lab;

use hostler::code::{Effect, Instruction, Whom};

/// What a command does and for whom, or the codes of what is wrong with it.
type Found = Result<(Effect, Whom), Vec<String>>;

/// What each command on a place does for a host. They are checked together, one a line: a check of its own for each
/// would read the library anew.
fn all(host: &str, place: &str, commands: &[&str]) -> Vec<Found> {
    let plan = |lines: &[String]| {
        // `$what` is a value that nobody knows before the run.
        let head =
            format!("plan test for guest in {host} {{ let out = on guest reading: uname; let what = $out.trim\n");
        lab::check(&format!("{head}{}\n  record what = $what\n  keep off\n}}\n", lines.join("\n")))
    };
    let lines: Vec<String> = commands.iter().map(|command| format!("  on {place}: {command}")).collect();
    let (said, _) = plan(&lines);
    let wrong = |n: usize| -> Vec<String> {
        let line = format!("test.plan:{}: ", n + 2);
        let codes = said.iter().filter_map(|one| one.strip_prefix(&line)?.split(": ").next().map(str::to_string));
        // One after the other these commands make no sense, which is not what is asked here.
        codes.filter(|code| !["power/old-system", "power/hard-stop"].contains(&code.as_str())).collect()
    };
    let good: Vec<String> =
        lines.iter().enumerate().filter(|(n, _)| wrong(*n).is_empty()).map(|(_, line)| line.clone()).collect();
    let (said, code) = plan(&good);
    let code = code.unwrap_or_else(|| panic!("{said:#?}"));
    let body = code.procs.iter().find(|proc| proc.name == "test").unwrap();
    let mut effects = body.instructions.iter().filter_map(|one| match one {
        Instruction::Run(command, _) => Some((command.effect, command.whom)),
        _ => None,
    });
    assert_eq!(effects.next(), Some((Effect::Read, Whom::Nobody)), "uname");
    let found = (0..commands.len()).map(|n| {
        let wrong = wrong(n);
        if wrong.is_empty() { Ok(effects.next().unwrap()) } else { Err(wrong) }
    });
    found.collect()
}

/// Commands for the virtual machine `web`, by its hypervisor.
const VM: (&str, &str) = ("web", "hypervisor");
/// Commands of a machine that is nobody's guest, on itself.
const OWN: (&str, &str) = ("nas", "guest");
/// Commands of a guest on itself.
const GUEST: (&str, &str) = ("web", "guest");
const CONTAINER: (&str, &str) = ("files", "hypervisor");
const DOMAIN: (&str, &str) = ("wiki", "hypervisor");

fn are((host, place): (&str, &str), table: &[(&str, Effect, Whom)]) {
    let commands: Vec<&str> = table.iter().map(|(command, _, _)| *command).collect();
    for ((command, effect, whom), found) in table.iter().zip(all(host, place, &commands)) {
        assert_eq!(found, Ok((*effect, *whom)), "{command}");
    }
}

/// Reading commands may name the guest that they ask about.
fn read((host, place): (&str, &str), commands: &[&str]) {
    for (command, found) in commands.iter().zip(all(host, place, commands)) {
        assert!(matches!(found, Ok((Effect::Read, _))), "{command}: {found:?}");
    }
}

fn refused((host, place): (&str, &str), table: &[(&str, &str)]) {
    let commands: Vec<&str> = table.iter().map(|(command, _)| *command).collect();
    for ((command, code), found) in table.iter().zip(all(host, place, &commands)) {
        assert_eq!(found, Err(vec![code.to_string()]), "{command}");
    }
}

use Effect::{Change, PowerCycle, PowerOff, PowerOn};
use Whom::{Itself, Nobody, Subject};

#[test]
fn qm_changes_the_power_of_the_guest_that_it_names() {
    are(
        VM,
        &[
            ("qm reboot $vmid", PowerCycle, Subject),
            ("qm reset $vmid", PowerCycle, Subject),
            ("qm shutdown $vmid --forceStop 1 --timeout 3m", PowerOff, Subject),
            ("qm shutdown $vmid --forceStop", PowerOff, Subject),
            ("qm stop $vmid --overrule-shutdown 1", PowerOff, Subject),
            ("qm stop $vmid --skiplock 0", PowerOff, Subject),
            ("qm suspend $vmid --todisk", PowerOff, Subject),
            ("qm start $vmid", PowerOn, Subject),
            ("qm resume $vmid", PowerOn, Subject),
            ("sudo /usr/sbin/qm stop $vmid", PowerOff, Subject),
            ("qm guest cmd $vmid shutdown", PowerOff, Subject),
            ("qm agent $vmid suspend-ram", PowerOff, Subject),
        ],
    );
}

#[test]
fn forms_of_the_same_words_are_told_apart() {
    read(VM, &["qm guest cmd $vmid ping", "qm agent $vmid get-osinfo"]);
    are(
        VM,
        &[
            ("qm guest cmd $vmid fstrim", Change, Subject),
            ("ha-manager set $vmid --state started", PowerOn, Subject),
            ("ha-manager set $vmid --state disabled", PowerOff, Subject),
            ("ha-manager set $vmid --state ignored", Change, Subject),
            ("ha-manager set $vmid --comment ours", Change, Subject),
        ],
    );
    are(
        OWN,
        &[
            ("systemctl start poweroff.target", PowerOff, Itself),
            ("systemctl isolate reboot.target", PowerCycle, Itself),
            ("systemctl start nginx.service", Change, Nobody),
            ("systemctl start $what", Change, Nobody),
        ],
    );
}

#[test]
fn no_value_decides_what_a_command_does() {
    refused(
        VM,
        &[
            ("qm guest cmd $vmid $what", "command/dynamic"),
            ("ha-manager set $vmid --state $what", "command/dynamic"),
            ("qm $what $vmid", "command/dynamic"),
        ],
    );
    // Where nothing depends on which word stands there, a value may.
    read(VM, &["qm cloudinit dump $vmid $what"]);
}

#[test]
fn options_are_known_also_by_number() {
    are(
        VM,
        &[
            ("qm set $vmid --memory 4096 --net12 virtio,bridge=vmbr0", Change, Subject),
            ("qm set $vmid --scsi0=local:32 --onboot", Change, Subject),
        ],
    );
    refused(
        VM,
        &[
            ("qm set $vmid --net virtio", "command/unknown-option"),
            ("qm set $vmid --netx virtio", "command/unknown-option"),
            ("qm set $vmid --memmory 4096", "command/unknown-option"),
            ("qm set $vmid --memory", "command/missing-argument"),
        ],
    );
    read(VM, &["pvesh get /cluster/resources --type vm --output-format json"]);
}

#[test]
fn what_destroys_or_passes_over_protection_is_refused() {
    let commands = [
        "qm destroy $vmid",
        "qm rollback $vmid before",
        "qm delsnapshot $vmid before",
        "qm template $vmid",
        "qm unlock $vmid",
        "qm monitor $vmid",
        "qm terminal $vmid",
        "qm stop $vmid --skiplock",
        "qm set $vmid --delete scsi1",
        "qm set $vmid --lock backup",
        "qm disk unlink $vmid --idlist scsi1 --force 1",
        "pvesh create /nodes/pve/qemu/101/status/stop",
        "pvesh delete /nodes/pve/qemu/101",
        "ha-manager crm-command disarm-ha ignore",
    ];
    refused(VM, &commands.map(|command| (command, "power/destroys")));
    are(VM, &[("qm disk unlink $vmid --idlist scsi1", Change, Subject)]);
}

#[test]
fn a_new_machine_is_nobodys_guest() {
    are(
        VM,
        &[("qm create 900 --name new --memory 512", Change, Nobody), ("qm clone $vmid 900 --full 1", Change, Subject)],
    );
    refused(VM, &[("qm reboot 102", "power/other-guest")]);
}

#[test]
fn a_machines_own_power() {
    let table = [
        ("reboot", PowerCycle, Itself),
        ("systemctl --no-block reboot", PowerCycle, Itself),
        ("systemctl soft-reboot", PowerCycle, Itself),
        ("shutdown -r now", PowerCycle, Itself),
        ("shutdown -r +5 'kernel upgrade'", PowerCycle, Itself),
        ("init 6", PowerCycle, Itself),
        ("dnf -y offline reboot", PowerCycle, Itself),
        ("shutdown now", PowerOff, Itself),
        ("shutdown -hP now", PowerOff, Itself),
        ("poweroff", PowerOff, Itself),
        ("halt -p", PowerOff, Itself),
        ("systemctl poweroff", PowerOff, Itself),
        ("systemctl rescue", PowerOff, Itself),
        ("init 0", PowerOff, Itself),
    ];
    are(OWN, &table);
    refused(GUEST, &table.map(|(command, _, _)| (command, "power/guest-initiated")));
    are(
        OWN,
        &[
            ("shutdown -c", Change, Nobody),
            ("shutdown -k now 'only a test'", Change, Nobody),
            ("init q", Change, Nobody),
        ],
    );
    refused(
        VM,
        &[
            ("qm guest exec $vmid -- systemctl start reboot.target", "power/guest-initiated"),
            ("qm guest exec $vmid -- shutdown now", "power/guest-initiated"),
        ],
    );
    are(VM, &[("qm guest exec $vmid -- shutdown -c", Change, Subject)]);
}

#[test]
fn wrappers_hide_nothing() {
    let wrapped = [
        "/sbin/reboot",
        "sudo -n reboot",
        "sudo -u root -n -- reboot",
        "nohup sudo -n env A=b reboot",
        "nice -n 5 reboot",
        "timeout -k 5 30 reboot",
        "busybox reboot",
        "systemd-run --on-active=5 systemctl reboot",
        "qemu-ga --shutdown",
    ];
    refused(GUEST, &wrapped.map(|command| (command, "power/guest-initiated")));
}

#[test]
fn a_script_that_seems_to_change_the_guests_power_is_warned_of() {
    let said = |place: &str, command: &str| {
        let plan = format!("plan test for guest in web {{ on {place}: {command} }}");
        lab::check(&plan).0.into_iter().map(|one| one.split(": ").nth(1).unwrap().to_string()).collect::<Vec<_>>()
    };
    for script in ["sh 'apt-get update && reboot'", "bash -c 'systemctl poweroff'"] {
        assert_eq!(said("guest", script), ["power/guest-initiated"], "{script}");
        assert_eq!(said("hypervisor", &format!("qm guest exec $vmid -- {script}")), ["power/guest-initiated"]);
        assert_eq!(said("guest unguarded agent \"it is meant\"", script), [""; 0], "{script}");
    }
    assert_eq!(said("guest", "sh 'echo reboot; test -e /run/reboot-required'"), [""; 0]);
    // A machine of its own may restart itself, however that is written.
    assert!(lab::check("plan test for host in nas { on host: sh 'reboot' }").0.is_empty());
}

#[test]
fn a_loop_over_guests_is_about_them() {
    let said = |body: &str| {
        let plan = format!("plan test for guest in web {{ for each in guests {{ {body} }} }}");
        lab::check(&plan).0.into_iter().map(|one| one.split(": ").nth(1).unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(said("on hypervisor: qm reboot $vmid"), ["power/other-guest"]);
    assert_eq!(said("on hypervisor: qm set $vmid --onboot 1"), ["power/other-guest"]);
    assert_eq!(said("on hypervisor: qm status $vmid"), [""; 0]);
    assert_eq!(said("restart(each)"), [""; 0]);
}

#[test]
fn packages() {
    read(
        OWN,
        &[
            "apt-get -s dist-upgrade",
            "apt-get -qq -s upgrade",
            "apt-get --simulate -y install nginx",
            "apt list --upgradable",
            "dpkg -l",
            "dpkg --audit",
            "dpkg -s nginx",
            "dnf -q check-update",
            "dnf needs-restarting -r",
        ],
    );
    are(
        OWN,
        &[
            ("apt-get -y dist-upgrade", Change, Nobody),
            ("apt-get -y -o Dpkg::Options::=--force-confold --with-new-pkgs upgrade", Change, Nobody),
            ("apt-get -yq install nginx=1.24.0-2", Change, Nobody),
            ("apt-get --fix-broken -y install", Change, Nobody),
            ("dpkg --force-confdef --configure -a", Change, Nobody),
            ("dpkg -i /tmp/a.deb", Change, Nobody),
            ("dnf -y --setopt keepcache=1 upgrade", Change, Nobody),
        ],
    );
    refused(OWN, &[("apt-get -y dist-upgade", "command/unknown-subcommand"), ("apt-get", "command/missing-argument")]);
}

#[test]
fn containers_and_domains() {
    are(
        CONTAINER,
        &[
            ("pct shutdown $vmid --timeout 60", PowerOff, Subject),
            ("pct reboot $vmid", PowerCycle, Subject),
            ("pct exec $vmid -- apt-get -y upgrade", Change, Subject),
        ],
    );
    refused(
        CONTAINER,
        &[("pct exec $vmid -- reboot", "power/guest-initiated"), ("pct destroy $vmid", "power/destroys")],
    );
    are(
        DOMAIN,
        &[
            ("virsh shutdown $libvirt_domain --mode acpi", PowerOff, Subject),
            ("virsh -q -c qemu:///system destroy $libvirt_domain", PowerOff, Subject),
            ("virsh start $libvirt_domain", PowerOn, Subject),
            ("virsh domtime $libvirt_domain --sync", Change, Subject),
        ],
    );
    read(DOMAIN, &["virsh domtime $libvirt_domain", "virsh list --all --name"]);
    refused(
        DOMAIN,
        &[
            ("virsh undefine $libvirt_domain --nvram", "power/destroys"),
            ("virsh destroy other", "power/other-guest"),
            ("virsh qemu-agent-command $libvirt_domain '{\"execute\":\"guest-shutdown\"}'", "power/destroys"),
        ],
    );
}

#[test]
fn a_long_list_of_what_there_is_stays_readable() {
    let help = lab::help("plan test for guest in web {\n  on hypervisor: qm set $vmid --frobnicate 1\n}\n");
    assert!(help.contains("`--acpi`") && help.contains(" more"), "{help}");
    assert!(help.len() < 250, "{help}");
    let help = lab::help("plan test for guest in web {\n  on guest: dnf modul list\n}\n");
    assert!(help.contains("`module`"), "{help}");
}

#[test]
fn what_only_a_shell_knows_is_one_problem() {
    let shell = ["command/shell-syntax"];
    for command in [
        "qm list | grep 101",
        "qm status $vmid 2>/dev/null",
        "qm shutdown $vmid && qm start $vmid",
        "qm reboot {{ vmid }}",
        "{{ tool }} --now",
        "qm config `cat id`",
        "for i in 101 102",
    ] {
        assert_eq!(all("web", "hypervisor", &[command]), [Err(shell.map(str::to_string).to_vec())], "{command}");
    }
    assert_eq!(all("web", "hypervisor", &["qm reboot $(cat id)"]), [Err(vec!["syntax/bad-dollar".to_string()])]);
    // What stands before the operator is no secret.
    let both = ["power/other-guest", "command/shell-syntax"].map(str::to_string).to_vec();
    assert_eq!(all("web", "hypervisor", &["qm reboot 102 | tee x"]), [Err(both)]);
    let both = ["power/guest-initiated", "command/shell-syntax"].map(str::to_string).to_vec();
    assert_eq!(all("web", "guest", &["reboot || true"]), [Err(both)]);
}

#[test]
fn what_follows_from_a_mistake_is_not_said_too() {
    let of_web = "plan test for guest in web {";
    for (plan, code) in [
        (format!("task t(g: Gest) {{ warn \"x\" }}\n{of_web} t(guest) }}"), "type/unknown-type"),
        (format!("probe t(g: Guest) {{ return true }}\n{of_web} require t(guest) }}"), "syntax/unexpected"),
        (format!("{of_web} on guest: sh \"echo $HOME\" }}"), "command/script-interpolation"),
    ] {
        let (said, _) = lab::check(&plan);
        let codes: Vec<&str> = said.iter().filter_map(|one| one.split(": ").nth(1)).collect();
        assert_eq!(codes, [code], "{plan}: {said:#?}");
    }
}
