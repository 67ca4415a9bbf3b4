//! `std.apt` and `std.systemd` on a real Debian: its dpkg, its apt, its systemd, and packages that are as packages are.

use crate::debian::Debian;

const UPGRADE: &str = "use std.apt\napt.dist_upgrade(guest)";

/// A package with one file, which says its version.
fn plain(debian: &Debian, name: &str, version: &str) {
    debian.publish(name, version, &[(&format!("usr/share/{name}/version"), version)]);
}

/// A package with a configuration file.
fn tuned(debian: &Debian, version: &str, text: &str) {
    debian.publish("tuned", version, &[("DEBIAN/conffiles", "/etc/tuned.conf\n"), ("etc/tuned.conf", text)]);
}

/// One guest for all of it: the parts follow each other, and each leaves it well.
#[test]
fn packages_are_upgraded_and_what_is_in_the_way_is_said() {
    let debian = Debian::new("box", "upgrades");
    a_service_is_installed_and_looked_after(&debian);
    for name in ["greet", "asks", "broken", "kernel"] {
        plain(&debian, name, "1");
    }
    tuned(&debian, "1", "first\n");
    debian.ssh("apt-get -qq update && apt-get -qq install greet asks broken kernel tuned 2>&1");
    debian.took("the first versions");
    nothing_is_asked(&debian);
    whoever_holds_the_lock_is_waited_for(&debian);
    a_broken_package_is_said_and_a_better_one_taken(&debian);
    a_full_disk_is_said_before_and_after(&debian);
    a_restart_is_wanted_and_done_once(&debian);
    the_agent_is_made_healthy_and_takes_no_power_away(&debian);
}

fn a_service_is_installed_and_looked_after(debian: &Debian) {
    let unit = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n";
    let wrong = "[Service]\nExecStart=/bin/false\nType=oneshot\n[Install]\nWantedBy=multi-user.target\n";
    let (served, wrong) = (("lib/systemd/system/served.service", unit), ("lib/systemd/system/wrong.service", wrong));
    debian.publish("served", "1", &[served, wrong]);
    let plan = "use std.apt\nuse std.systemd\napt.install(guest, \"served\")\nsystemd.ensure(guest, \"served\")\n\
                let first = on guest reading: systemctl show -p MainPID --value served\nsystemd.restart(guest, \"served\")\n\
                let then = on guest reading: systemctl show -p MainPID --value served\n\
                require $first.trim != $then.trim\nsystemd.ensure(guest, \"wrong\")";
    // Enabled and not to be started: that is said, and is a unit that failed.
    debian.run(plan).code(1).has("systemctl start -- wrong");
    assert_eq!(debian.ssh("systemctl is-active served; systemctl is-enabled served"), "active\nenabled\n");
    let plan = "use std.systemd\nfor unit in systemd.failed_units(guest) { record failed = $unit }\nsystemd.stop(guest, \"served\")\n\
                require not systemd.active(guest, \"served\")";
    debian.run(plan).code(0).has("failed = wrong.service");
    debian.ssh("systemctl disable wrong 2>&1; systemctl reset-failed");
}

/// A configuration file that was changed stays, and who asks finds nobody, neither at its input nor at a terminal.
fn nothing_is_asked(debian: &Debian) {
    debian.ssh("echo ours >/etc/tuned.conf");
    tuned(debian, "2", "second\n");
    let asks = "#!/bin/sh\nif read -r answer; then echo answered; else echo nobody; fi >/root/asked\n\
                if (read -r answer </dev/tty) 2>/dev/null; then echo answered; else echo nobody; fi >>/root/asked\n";
    debian.publish("asks", "2", &[("DEBIAN/postinst", asks)]);
    plain(debian, "greet", "2");
    debian.run(UPGRADE).code(0);
    for name in ["greet", "tuned", "asks"] {
        assert_eq!(debian.version(name), "installed 2");
    }
    assert_eq!(debian.ssh("cat /etc/tuned.conf /etc/tuned.conf.dpkg-dist"), "ours\nsecond\n");
    assert_eq!(debian.ssh("cat /root/asked"), "nobody\nnobody\n");
}

fn whoever_holds_the_lock_is_waited_for(debian: &Debian) {
    let waits = "#!/bin/sh\nuntil [ -e /run/go ]; do sleep 0.1; done\n";
    debian.publish("slow", "1", &[("DEBIAN/postinst", waits)]);
    plain(debian, "greet", "3");
    debian.ssh("apt-get -qq update && systemd-run --quiet --unit=other apt-get -y install slow");
    debian.until("dpkg-query -W -f '${db:Status-Status}' slow | grep half-configured");
    let said = debian.run("use std.apt\napt.wait_unlocked(guest, deadline: 2s)");
    said.code(1).has("the package system of box is still in use after 2s, by apt-get (process ");
    let mut run = debian.real.begins(&["run", "-e", UPGRADE, "--target", "box"]);
    run.says("apt_lock_holder");
    assert_eq!(debian.version("greet"), "installed 2");
    debian.ssh("touch /run/go");
    run.ends().code(0);
    debian.took("the lock was waited for");
    assert_eq!((debian.version("slow"), debian.version("greet")), ("installed 1".into(), "installed 3".into()));
}

fn a_broken_package_is_said_and_a_better_one_taken(debian: &Debian) {
    debian.publish("broken", "2", &[("DEBIAN/postinst", "#!/bin/sh\necho its database is gone >&2\nexit 1\n")]);
    let said = debian.run(UPGRADE);
    said.code(1)
        .has("`apt-get dist-upgrade` on `box` ended with 100: package broken (--configure): installed broken package");
    debian.real.hostler(&["logs"]).has("its database is gone");
    assert_eq!(debian.version("broken"), "half-configured 2");
    plain(debian, "broken", "3");
    let said = debian.run(UPGRADE);
    said.code(0).has("dpkg was interrupted on box");
    said.has("a package on box can not be configured as it is: package broken (--configure): installed broken package");
    assert_eq!(debian.version("broken"), "installed 3");
}

fn a_full_disk_is_said_before_and_after(debian: &Debian) {
    plain(debian, "greet", "4");
    debian.ssh("fallocate -l $(($(df --output=avail -B1 / | tail -n 1) - 150000000)) /root/large");
    debian.run(UPGRADE).code(1).has("/var/cache/apt/archives has no room for that and 512MiB more");
    assert_eq!(debian.version("greet"), "installed 3");
    // What is known before fits; what is unpacked does not.
    debian.publish("greet", "5", &[("usr/share/greet/large", &"\0".repeat(300_000_000))]);
    let said = debian.run("use std.apt\napt.dist_upgrade(guest, min_free: 1MiB)");
    said.code(1).has("`apt-get dist-upgrade` on `box` ended with 100: archive ").has("No space left on device");
    assert_eq!(debian.version("greet"), "installed 3");
    debian.ssh("rm /root/large");
}

/// The upgrade that found no room is made up for.
fn a_restart_is_wanted_and_done_once(debian: &Debian) {
    plain(debian, "greet", "6");
    let wants = "#!/bin/sh\ntouch /run/reboot-required\necho kernel >>/run/reboot-required.pkgs\n";
    debian.publish("kernel", "2", &[("DEBIAN/postinst", wants)]);
    let boot = debian.guest().boot_id().unwrap();
    let plan = "use std.apt\nuse std.systemd\napt.dist_upgrade(guest)\nlet reason = reboot_reason(guest)\n\
                if $reason != \"\" { restart(guest)\nsystemd.wait_booted(guest)\nrecord restarted_for = $reason }";
    debian.run(plan).code(0).has("restarted_for = ").has("kernel");
    assert_ne!(debian.guest().boot_id().unwrap(), boot);
    for (name, version) in [("greet", "installed 6"), ("kernel", "installed 2")] {
        assert_eq!(debian.version(name), version);
    }
    debian.real.is("box", "running", 2);
    let again = debian.run("record why = reboot_reason(guest)\nrequire not reboot_required(guest)");
    again.code(0);
    debian.real.is("box", "running", 2);
}

/// All that can be wrong with the agent's unit at once, one part of which switches the guest off when its agent stops.
fn the_agent_is_made_healthy_and_takes_no_power_away(debian: &Debian) {
    let boot = debian.guest().boot_id().unwrap();
    let harm = "/etc/systemd/system/qemu-guest-agent.service.d/power.conf";
    debian.ssh("systemctl stop qemu-guest-agent");
    debian.write(harm, "[Service]\nExecStopPost=/usr/sbin/poweroff\n");
    debian.write("/etc/qemu/qemu-ga.conf", "[general]\nblock-rpcs=guest-shutdown,guest-exec\n");
    debian.ssh("systemctl daemon-reload && systemctl mask qemu-guest-agent 2>&1");
    let fix = "use std.agent.qemu_ga_fix\nqemu_ga_fix(guest)";
    let said = debian.run(fix);
    said.code(0).has("box lost its power whenever its guest agent stopped").has("systemctl unmask");
    assert_eq!(
        debian.ssh(&format!("cat /etc/qemu/qemu-ga.conf; ls {harm} 2>&1 || true")).lines().nth(1),
        Some("block-rpcs=guest-exec")
    );
    debian.guest().agent_answers().unwrap();
    // Nothing is left to do, and the guest has run all the while.
    let again = debian.run(fix);
    assert!(!again.code(0).text.contains("systemctl restart"), "{}", again.text);
    assert_eq!(debian.guest().boot_id().unwrap(), boot);
    debian.real.is("box", "running", 2);
    // Its hypervisor can restart it now.
    debian.run("restart(guest)").code(0).has("agent answers");
    debian.real.is("box", "running", 3);
}
