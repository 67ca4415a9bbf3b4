//! The workflow `dns_health` on name servers of their own.

use crate::real::{Real, names};
use testbed::GuestPlan;

#[test]
fn name_servers_are_healthy_or_what_is_wrong_with_which_is_said() {
    let pair = ["dns1", "dns2"];
    let bed = Real::new("dns", |plan| plan.node("pve1"), &pair.map(|name| GuestPlan::new(name).container()));
    names::ready(&bed, &pair);
    let plan = bed.workflow("dns_health.plan");
    let health = || bed.hostler(&["run", &plan]);
    health().code(0).has("dns1: address = 192.0.2.7").has("dns2: address = 192.0.2.7");

    let ours = "for grafana.example.com, dns1 says 192.0.2.7, and dns2 says ";
    for (table, said) in [
        (
            names::TABLE.replace("192.0.2.7", "192.0.2.9"),
            [&format!("{ours}192.0.2.9"), "dns2 says 192.0.2.9, and dns1 says"],
        ),
        ("example.org 192.0.2.80\n".to_string(), [ours, "dns2 failed: dns2 gives no address for grafana.example.com"]),
    ] {
        names::knows(&bed, "dns2", &table);
        said.iter().fold(health().code(1), |health, said| health.has(said));
    }
    names::knows(&bed, "dns2", names::TABLE);

    bed.guest("dns2").ssh("kill $(cat /run/pihole.pid)").unwrap();
    health().code(1).has(ours).has("dns2 failed: pihole-FTL does not run on dns2");
    names::starts(&bed, "dns2");
    health().code(0);
    // It only looks.
    for name in pair {
        bed.is(name, "running", 1);
    }
}
