//! The workflow `dns_health` on name servers of their own: containers of a Proxmox node, which share no port.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

mod real;

use std::time::Duration;

use real::Real;
use testbed::programs::{output, until, write};
use testbed::{Guest, GuestPlan};

const SOON: Duration = Duration::from_secs(30);

/// A name server as Pi-hole has it: it listens on port 53 by both ways, and gives one address for each name of its table.
/// The table is read anew for each question (RFC 1035, section 4).
const SERVER: &str = r"
import socket, struct, sys, threading
address, table = sys.argv[1:]
tcp = socket.create_server((address, 53))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((address, 53))
def closes():
    while True:
        tcp.accept()[0].close()
threading.Thread(target=closes, daemon=True).start()
while True:
    query, client = udp.recvfrom(512)
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    question = query[12:at + 5]
    names = dict(line.split() for line in open(table))
    found = names.get('.'.join(labels)) if question[-4:-2] == b'\0\1' else None
    header = query[:2] + struct.pack('>HHHHH', 0x8580, 1, 1 if found else 0, 0, 0)
    answer = b'\xc0\x0c' + struct.pack('>HHIH', 1, 1, 60, 4) + socket.inet_aton(found) if found else b''
    udp.sendto(header + question + answer, client)
";

/// As much of `systemctl` as the workflow asks for.
const SYSTEMCTL: &str = "#!/bin/sh
[ \"$*\" = 'is-active -- pihole-FTL' ] || exit 1
if kill -0 \"$(cat /run/pihole.pid)\" 2>/dev/null; then echo active; else echo inactive; exit 3; fi
";

const TABLE: &str = "grafana.example.com 192.0.2.7\nexample.org 192.0.2.80\n";

struct Pair(Real);

impl Pair {
    fn new() -> Pair {
        let guests = ["dns1", "dns2"].map(|name| GuestPlan::new(name).container());
        let bed = Real::new("dns", |plan| plan.node("pve1"), &guests);
        let names: String = guests_of(&bed).map(|guest| format!("{}: , ", guest.name)).collect();
        let pair = format!("all: {{children: {{dns_pair: {{hosts: {{{names}}}}}}}}}\n");
        write(&bed.0.folder.join("inventory/pair.yml"), pair).unwrap();
        let pair = Pair(bed);
        let lib = concat!(env!("CARGO_MANIFEST_DIR"), "/workflows/lib/dns.plan");
        write(&pair.0.0.folder.join("lib/dns.plan"), std::fs::read(lib).unwrap()).unwrap();
        // The controller asks with busybox where this machine has no `dig`. The site's mounts are its own.
        let bin = pair.0.0.folder.join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let busybox = testbed::programs::find("busybox").unwrap();
        std::os::unix::fs::symlink(busybox, bin.join("nslookup")).unwrap();
        output(pair.0.0.enter("mount").arg("--bind").arg(bin).arg("/usr/local/sbin")).unwrap();
        for guest in guests_of(&pair.0) {
            write(&guest.folder().join("server.py"), SERVER).unwrap();
            write(&guest.folder().join("systemctl"), SYSTEMCTL).unwrap();
            let over =
                format!("chmod 755 {0}/systemctl; mount --bind {0}/systemctl /usr/sbin/systemctl", folder(guest));
            guest.ssh(&over).unwrap();
            pair.knows(&guest.name, TABLE);
            pair.starts(&guest.name);
        }
        pair
    }

    fn knows(&self, name: &str, table: &str) {
        write(&self.0.guest(name).folder().join("table"), table).unwrap();
    }

    /// Starts the name server of a guest, and waits until it listens.
    fn starts(&self, name: &str) {
        let guest = self.0.guest(name);
        let server = format!("/usr/bin/python3 {0}/server.py {1} {0}/table", folder(guest), guest.address);
        guest.ssh(&format!("setsid {server} >/dev/null 2>&1 </dev/null & echo $! >/run/pihole.pid")).unwrap();
        let mut asks = || output(self.0.0.enter("busybox").args(["nslookup", "example.org", &guest.address])).ok();
        until("the name server", SOON, &mut asks).unwrap();
    }

    fn health(&self) -> real::Said {
        let plan = self.0.workflow("dns_health.plan");
        self.0.hostler(&["run", &plan])
    }
}

fn guests_of(bed: &Real) -> impl Iterator<Item = &Guest> {
    bed.0.guests().iter()
}

fn folder(guest: &Guest) -> String {
    guest.folder().display().to_string()
}

#[test]
fn name_servers_are_healthy_or_what_is_wrong_with_which_is_said() {
    let pair = Pair::new();
    pair.health().code(0).has("dns1: address = 192.0.2.7").has("dns2: address = 192.0.2.7");

    let ours = "for grafana.example.com, dns1 says 192.0.2.7, and dns2 says ";
    for (table, said) in [
        (TABLE.replace("192.0.2.7", "192.0.2.9"), [&format!("{ours}192.0.2.9"), "dns2 says 192.0.2.9, and dns1 says"]),
        ("example.org 192.0.2.80\n".to_string(), [ours, "dns2 failed: dns2 gives no address for grafana.example.com"]),
    ] {
        pair.knows("dns2", &table);
        said.iter().fold(pair.health().code(1), |health, said| health.has(said));
    }
    pair.knows("dns2", TABLE);

    pair.0.guest("dns2").ssh("kill $(cat /run/pihole.pid)").unwrap();
    pair.health().code(1).has(ours).has("dns2 failed: pihole-FTL does not run on dns2");
    pair.starts("dns2");
    pair.health().code(0);
    // It only looks.
    for guest in guests_of(&pair.0) {
        pair.0.is(&guest.name, "running", 1);
    }
}
