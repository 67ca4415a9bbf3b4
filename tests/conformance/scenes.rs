//! What the recordings do not show: how the guests were, and what was done between the calls.

use hostler::lab::{Pattern, Taught};
use hostler::machine::Reply;
use serde_json::json;

use crate::Bench;
use crate::recording::Step;

const FIRST: [&str; 6] = ["100", "101", "102", "103", "104", "105"];

/// The guests before the first call: all are off.
pub(crate) fn begin(bench: &mut Bench, file: &str) {
    for id in FIRST {
        let settings = settings(bench.release, id);
        let vm = bench.vm(id);
        vm.running = false;
        vm.ssh = false;
        vm.agent_answers = false;
        vm.settings = settings.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
        vm.disk = 0;
        vm.agent_version = "7.2.22".to_string();
        vm.shutdown_takes = 1_500;
    }
    for id in ["110", "111", "112", "113", "114", "120", "121", "122", "123"] {
        let vm = bench.vm(id);
        (vm.identity, vm.running, vm.disk, vm.agent_set) = (None, false, 0, false);
    }
    bench.vm("101").has_agent = false;
    for id in ["102", "103"] {
        bench.vm(id).agent_off = true;
    }
    bench.vm("102").obeys = false;
    let noos = bench.vm("105");
    (noos.boots, noos.agent_set) = (false, false);
    // One that could not be taken away is left of an earlier recording.
    if matches!(file, "pve9-B" | "pve9-C" | "pve9-F") {
        bench.create("112", &[("memory", "512")]);
        bench.vm("112").lock = Some("destroyed".to_string());
    }
}

fn settings(release: u32, id: &str) -> Vec<(&'static str, String)> {
    let (port, qemu, created, uuid, generation) = match release {
        8 => (
            "2301",
            "7.2.22",
            "1795386326",
            "23ea4fb0-d11d-40a6-b66c-375c0e44ecb4",
            "c9a28472-c6ee-4da6-ae18-7b3d0738f781",
        ),
        _ => (
            "2401",
            "10.0.13",
            "1795387472",
            "1929e1a5-e35d-435a-bc9d-04e3fa31226b",
            "85a1570c-623b-4aa6-ba4c-0aae5cfc52f2",
        ),
    };
    let mut lines = vec![("boot", " ".to_string()), ("cpu", "qemu64".to_string()), ("kvm", "0".to_string())];
    lines.extend(
        [("serial0", "socket"), ("tablet", "0"), ("vga", "serial0")].map(|(key, value)| (key, value.to_string())),
    );
    if id != "105" {
        lines.push(("args", format!("-kernel /srv/guest/vmlinuz -initrd /srv/guest/initramfs.cpio.gz -append 'console=ttyS0 quiet panic=-1 reboot=t tsc=reliable no_timer_check mitigations=off random.trust_cpu=on cryptomgr.notests tb.name=web1 ' -netdev user,id=n0,hostfwd=tcp:127.0.0.1:{port}-:22 -device virtio-net-pci,netdev=n0,bus=pci.0,addr=0x1d")));
        lines.extend(
            [("balloon", "0"), ("cores", "1"), ("memory", "160"), ("ostype", "l26")]
                .map(|(key, value)| (key, value.to_string())),
        );
        lines.push(("meta", format!("creation-qemu={qemu},ctime={created}")));
        lines.push(("smbios1", format!("uuid={uuid}")));
        lines.push(("vmgenid", generation.to_string()));
    } else {
        let (created, uuid, generation) = match release {
            8 => ("1795386442", "c7a25904-72f3-42d9-945d-9919b301df57", "1233ee80-4ec7-4ab8-8229-1a76b2fd692d"),
            _ => ("1795387848", "4d9ec45e-76fc-43fc-bfbb-5cd51b492ed3", "dadf8bda-627a-46ee-868f-cafdce4351e7"),
        };
        lines.push(("memory", "64".to_string()));
        lines.push(("meta", format!("creation-qemu={qemu},ctime={created}")));
        lines.push(("smbios1", format!("uuid={uuid}")));
        lines.push(("vmgenid", generation.to_string()));
    }
    lines
}

/// What was done before a call of a recording.
pub(crate) fn before(bench: &mut Bench, letter: &str, section: &str, number: usize) {
    let release = bench.release;
    let _ = letter;
    match (section, number) {
        // ---- A: its agent came up while it was asked, and the guest was slow; or it came up later.
        ("A5", 2) if release == 9 => {
            let vm = bench.vm("100");
            (vm.agent_answers, vm.shutdown_takes) = (true, 7_000);
        }
        ("A5", 3) if release == 8 => bench.vm("100").agent_answers = true,
        // ---- B
        ("B1", 4) => {
            bench.up("100");
            guest(bench);
        }
        ("B2", 1) => bench.pass(6_000),
        ("B4", 0) => bench.up("100"),
        ("B7", 0) => bench.up("100"),
        // ---- C
        ("C1", 4) => bench.up("101"),
        ("C2", 3) => bench.up("103"),
        ("C4", 0) => bench.up("105"),
        ("C5", 0) => {
            bench.up("100");
            let vm = bench.vm("100");
            (vm.agent_answers, vm.agent_broken) = (false, true);
        }
        ("C6", 0) => {
            bench.vm("100").agent_broken = false;
            bench.up("100");
            bench.vm("100").frozen = true;
        }
        ("C8", 0) => failing(bench),
        // ---- D
        ("D2", _) => {
            bench.up("100");
            bench.node().tasks_race = true;
        }
        ("D3", _) => {
            bench.node().tasks_race = false;
            bench.up("102");
        }
        ("D8", _) => bench.up("100"),
        ("D9", 0) => {
            let now = bench.now();
            bench.vm("100").busy_until = now + 30_000;
        }
        ("D10", 0) => {
            bench.up("103");
            bench.call("qm set 103 --delete agent");
        }
        ("D10", 4) => bench.up("103"),
        ("D11", 0) => bench.up("100"),
        ("D13", 0) => {
            bench.call("qm stop 102");
            bench.call("qm suspend 100");
        }
        ("D14", 0) => {
            bench.create("112", &[]);
            bridge(bench, 512);
            bench.node().cluster_read_only = release == 9;
        }
        // ---- F: the cluster's services do not run
        ("F1", 0) => {
            bench.vm("100").ha = Some(String::new());
            bench.node().ha_runs = false;
            bench.node().ha_missing = release == 9;
        }
        ("F2", 0) => bench.vm("100").ha = None,
        ("F4", 0) => bench.create("120", &[]),
        ("F5", 0) => {
            bench.create("121", &[]);
            bench.vm("121").odd_settings = vec![
                ("foo".to_string(), "unknown setting 'foo'".to_string()),
                ("name".to_string(), "value does not look like a valid DNS name".to_string()),
            ];
        }
        ("F5", 3) => {
            bench.vm("121").identity = None;
            let (meta, uuid, generation) = match release {
                8 => (
                    "creation-qemu=7.2.22,ctime=1795387897",
                    "uuid=63733e51-bae2-449c-b520-c0e04ed4263b",
                    "a97e6322-0838-45c6-bbf6-61b42ea56480",
                ),
                _ => (
                    "creation-qemu=10.0.13,ctime=1795389577",
                    "uuid=a43e7f65-7486-4010-9a9c-e966ff461123",
                    "fd77c499-4160-4dc2-a40c-5184f68e7bd2",
                ),
            };
            bench.create(
                "122",
                &[("boot", " "), ("kvm", "0"), ("meta", meta), ("smbios1", uuid), ("vmgenid", generation)],
            );
        }
        ("F6", 0) => bench.create("123", &[]),
        ("F7", 0) => bench.up("105"),
        ("F9", 0) => bench.node().cluster_down = true,
        ("F9", 4) => bench.node().cluster_down = false,
        ("F12", 0) => {
            bench.up("105");
            bench.vm("105").quit_takes = if release == 9 { 2_000 } else { 0 };
        }
        ("F13", 0) => {
            bench.up("100");
            bench.vm("100").shutdown_takes = 100;
        }
        // ---- G
        ("G2", 7) => bench.vm("100").lock = Some("migrate".to_string()),
        ("G2", 9) => bench.vm("100").lock = Some("snapshot".to_string()),
        ("G2", 11) => bench.vm("100").lock = Some("suspended".to_string()),
        ("G2", 13) => bench.vm("100").lock = Some("create".to_string()),
        ("G4", 0) => {
            bench.vm("100").lock = None;
            bench.up("100");
            bench.call("qm reboot 100");
            bench.pass(300);
            bench.node().tasks_race = release == 8;
        }
        ("G5", 0) => {
            bench.up("100");
            bench.call("qm shutdown 100");
        }
        ("G9", 0) => {
            // Its agent does not come back from the question. In 9 the cleanup meets the guest that runs again.
            bench.up("100");
            if release == 9 {
                bench.node().cleanup_holds_lock = true;
                bench.call("qm stop 100");
                bench.call("qm start 100");
                bench.pass(100);
            }
            let vm = bench.vm("100");
            (vm.agent_answers, vm.agent_shutdown_hangs) = (true, true);
        }
        ("G9", 3) => bench.pass(30_000),
        ("G10", 0) => {
            bench.node().cleanup_holds_lock = false;
            bench.up("100");
            let vm = bench.vm("100");
            (vm.agent_shutdown_hangs, vm.obeys) = (false, false);
        }
        _ => {}
    }
}

/// When a call was begun beside others. The second machine was so slow that its times tell nothing.
pub(crate) fn offset(_letter: &str, step: &Step, release: u32) -> u64 {
    match (step.section.as_str(), release, step.words.get(1).map(String::as_str)) {
        ("D4", 9, Some("set")) => 13_500,
        ("D4", 9, Some("start")) => 3_000,
        ("D4", 9, Some("list")) => 2_500,
        _ => step.beside.unwrap_or(0),
    }
}

/// What the guest `web1` answers to its agent.
fn guest(bench: &mut Bench) {
    let lo = json!([
        {"ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": 8},
        {"ip-address": "::1", "ip-address-type": "ipv6", "prefix": 128},
    ]);
    let eth0 = json!([
        {"ip-address": "10.0.2.15", "ip-address-type": "ipv4", "prefix": 24},
        {"ip-address": "fec0::5054:ff:fe12:3456", "ip-address-type": "ipv6", "prefix": 64},
        {"ip-address": "fe80::5054:ff:fe12:3456", "ip-address-type": "ipv6", "prefix": 64},
    ]);
    let counts = |rx: [u64; 2], tx: [u64; 2]| {
        json!({
            "rx-bytes": rx[0], "rx-dropped": 0, "rx-errs": 0, "rx-packets": rx[1],
            "tx-bytes": tx[0], "tx-dropped": 0, "tx-errs": 0, "tx-packets": tx[1],
        })
    };
    let interfaces = json!([
        {"hardware-address": "00:00:00:00:00:00", "ip-addresses": lo, "name": "lo", "statistics": counts([0, 0], [0, 0])},
        {"hardware-address": "52:54:00:12:34:56", "ip-addresses": eth0, "name": "eth0", "statistics": counts([110, 1], [602, 7])},
    ]);
    let system = json!({
        "id": "testguest",
        "kernel-release": "6.1.0-56-cloud-amd64",
        "kernel-version": "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)",
        "machine": "x86_64",
        "name": "testguest",
        "pretty-name": "test guest",
        "version-id": "12",
    });
    let vm = bench.vm("100");
    vm.agent_says.insert("network-get-interfaces".to_string(), interfaces);
    vm.agent_says.insert("get-osinfo".to_string(), system);
    vm.has_not.insert("/nonexistent".to_string());
    for (script, code, stdout, stderr) in
        [("echo_hi", 127, "", "sh: echo_hi: not found\n"), ("echo out; echo err >&2; exit 7", 7, "out\n", "err\n")]
    {
        let reply = Reply { code, stdout: stdout.to_string(), stderr: stderr.to_string(), ..Reply::default() };
        vm.taught.push(Taught { to: Pattern::Script(script.to_string()), times: None, takes: 100, reply });
    }
}

/// Guests that do not start.
fn failing(bench: &mut Bench) {
    let exited = "start failed: QEMU exited with code 1";
    for (id, printed, why) in [
        ("110", "kvm: -bogus: invalid option\n", exited),
        (
            "111",
            "kvm: warning: host doesn't support requested feature: CPUID.01H:ECX.pni [bit 0]\nkvm: Host doesn't support requested features\n",
            exited,
        ),
        ("113", "", "volume 'local:ID/vm-ID-disk-0.qcow2' does not exist"),
        ("114", "kvm: cannot set up guest memory 'pc.ram': Cannot allocate memory\n", exited),
    ] {
        bench.create(id, &[]);
        let vm = bench.vm(id);
        let id = vm.identity.clone().unwrap();
        vm.start_fails = Some((printed.to_string(), why.replace("ID", &id)));
    }
    if bench.release == 8 {
        bench.create("112", &[]);
        bridge(bench, 256);
    }
}

/// A guest whose bridge is missing: release 9 looks for that before it starts QEMU.
fn bridge(bench: &mut Bench, status: u32) {
    let (release, missing) = (bench.release, "bridge 'vmbr9' does not exist");
    let vm = bench.vm("112");
    let id = vm.identity.clone().unwrap();
    let script = format!(
        "kvm: -netdev type=tap,id=net0,ifname=tap{id}i0,script=/usr/libexec/qemu-server/pve-bridge,downscript=/usr/libexec/qemu-server/pve-bridgedown: network script /usr/libexec/qemu-server/pve-bridge failed with status {status}\n"
    );
    vm.start_fails = Some(match (release, status) {
        (9, _) => (String::new(), missing.to_string()),
        (_, 256) => (script, "start failed: QEMU exited with code 1".to_string()),
        _ => (format!("{missing}\n{script}"), "start failed: QEMU exited with code 1".to_string()),
    });
}
