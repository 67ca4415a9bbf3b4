//! Watches: a guest that is switched off and that nobody starts is started by its hypervisor.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

mod support;

use std::time::Duration;

use hostler::hosts::{Claim, Claimed, Hosts, Operation, Options, Trouble, Watch};
use support::{Bed, Node, eventually, operation, refused};

const SHELLS: [&str; 3] = ["dash", "busybox", "bash"];

/// Looks often; a guest that runs is looked at for a second, one that is off for longer than a test takes.
const FAST: &str = "grace=0 pause=0.05 late=100 longest=100000";

/// The same, and a guest that runs is looked at for ever.
const LONG: &str = "grace=0 pause=0.05 late=100000 longest=100000";

const LOOKED: &str = "echo \"$seen\" >>/root/looked";

/// A site with `pve`, whose guest is what `/root/guest` says of it.
fn site(shell: &str, pace: &str) -> (Bed, Hosts) {
    let mut bed = Bed::new();
    bed.start("pve", &[("sh", shell)]);
    is(bed.node("pve"), "stopped", "");
    let hosts = Hosts::new(bed.endpoints(), at(&bed, pace)).unwrap();
    (bed, hosts)
}

fn at(bed: &Bed, pace: &str) -> Options {
    let points = [("pace", pace), ("looked", LOOKED)].map(|(name, code)| (name.to_string(), code.to_string()));
    Options { points: points.to_vec(), ..bed.options() }
}

/// What the look at the guest prints from now on.
fn is(node: &Node, power: &str, more: &str) {
    node.write("root/guest-", &format!("found=yes\nkind=vm\nname=it's\npower={power}\n{more}"));
    std::fs::rename(node.path.join("root/guest-"), node.path.join("root/guest")).unwrap();
}

fn watch(step: &str, bound: u64) -> Watch {
    Watch {
        host: "pve".into(),
        user: None,
        subject: "web 1".into(),
        id: Operation::of_step("run", step, "pve", "web 1").id,
        bound: Duration::from_millis(bound),
        who: "run x, watching".into(),
        identity: "10'1 $HOME".into(),
        look: "# look\n[ \"$1\" = \"10'1 \\$HOME\" ] || exit 1\ncat /root/guest".into(),
        wake: "# wake\necho \"$1\" >>/root/woken\nsed -i s/stopped/running/ /root/guest".into(),
    }
}

const WOKEN: &str = "10'1 $HOME\n";

fn woken(node: &Node) -> String {
    node.read("root/woken")
}

fn marked(node: &Node) -> bool {
    node.path.join("lib/hostler/guests/web=201/on").exists()
}

/// Nothing of ours runs on a machine.
async fn all_quiet(node: &Node) {
    eventually("the end of every watcher", || !node.exec("ps -e -o args").contains("watch.sh")).await;
}

/// The watcher has looked so often since now.
async fn looks(node: &Node, times: usize) {
    let looked = || node.read("root/looked").lines().count();
    let before = looked();
    eventually("some looks", || looked() >= before + times).await;
}

#[tokio::test]
async fn a_guest_that_nobody_starts_is_started_once() {
    for shell in SHELLS {
        let (bed, hosts) = site(shell, FAST);
        let node = bed.node("pve");
        hosts.watch(&watch("1", 100)).await.unwrap();
        // The controller is gone, and its connection with it.
        hosts.close().await;
        eventually("its start", || woken(node) == WOKEN).await;
        eventually("the end of the watch", || !marked(node)).await;
        all_quiet(node).await;
        assert_eq!(woken(node), WOKEN, "{shell}");
        assert_eq!(node.exec("stat -c %a /var/lib/hostler/guests/*/woken"), "600\n");
    }
}

#[tokio::test]
async fn a_guest_that_goes_off_late_is_started() {
    let (bed, hosts) = site("dash", LONG);
    let node = bed.node("pve");
    is(node, "running", "");
    hosts.watch(&watch("1", 0)).await.unwrap();
    looks(node, 3).await;
    assert_eq!(woken(node), "");
    is(node, "stopped", "");
    eventually("its start", || woken(node) == WOKEN).await;
    looks(node, 3).await;
    assert_eq!(woken(node), WOKEN);
}

#[tokio::test]
async fn a_look_that_hangs_is_ended() {
    for shell in ["dash", "busybox"] {
        let (bed, hosts) = site(shell, &format!("{FAST} most=0.2"));
        let node = bed.node("pve");
        let hangs = "[ -e /root/hung ] || { : >/root/hung; sleep 3000; }\n";
        let watch = Watch { look: format!("{hangs}{}", watch("1", 0).look), ..watch("1", 0) };
        hosts.watch(&watch).await.unwrap();
        eventually("its start", || woken(node) == WOKEN).await;
        assert!(node.read("root/looked").starts_with("odd\n"), "{shell}");
        all_quiet(node).await;
    }
}

#[tokio::test]
async fn what_is_locked_or_elsewhere_is_not_started_before_that_is_over() {
    for shell in ["dash", "busybox"] {
        let (bed, hosts) = site(shell, LONG);
        let node = bed.node("pve");
        is(node, "stopped", "lock=backup\n");
        hosts.watch(&watch("1", 0)).await.unwrap();
        looks(node, 3).await;
        is(node, "stopped", "template=yes\n");
        looks(node, 3).await;
        node.write("root/guest", "found=no\nnode=pve2\n");
        looks(node, 3).await;
        assert_eq!(woken(node), "", "{shell}");
        is(node, "stopped", "");
        eventually("its start", || woken(node) == WOKEN).await;
    }
}

#[tokio::test]
async fn a_guest_that_has_moved_away_is_acted_on_no_more() {
    for shell in SHELLS {
        let (bed, hosts) = site(shell, LONG);
        let node = bed.node("pve");
        is(node, "running", "");
        hosts.watch(&watch("1", 100_000)).await.unwrap();
        let command = |step| operation("pve", &["sh", "-c", "echo started >>/root/starts"], step, "web 1");
        assert_eq!(hosts.run(&command("1")).await.unwrap().code, 0);
        for (elsewhere, why) in [("node=pve2\n", ", but on `pve2`"), ("", "")] {
            node.write("root/guest", &format!("found=no\n{elsewhere}"));
            let request = command(why);
            let said = format!("`web 1` is not there any more{why}; this command was not started.");
            assert_eq!(refused(hosts.run(&request).await).1, said, "{shell}");
            // It is not started when the guest is back either: that was the answer.
            is(node, "running", "");
            assert!(hosts.run(&request).await.is_err(), "{shell}");
        }
        // What can not be seen is not known to have moved.
        std::fs::remove_file(node.path.join("root/guest")).unwrap();
        assert_eq!(hosts.run(&command("2")).await.unwrap().code, 0);
        assert_eq!(node.read("root/starts"), "started\nstarted\n", "{shell}");
    }
}

#[tokio::test]
async fn a_power_command_that_comes_after_its_watch_is_not_started() {
    for shell in SHELLS {
        let (bed, hosts) = site(shell, LONG);
        let node = bed.node("pve");
        is(node, "running", "");
        let switched_off = |step: &str| {
            let mut request = operation("pve", &["sh", "-c", "echo started >>/root/starts"], step, "web 1");
            let id = Operation::watch_of("run", step, "pve", "web 1");
            request.operation.as_mut().unwrap().watch = Some(id.clone());
            (request, move |bound| Watch { id, ..watch("", bound) })
        };
        let (request, _) = switched_off("never");
        let nobody = hosts.run(&request).await;
        assert!(matches!(nobody, Err(Trouble::Unwatched { .. })), "{shell}: {nobody:?}");
        // Asked for when the host booted, and its time is out.
        let (request, asked) = switched_off("old");
        hosts.watch(&asked(600_000)).await.unwrap();
        let on = node.path.join("lib/hostler/guests/web=201/on");
        let text = std::fs::read_to_string(&on).unwrap();
        let fields: Vec<&str> = text.splitn(7, ' ').collect();
        std::fs::write(&on, format!("{} 0 0 {}", fields[..4].join(" "), fields[6])).unwrap();
        let old = hosts.run(&request).await;
        assert!(matches!(old, Err(Trouble::Unwatched { .. })), "{shell}: {old:?}");
        // That was the answer: a new watch does not start the old command.
        let (_, asked) = switched_off("old");
        hosts.watch(&asked(600_000)).await.unwrap();
        assert!(hosts.run(&request).await.is_err(), "{shell}");
        let (request, asked) = switched_off("new");
        hosts.watch(&asked(600_000)).await.unwrap();
        assert_eq!(hosts.run(&request).await.unwrap().code, 0, "{shell}");
        assert_eq!(node.read("root/starts"), "started\n", "{shell}");
    }
}

#[tokio::test]
async fn a_watch_ends_when_it_is_told_so_and_only_then() {
    for shell in SHELLS {
        let (bed, hosts) = site(shell, LONG);
        let node = bed.node("pve");
        hosts.watch(&watch("1", 3_600_000)).await.unwrap();
        // Asked for again it is the same; a newer one takes its place.
        hosts.watch(&watch("1", 3_600_000)).await.unwrap();
        hosts.watch(&watch("2", 3_600_000)).await.unwrap();
        eventually("the older watcher's end", || node.exec("ps -e -o args").matches("watch.sh").count() == 1).await;
        hosts.unwatch(&watch("1", 0)).await.unwrap();
        assert!(marked(node), "{shell}: the older one's end is not the newer one's");
        hosts.unwatch(&watch("2", 0)).await.unwrap();
        assert!(!marked(node), "{shell}");
        all_quiet(node).await;
        assert_eq!(woken(node), "");
    }
}

#[tokio::test]
async fn a_run_that_is_alive_is_left_to_start_its_guest() {
    let (bed, hosts) = site("dash", LONG);
    let node = bed.node("pve");
    let claim = Claim {
        host: "pve".into(),
        user: None,
        subject: "web 1".into(),
        run: "alice".into(),
        holder: "alice@box".into(),
        lease: Duration::from_secs(3600),
    };
    let Claimed::Granted { token, .. } = hosts.claim(&claim).await.unwrap() else { panic!("held") };
    hosts.watch(&watch("1", 0)).await.unwrap();
    looks(node, 3).await;
    assert_eq!(woken(node), "");
    // So is a command that is at work.
    let wait = "echo >/root/begun; until [ -e /root/enough ]; do sleep 0.02; done";
    let mut long = operation("pve", &["sh", "-c", wait], "long", "web 1");
    long.operation.as_mut().unwrap().token = token;
    let others = async {
        eventually("its start", || node.path.join("root/begun").exists()).await;
        hosts.release(&claim, token).await.unwrap();
        looks(node, 3).await;
        assert_eq!(woken(node), "");
        node.write("root/enough", "");
    };
    let (reply, ()) = tokio::join!(hosts.run(&long), others);
    assert_eq!(reply.unwrap().code, 0);
    eventually("its start", || woken(node) == WOKEN).await;
}

#[tokio::test]
async fn a_person_can_have_a_guest_left_alone() {
    for shell in ["dash", "busybox"] {
        let (bed, hosts) = site(shell, LONG);
        let node = bed.node("pve");
        let hour = Duration::from_secs(3600);
        hosts.hold("pve", None, "web 1", hour, "bob@box").await.unwrap();
        hosts.watch(&watch("1", 0)).await.unwrap();
        looks(node, 3).await;
        assert_eq!(woken(node), "", "{shell}");
        let (_, why) = refused(hosts.run(&operation("pve", &["true"], "1", "web 1")).await);
        assert_eq!(why, "`web 1` is held by bob@box for another 60 min; this command was not started.");
        let claim = Claim {
            host: "pve".into(),
            user: None,
            subject: "web 1".into(),
            run: "alice".into(),
            holder: "alice@box".into(),
            lease: hour,
        };
        let (_, why) = refused(hosts.claim(&claim).await);
        assert_eq!(why, "`web 1` is held by bob@box for another 60 min.");
        hosts.hold("pve", None, "web 1", Duration::ZERO, "bob@box").await.unwrap();
        eventually("its start", || woken(node) == WOKEN).await;
    }
}

#[tokio::test]
async fn where_systemd_is_a_unit_goes_on_after_a_boot_and_everything_can_be_taken_away() {
    let (bed, hosts) = site("dash", LONG);
    let node = bed.node("pve");
    // `systemd-run` reaches nobody here.
    node.exec("mkdir -p /run/systemd/system /etc/systemd/system");
    hosts.watch(&watch("1", 3_600_000)).await.unwrap();
    let unit = node.exec("cat /etc/systemd/system/hostler-watch.service");
    assert!(unit.contains("\nExecStart=/bin/sh /var/lib/hostler/watch.sh /var/lib/hostler sync\n"), "{unit}");
    let wanted = "ls /etc/systemd/system/multi-user.target.wants | grep hostler || true";
    assert_eq!(node.exec(wanted), "hostler-watch.service\n");
    let (_, why) = refused(hosts.remove("pve", None).await);
    assert_eq!(why, "`web=201` is watched over there until it runs.");
    hosts.unwatch(&watch("1", 0)).await.unwrap();
    hosts.remove("pve", None).await.unwrap();
    assert_eq!(node.exec("ls -d /var/lib/hostler /etc/systemd/system/hostler* 2>/dev/null || true"), "");
    assert_eq!(node.exec(wanted), "");
    hosts.remove("pve", None).await.unwrap();
    hosts.watch(&watch("2", 0)).await.unwrap();
    eventually("its start", || woken(node) == WOKEN).await;
}

#[tokio::test]
async fn after_a_boot_the_watch_goes_on() {
    for shell in ["dash", "busybox"] {
        let (mut bed, hosts) = site(shell, FAST);
        hosts.watch(&watch("1", 3_600_000)).await.unwrap();
        hosts.close().await;
        bed.reboot("pve");
        let node = bed.node("pve");
        assert!(marked(node) && woken(node).is_empty());
        // The bound counts from this boot. The bed's machines have this machine's boot clock, so it is made to be over now.
        let up = std::fs::read_to_string("/proc/uptime").unwrap();
        let up = up.split('.').next().unwrap();
        let on = node.path.join("lib/hostler/guests/web=201/on");
        let text = std::fs::read_to_string(&on).unwrap();
        std::fs::write(&on, text.replacen(" 360000 ", &format!(" {up}00 "), 1)).unwrap();
        node.exec("sh /var/lib/hostler/watch.sh /var/lib/hostler sync");
        assert_eq!(woken(node), WOKEN, "{shell}");
        assert!(!marked(node));
        all_quiet(node).await;
    }
}
