//! Name servers in containers of a Proxmox node, which share no port.

use std::time::Duration;

use testbed::Guest;
use testbed::programs::{output, until, write};

use super::Real;

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

pub(crate) const TABLE: &str = "grafana.example.com 192.0.2.7\nexample.org 192.0.2.80\n";

/// Makes name servers of these containers, which are the group `dns_pair` then, and starts them.
pub(crate) fn ready(bed: &Real, names: &[&str]) {
    let hosts: String = names.iter().map(|name| format!("{name}: , ")).collect();
    let pair = format!("all: {{children: {{dns_pair: {{hosts: {{{hosts}}}}}}}}}\n");
    write(&bed.0.folder.join("inventory/pair.yml"), pair).unwrap();
    let lib = concat!(env!("CARGO_MANIFEST_DIR"), "/workflows/lib/dns.plan");
    write(&bed.0.folder.join("lib/dns.plan"), std::fs::read(lib).unwrap()).unwrap();
    // The controller asks with busybox where this machine has no `dig`. The site's mounts are its own.
    let bin = bed.0.folder.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let busybox = testbed::programs::find("busybox").unwrap();
    std::os::unix::fs::symlink(busybox, bin.join("nslookup")).unwrap();
    output(bed.0.enter("mount").arg("--bind").arg(bin).arg("/usr/local/sbin")).unwrap();
    for name in names {
        let guest = bed.guest(name);
        write(&guest.folder().join("server.py"), SERVER).unwrap();
        write(&guest.folder().join("systemctl"), SYSTEMCTL).unwrap();
        let over = format!("chmod 755 {0}/systemctl; mount --bind {0}/systemctl /usr/sbin/systemctl", folder(guest));
        guest.ssh(&over).unwrap();
        knows(bed, name, TABLE);
        starts(bed, name);
    }
}

/// Gives a name server another table.
pub(crate) fn knows(bed: &Real, name: &str, table: &str) {
    write(&bed.guest(name).folder().join("table"), table).unwrap();
}

/// Starts a name server, and waits until it listens.
pub(crate) fn starts(bed: &Real, name: &str) {
    let guest = bed.guest(name);
    let server = format!("/usr/bin/python3 {0}/server.py {1} {0}/table", folder(guest), guest.address);
    guest.ssh(&format!("setsid {server} >/dev/null 2>&1 </dev/null & echo $! >/run/pihole.pid")).unwrap();
    let mut asks = || output(bed.0.enter("busybox").args(["nslookup", "example.org", &guest.address])).ok();
    until("the name server", SOON, &mut asks).unwrap();
}

fn folder(guest: &Guest) -> String {
    guest.folder().display().to_string()
}
