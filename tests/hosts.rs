//! The courier against real OpenSSH servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

mod support;

use std::time::Duration;

use hostler::hosts::Hosts;
use hostler::hosts::{Request, Trouble};
use support::{Bed, changing, eventually, reading, sh, text, unreachable};

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
    let (host, why) = unreachable(hosts.greet_fresh("pbs").await);
    assert_eq!(host, "pbs");
    assert!(why.contains("refuses connections to port 2222"), "{why}");
    hosts.close().await;
}

#[tokio::test]
async fn a_command_has_a_defined_environment_and_nothing_else() {
    let mut bed = Bed::new();
    bed.start("pve", &[("sshd_config", "SetEnv LANG=de_DE.UTF-8 SECRET=x\nAcceptEnv *\n")]);
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    let mut request = reading("pve", &["sh", "-c", "env | sort; pwd; umask; cat; tty; exit 7"]);
    request.env = vec![("EXTRA".into(), "a b".into()), ("PATH".into(), "/usr/bin:/bin".into())];
    let reply = hosts.run(&request).await.unwrap();
    assert_eq!(
        text(&reply),
        "EXTRA=a b\nHOME=/root\nLC_ALL=C.UTF-8\nLOGNAME=root\nPATH=/usr/bin:/bin\nPWD=/\nUSER=root\n/\n0022\nnot a tty\n"
    );
    assert_eq!(reply.code, 7);
    request.env.clear();
    request.stdin = b"no newline".to_vec();
    let reply = hosts.run(&request).await.unwrap();
    assert!(text(&reply).contains("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"));
    assert!(text(&reply).ends_with("0022\nno newlinenot a tty\n"), "{}", text(&reply));
}

#[tokio::test]
async fn exit_codes_are_the_commands_own() {
    let mut bed = Bed::new();
    bed.start("pve", &[]);
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    for code in [0, 1, 2, 29, 124, 126, 127, 137, 255] {
        let reply = hosts.run(&changing("pve", &["sh", "-c", &format!("exit {code}")])).await.unwrap();
        assert_eq!(reply.code, code);
    }
    let reply = hosts.run(&reading("pve", &["no-such-command"])).await.unwrap();
    assert_eq!((reply.code, reply.stderr.as_slice()), (127, &b"no-such-command: command not found\n"[..]));
    let reply = hosts.run(&reading("pve", &["sh", "-c", "echo out; echo err >&2; kill -9 $$"])).await.unwrap();
    assert_eq!((reply.code, text(&reply).as_str(), reply.stderr.as_slice()), (137, "out\n", &b"err\n"[..]));
}

#[tokio::test]
async fn long_output_is_cut_and_says_so() {
    let mut bed = Bed::new();
    bed.start("pve", &[]);
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    let reply = hosts.run(&reading("pve", &["head", "-c", "3000000", "/dev/zero"])).await.unwrap();
    assert_eq!((reply.code, reply.stdout.len(), reply.truncated), (0, 1 << 20, true));
    let reply = hosts.run(&changing("pve", &["sh", "-c", "head -c 1048576 /dev/zero >&2"])).await.unwrap();
    assert_eq!((reply.code, reply.stderr.len(), reply.truncated), (0, 1 << 20, false));
    // What never ends is ended, long before it fills the host's memory, and the shell goes on.
    let reply = hosts.run(&reading("pve", &["yes"])).await.unwrap();
    assert!(reply.truncated && reply.code != 0);
    assert_eq!(text(&hosts.run(&reading("pve", &["echo", "on"])).await.unwrap()), "on\n");
    let left = || bed.node("pve").exec("du -sk /dev/shm | cut -f1").trim().parse::<u32>().unwrap();
    eventually("the end of its output", || left() < 1000).await;
}

/// A command that hangs, on a host whose `sh` is this shell.
async fn hang_in(shell: &str) {
    let mut bed = Bed::new();
    bed.start("pve", &[("sh", shell)]);
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    // It starts a process of its own and is deaf to TERM: the group is ended, by KILL in the end.
    let hang = "trap '' TERM; echo deaf >/root/started; sleep 1000 & while :; do sleep 1000; done";
    let hung = Request { within: Duration::from_secs(4), ..reading("pve", &["sh", "-c", hang]) };
    let works = async {
        eventually("the hung command", || !bed.node("pve").read("root/started").is_empty()).await;
        for _ in 0..5 {
            assert_eq!(hosts.run(&reading("pve", &["true"])).await.unwrap().code, 0);
            assert_eq!(hosts.run(&changing("pve", &["true"])).await.unwrap().code, 0);
        }
        std::time::Instant::now()
    };
    let ((hung, ended), worked) = tokio::join!(async { (hosts.run(&hung).await, std::time::Instant::now()) }, works);
    assert_eq!(hung.unwrap_err(), Trouble::Timeout { host: "pve".into(), after: Duration::from_secs(4) });
    assert!(worked < ended, "the others waited for it");
    eventually("its end", || !bed.node("pve").exec("ps -e -o args").contains("sleep 1000")).await;
    let long = hosts.run(&reading("pve", &["head", "-c", "3000000", "/dev/zero"])).await.unwrap();
    assert_eq!((long.code, long.stdout.len(), long.truncated), (0, 1 << 20, true));
    hosts.close().await;
    let pve = bed.node("pve");
    eventually("the courier's end", || !pve.exec("ps -e -o args").contains("hostler")).await;
    assert_eq!(pve.exec("ls -A /dev/shm"), "");
}

#[tokio::test]
async fn a_hung_command_blocks_nobody_and_is_ended_in_time() {
    hang_in("dash").await;
}

#[tokio::test]
async fn a_hung_command_blocks_nobody_with_busybox() {
    hang_in("busybox").await;
}

#[tokio::test]
async fn a_hung_command_blocks_nobody_with_bash() {
    hang_in("bash").await;
}

#[tokio::test]
async fn a_changing_command_is_left_alone_and_the_next_waits_for_its_turn() {
    let mut bed = Bed::new();
    let pve = bed.start("pve", &[]);
    let gate = pve.path.join("root/gate");
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    let slow = Request {
        within: Duration::from_secs(1),
        ..changing("pve", &["sh", "-c", "until [ -e /root/gate ]; do sleep 0.1; done; echo done >/root/done"])
    };
    let (timeout, left) = hosts.run_or_leave(&slow).await;
    assert!(matches!(timeout, Err(Trouble::Timeout { .. })));
    let next = Request { within: Duration::from_secs(1), ..changing("pve", &["touch", "/root/next"]) };
    let (host, why) = support::refused(hosts.run(&next).await);
    assert_eq!(host, "pve");
    assert!(why.contains("this one was not started"), "{why}");
    assert_eq!(hosts.run(&reading("pve", &["true"])).await.unwrap().code, 0);
    std::fs::write(gate, "").unwrap();
    let next = Request { within: support::PATIENCE, ..next };
    assert_eq!(hosts.run(&next).await.unwrap().code, 0);
    assert_eq!(bed.node("pve").read("root/done"), "done\n");
    assert_eq!(hosts.end_of(left.unwrap()).await.unwrap().code, 0);

    let gone = Request { within: Duration::from_millis(200), ..changing("pve", &["sleep", "1000"]) };
    let (_, left) = hosts.run_or_leave(&gone).await;
    // The host goes down under it, and comes up again.
    bed.reboot("pve");
    let Err(Trouble::Unknown { why, .. }) = hosts.end_of(left.unwrap()).await else { panic!("it is known") };
    assert!(why.contains("ended without a result"), "{why}");
}

#[tokio::test]
async fn a_reading_command_that_nobody_waits_for_is_ended() {
    let mut bed = Bed::new();
    bed.start("pve", &[]);
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    let request = reading("pve", &["sh", "-c", "echo >/root/started; exec sleep 1000"]);
    tokio::select! {
        reply = hosts.run(&request) => panic!("{reply:?}"),
        () = eventually("its start", || !bed.node("pve").read("root/started").is_empty()) => {}
    }
    eventually("its end", || !bed.node("pve").exec("ps -e -o args").contains("sleep 1000")).await;
}

#[tokio::test]
async fn many_at_once_do_not_mix() {
    let mut bed = Bed::new();
    bed.start("pve", &[]);
    let hosts = std::sync::Arc::new(Hosts::new(bed.endpoints(), bed.options()).unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..100usize {
        let hosts = hosts.clone();
        tasks.spawn(async move {
            // Lines longer than what a pipe takes at once.
            let script = format!("head -c {} /dev/zero | tr '\\0' {}", 3000 + number * 700, number % 10);
            let reply = hosts.run(&reading("pve", &["sh", "-c", &script])).await.unwrap();
            let digit = b'0' + u8::try_from(number % 10).unwrap();
            assert_eq!(reply.stdout, vec![digit; 3000 + number * 700]);
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    // Of a hundred replies nothing is left but the last few's files, and no process.
    let pve = bed.node("pve");
    let zombies = pve.exec("ps -e -o stat= | grep -c Z || true");
    assert!(zombies.trim().parse::<u32>().unwrap() < 10, "{zombies} zombies");
    let files = pve.exec("ls /dev/shm/.hostler-* | wc -l");
    assert!(files.trim().parse::<u32>().unwrap() < 110, "{files} files");
}

#[tokio::test]
async fn a_local_host_needs_no_ssh() {
    let local = hostler::hosts::Endpoint { name: "here".into(), local: true, ..Default::default() };
    let options = hostler::hosts::Options { ssh: "/nonexistent".into(), ..Default::default() };
    let hosts = Hosts::new([local], options).unwrap();
    let reply = hosts.run(&reading("here", &["cat", "/proc/sys/kernel/random/boot_id"])).await.unwrap();
    assert_eq!(text(&reply), std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap());
    assert_eq!(hosts.greet_fresh("here").await.unwrap().user, sh("id -un").trim());
    let whoami = Request { user: Some("nobody".into()), ..reading("here", &["id", "-un"]) };
    assert_eq!(text(&hosts.run(&whoami).await.unwrap()), "nobody\n");
    hosts.close().await;
}

#[tokio::test]
async fn a_port_is_open_or_not() {
    let mut bed = Bed::new();
    bed.start("pve", &[]);
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    assert_eq!(hosts.port("pve", 2222).await, Ok(true));
    assert_eq!(hosts.port("pve", 2223).await, Ok(false));
}
