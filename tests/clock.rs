//! The clock of a host is a day off, or jumps by two: nothing is started twice, no claim and no watch ends before its time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

mod pve;
mod support;

use std::sync::Arc;
use std::time::Duration;

use hostler::hosts::{Claim, Claimed, Hosts, Operation, Options, Renewed, Watch};
use pve::{CARD, Site};
use support::{Bed, eventually, operation};

const DAY: i64 = 86_400;

const HOUR: Duration = Duration::from_secs(3600);

fn claim(run: &str) -> Claim {
    Claim {
        host: "pve".into(),
        user: None,
        subject: "web".into(),
        run: run.into(),
        holder: format!("{run}@box"),
        lease: HOUR,
    }
}

#[tokio::test]
async fn operations_and_claims_know_no_clock() {
    for shell in ["dash", "busybox", "bash"] {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell)]);
        let node = bed.node("pve");
        let hosts = Arc::new(Hosts::new(bed.endpoints(), bed.options()).unwrap());
        assert!(matches!(hosts.claim(&claim("alice")).await.unwrap(), Claimed::Granted { token: 1, .. }));
        let of_alice = |step: &str, line: &str| {
            let mut request = operation("pve", &["sh", "-c", line], step, "web");
            let operation = request.operation.as_mut().unwrap();
            (operation.run, operation.token) = ("alice".into(), 1);
            request
        };
        let done = of_alice("done", "echo done >>/root/starts; exit 7");
        // It is still at work when the clock changes.
        let long = of_alice("long", "echo long >>/root/starts; while [ ! -e /root/go ]; do sleep 0.05; done; date +%s");
        assert_eq!(hosts.run(&done).await.unwrap().code, 7);
        for off in [DAY, -DAY] {
            let asked = {
                let (hosts, long) = (Arc::clone(&hosts), long.clone());
                tokio::spawn(async move { hosts.run(&long).await })
            };
            eventually("its start", || node.read("root/starts").contains("long")).await;
            node.clock(off);
            asked.abort();
            hosts.forget("pve");
            // Asked over a new connection, under the other clock.
            assert_eq!(hosts.run(&done).await.unwrap().code, 7, "{shell}, {off}");
            hosts.acknowledge(&done);
            assert_eq!(hosts.renew(&claim("alice"), 1).await.unwrap(), Renewed::Kept);
            let Claimed::Held(holder) = hosts.claim(&claim("bob")).await.unwrap() else {
                panic!("{shell}: two hold it")
            };
            assert!(holder.since.is_some_and(|since| since < HOUR), "{holder:?}");
        }
        node.write("root/go", "");
        assert_eq!(hosts.run(&long).await.unwrap().code, 0);
        assert_eq!(node.read("root/starts"), "done\nlong\n", "{shell}");
    }
}

#[tokio::test]
async fn a_watch_lasts_as_long_under_any_clock() {
    // A guest that runs is looked at for a quarter of an hour.
    let points = [("pace", "grace=0 pause=0.05 late=100000"), ("looked", "echo x >>/root/looked")];
    let points = points.map(|(name, code)| (name.to_string(), code.to_string())).to_vec();
    for off in [DAY, -DAY] {
        let mut bed = Bed::new();
        bed.start("pve", &[]);
        let node = bed.node("pve");
        let is = |power: &str| {
            node.write("root/guest-", &format!("found=yes\nkind=vm\nname=web\npower={power}\n"));
            std::fs::rename(node.path.join("root/guest-"), node.path.join("root/guest")).unwrap();
        };
        is("running");
        let hosts = Hosts::new(bed.endpoints(), Options { points: points.clone(), ..bed.options() }).unwrap();
        let watch = Watch {
            host: "pve".into(),
            user: None,
            subject: "web".into(),
            id: Operation::of_step("run", "1", "pve", "web").id,
            bound: Duration::ZERO,
            who: "run x, watching".into(),
            identity: "101".into(),
            look: "cat /root/guest".into(),
            wake: "echo \"$1\" >>/root/woken; sed -i s/stopped/running/ /root/guest".into(),
        };
        hosts.watch(&watch).await.unwrap();
        let looks = || node.read("root/looked").lines().count();
        eventually("a look", || looks() > 0).await;
        node.clock(off);
        let before = looks();
        eventually("some looks more", || looks() > before + 3).await;
        assert_eq!(node.read("root/woken"), "");
        is("stopped");
        eventually("its start", || node.read("root/woken") == "101\n").await;
    }
}

#[test]
fn the_cards_line_restarts_a_guest_whose_hypervisor_is_a_day_off() {
    for (hypervisor, guest) in [(DAY, -DAY), (-DAY, DAY)] {
        let site = Site::new();
        site.bed.node("pve").clock(hypervisor);
        site.bed.node("pbs").clock(guest);
        let before = site.boot_id();
        assert_eq!(site.run(CARD).code, 0);
        assert_ne!(site.boot_id(), before, "the guest has booted");
        let reboots = site.calls().iter().filter(|call| call.contains("reboot")).count();
        assert_eq!(reboots, 1, "{:?}", site.calls());
    }
}
