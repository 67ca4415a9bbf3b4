//! A controller in a guest: a real Debian that runs its own patch, which stops the service that began it and restarts the
//! machine beneath it.

use std::path::Path;

use crate::debian::Debian;

/// Starts a job where one is asked for, as an automation server does.
const SEMAPHORE: &str = "[Unit]
Description=Starts jobs
[Service]
ExecStart=/bin/sh -c 'while :; do if [ -e /root/job ]; then rm /root/job; /usr/local/bin/hostler run /root/site/patch_ansible_node.plan; fi; sleep 0.2; done'
WorkingDirectory=/root/site
Environment=HOME=/root
StandardOutput=append:/root/out
StandardError=append:/root/out
[Install]
WantedBy=multi-user.target
";

/// What the guest has of the site: the program, the inventory, the keys, and the workflow as it stands.
fn moves_in(debian: &Debian) {
    let site = debian.folder();
    debian.copy(&debian.stripped(Path::new(env!("CARGO_BIN_EXE_hostler"))), "/usr/local/bin/hostler");
    for name in ["id", "known_hosts", "inventory/hosts.yml"] {
        debian.copy(&site.join(name), &format!("/root/site/{name}"));
    }
    let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows/patch_ansible_node.plan");
    debian.copy(&plan, "/root/site/patch_ansible_node.plan");
    let site_file =
        "edition = 2026\ncontroller = \"ansible\"\nlock_host = \"pve1\"\ninventory = \"inventory/hosts.yml\"\n\n";
    debian.write("/root/site/hostler.toml", &(site_file.to_string() + &debian.channel()));
    debian.write("/etc/systemd/system/semaphore.service", SEMAPHORE);
    debian.ssh(&format!(
        "chmod 755 /usr/local/bin/hostler && chmod 600 /root/site/id &&
        sed -i 's#{}#/root/site#g' /root/site/inventory/hosts.yml &&
        systemctl daemon-reload && systemctl enable --now semaphore",
        site.display()
    ));
}

#[test]
fn a_controller_patches_its_own_machine_and_goes_on_after_its_boot_by_itself() {
    let debian = Debian::new("ansible", "own");
    let (guest, real) = (debian.guest(), &debian.real);
    moves_in(&debian);
    debian.took("the controller has moved in");
    debian.publish("greet", "1", &[("usr/share/greet/version", "1")]);
    debian.ssh("apt-get -qq update && apt-get -qq install greet");
    debian.publish("greet", "2", &[("usr/share/greet/version", "2")]);

    // Nobody would go on with it after the boot.
    let hostler = "cd /root/site && HOME=/root hostler";
    let said = debian.ssh(&format!("{hostler} run patch_ansible_node.plan 2>&1; echo code $?"));
    assert!(said.ends_with("code 2\n") && said.contains("hostler service install"), "{said}");
    let said = debian.ssh(&format!("{hostler} service install"));
    assert!(said.starts_with("installed `/etc/systemd/system/hostler-resume.timer`"), "{said}");
    let timer = debian.ssh("systemctl is-enabled hostler-resume.timer; systemctl is-active hostler-resume.timer");
    assert_eq!(timer, "enabled\nactive\n");
    debian.ssh("systemd-analyze verify --man=no /etc/systemd/system/hostler-resume.service");
    debian.took("the service is installed");

    let boot = guest.boot_id().unwrap();
    debian.ssh("touch /root/job");
    debian.becomes("another boot", || guest.boot_id().is_ok_and(|now| now != boot));
    debian.took("another boot");
    debian.becomes("the end of the run", || {
        guest.ssh(&format!("{hostler} runs")).is_ok_and(|said| said.contains("1 done"))
    });
    debian.took("done");
    let shown = debian.ssh(&format!("{hostler} show; cat /root/out; journalctl -b -u hostler-resume --no-pager"));
    println!("{shown}");
    for line in ["The machine that drives this run goes down; the run goes on after its boot.", "verified: new boot"] {
        assert!(shown.contains(line), "no `{line}`");
    }
    real.is("ansible", "running", 2);
    let reboots = guest.node.calls().iter().filter(|call| call.starts_with("reboot ")).count();
    assert_eq!(reboots, 1);
    assert_eq!(debian.version("greet"), "installed 2");
    assert_eq!(debian.ssh("systemctl is-active semaphore; ls /var/backups/control | wc -l"), "active\n1\n");
    // A run that is done is not begun again.
    debian.ssh("systemctl start hostler-resume.service");
    assert_eq!(debian.ssh("systemctl --failed --no-legend"), "");
    let notified = debian.notified();
    assert!(notified.contains("the control node is patched") && notified.lines().count() == 1, "{notified}");
}
