//! The courier against real OpenSSH servers.

mod support;

use std::time::Duration;

use hostler::hosts::Hosts;
use hostler::run::{Reply, Request, Trouble};
use support::Bed;

/// A reading command of a few words.
fn reading(host: &str, words: &[&str]) -> Request {
    Request {
        host: host.into(),
        user: None,
        argv: words.iter().map(ToString::to_string).collect(),
        env: Vec::new(),
        stdin: Vec::new(),
        within: Duration::from_secs(30),
        reading: true,
    }
}

fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.stdout).into_owned()
}

#[tokio::test]
async fn two_hosts_answer_and_a_new_boot_is_seen() {
    let mut bed = Bed::new();
    bed.start("pve", &[]);
    bed.start("pbs", &[("sh", "busybox")]);
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();

    let reply = hosts.run(&reading("pve", &["hostname"])).await.unwrap();
    assert_eq!((reply.code, text(&reply).as_str()), (0, "pve\n"));
    let first = hosts.greet_fresh("pbs").await.unwrap();
    assert_eq!((first.boot_id.as_str(), first.user.as_str()), (bed.node("pbs").read("boot_id").trim(), "root"));
    assert!(first.uptime > 0.0);

    hosts.forget("pbs");
    bed.reboot("pbs");
    let second = hosts.greet_fresh("pbs").await.unwrap();
    assert_ne!(first.boot_id, second.boot_id);
    let reply = hosts.run(&reading("pbs", &["cat", "/proc/sys/kernel/random/boot_id"])).await.unwrap();
    assert_eq!(text(&reply).trim(), second.boot_id);
    bed.kill("pbs");
    let trouble = hosts.greet_fresh("pbs").await.unwrap_err();
    let Trouble::Unreachable { host, why } = trouble else { panic!("{trouble:?}") };
    assert_eq!(host, "pbs");
    assert!(why.contains("refuses connections to port 2222"), "{why}");
    hosts.close().await;
}
