//! Claims on guests: who holds one, for how long, and what a stale run is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

mod support;

use std::time::Duration;

use hostler::hosts::{Claim, Claimed, Hosts, Renewed, Request};
use support::{Bed, eventually, operation, refused};

const HOUR: Duration = Duration::from_secs(3600);

/// Longer than the machine that runs the tests is up.
const MONTHS: Duration = Duration::from_secs(10_000_000);

fn claim(run: &str, lease: Duration) -> Claim {
    Claim {
        host: "pve".into(),
        user: None,
        subject: "web 1".into(),
        run: run.into(),
        holder: format!("{run}@box: \\patch \u{fc}"),
        lease,
    }
}

fn granted(claimed: Claimed) -> u64 {
    match claimed {
        Claimed::Granted { token, at_work: None } => token,
        other => panic!("{other:?}"),
    }
}

/// A command of a run under a token, on the claimed guest.
fn under(run: &str, token: u64, step: &str) -> Request {
    let mut request = operation("pve", &["sh", "-c", "echo $0 >>/root/starts", step], step, "web 1");
    let operation = request.operation.as_mut().unwrap();
    operation.run = run.to_string();
    operation.token = token;
    request
}

#[tokio::test]
async fn one_holds_it_and_the_others_are_told_who() {
    for shell in ["dash", "busybox", "bash"] {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell)]);
        let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
        let (alice, bob) = (claim("alice", HOUR), claim("bob", HOUR));
        assert_eq!(granted(hosts.claim(&alice).await.unwrap()), 1, "{shell}");
        let Claimed::Held(holder) = hosts.claim(&bob).await.unwrap() else { panic!("{shell}: two hold it") };
        assert_eq!((holder.token, holder.run.as_str(), holder.holder.as_str()), (1, "alice", "alice@box: \\patch ü"));
        assert!(holder.since.is_some_and(|since| since < Duration::from_secs(30)), "{holder:?}");

        hosts.run(&under("alice", 1, "a1")).await.unwrap();
        let (_, why) = refused(hosts.run(&under("bob", 0, "b1")).await);
        assert!(why.starts_with("`web 1` is held by alice@box: \\patch ü (run alice, since "), "{why}");
        assert!(why.ends_with(" s); this command was not started."), "{why}");
        // What the run claimed elsewhere has no token here.
        hosts.run(&under("alice", 0, "a0")).await.unwrap();

        // The run itself, resumed elsewhere, claims again, and its older self is stale.
        assert_eq!(granted(hosts.claim(&alice).await.unwrap()), 2);
        let Renewed::Lost(holder) = hosts.renew(&alice, 1).await.unwrap() else { panic!("the older one holds") };
        assert_eq!(holder.token, 2);
        refused(hosts.run(&under("alice", 1, "a2")).await);
        hosts.release(&alice, 1).await.unwrap();
        assert_eq!(hosts.renew(&alice, 2).await.unwrap(), Renewed::Kept);
        hosts.run(&under("alice", 2, "a3")).await.unwrap();

        // Released, anybody may claim; an old token stays old.
        hosts.release(&alice, 2).await.unwrap();
        hosts.run(&under("carol", 0, "nobody")).await.unwrap();
        assert_eq!(granted(hosts.claim(&bob).await.unwrap()), 3);
        refused(hosts.run(&under("alice", 2, "a4")).await);
        hosts.run(&under("bob", 3, "b2")).await.unwrap();
        assert_eq!(bed.node("pve").read("root/starts"), "a1\na0\na3\nnobody\nb2\n");
    }
}

#[tokio::test]
async fn a_lease_that_is_over_may_be_taken_and_not_earlier() {
    for shell in ["dash", "busybox"] {
        let mut bed = Bed::new();
        bed.start("pve", &[("sh", shell)]);
        let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
        let short = claim("alice", Duration::from_secs(2));
        assert_eq!(granted(hosts.claim(&short).await.unwrap()), 1);
        assert_eq!(hosts.renew(&claim("alice", Duration::from_secs(4)), 1).await.unwrap(), Renewed::Kept);
        let began = std::time::Instant::now();
        let token = loop {
            match hosts.claim(&claim("bob", MONTHS)).await.unwrap() {
                Claimed::Granted { token, .. } => break token,
                Claimed::Held(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        assert_eq!(token, 2);
        assert!(began.elapsed() > Duration::from_millis(3500), "the renewed lease counts: {:?}", began.elapsed());
        let Renewed::Lost(holder) = hosts.renew(&short, 1).await.unwrap() else { panic!("both hold it") };
        assert_eq!(holder.run, "bob");
        refused(hosts.run(&under("alice", 1, "stale")).await);

        // A boot ends no claim: its lease counts from there. The bed's machines have this machine's boot clock.
        bed.reboot("pve");
        let Claimed::Held(holder) = hosts.claim(&claim("carol", HOUR)).await.unwrap() else { panic!("bob lost it") };
        assert_eq!((holder.run.as_str(), holder.since), ("bob", None));
        hosts.run(&under("bob", 2, "bob's")).await.unwrap();
    }
}

#[tokio::test]
async fn of_many_who_claim_at_once_each_has_a_token_of_its_own() {
    let mut bed = Bed::new();
    bed.start("pve", &[]);
    let bed = std::sync::Arc::new(bed);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let bed = bed.clone();
        tasks.spawn(async move {
            let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
            let mut tokens = Vec::new();
            for _ in 0..8 {
                tokens.push(granted(hosts.claim(&claim("alice", HOUR)).await.unwrap()));
            }
            tokens
        });
    }
    let mut tokens = Vec::new();
    while let Some(more) = tasks.join_next().await {
        let more = more.unwrap();
        assert!(more.is_sorted());
        tokens.extend(more);
    }
    tokens.sort_unstable();
    // A number that somebody else overtook is given to nobody.
    assert_eq!(tokens.len(), 48);
    assert!(tokens.windows(2).all(|two| two[0] < two[1]), "{tokens:?}");
}

#[tokio::test]
async fn who_claims_is_told_what_is_still_at_work() {
    let mut bed = Bed::new();
    bed.start("pve", &[]);
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    assert_eq!(granted(hosts.claim(&claim("alice", HOUR)).await.unwrap()), 1);
    let wait = "echo >/root/begun; until [ -e /root/enough ]; do sleep 0.02; done";
    let mut long = operation("pve", &["sh", "-c", wait], "long", "web 1");
    long.operation.as_mut().unwrap().token = 1;
    let others = async {
        eventually("its start", || bed.node("pve").path.join("root/begun").exists()).await;
        let Claimed::Granted { token, at_work } = hosts.claim(&claim("alice", HOUR)).await.unwrap() else {
            panic!("the same run may claim again")
        };
        assert_eq!((token, at_work), (2, Some(format!("run test {}, long", std::process::id()))));
        bed.node("pve").write("root/enough", "");
    };
    let (reply, ()) = tokio::join!(hosts.run(&long), others);
    assert_eq!(reply.unwrap().code, 0, "what had begun before goes on to its end");
}
