//! What a person reads when there is no way to a host, against real OpenSSH.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

mod support;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hostler::hosts::{Endpoint, Hosts, Options};
use hostler::hosts::{Request, Trouble};
use support::{Bed, changing, eventually, reading, refused, sh, text, unreachable};

/// Short times, for hosts that say nothing.
fn impatient(bed: &Bed) -> Options {
    Options { connect_timeout: Duration::from_secs(1), alive_interval: Duration::from_secs(1), ..bed.options() }
}

/// Sends a signal to processes of this machine.
fn signal(name: &str, pids: &[u32]) {
    let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
    sh(&format!("kill -{name} {}", pids.join(" ")));
}

/// The listening sshd of a machine, and those that serve a session, as this machine numbers them.
fn sshds(bed: &Bed, name: &str) -> (u32, Vec<u32>) {
    let children = |pid: u32| -> Vec<u32> {
        let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        list.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    };
    let is_sshd = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim() == "sshd";
    let listener = children(bed.node(name).init()).into_iter().find(is_sshd).unwrap();
    (listener, children(listener))
}

#[tokio::test]
async fn nothing_answers() {
    let mut bed = Bed::new();
    bed.add("pbs", &[]);
    // A full queue of a listener drops what comes, as a firewall or a missing machine does.
    let listener = TcpListener::bind((bed.node("pbs").address.as_str(), 2222)).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        queue.push(stream);
    }
    let hosts = Hosts::new(bed.endpoints(), impatient(&bed)).unwrap();
    let (host, why) = unreachable(hosts.run(&reading("pbs", &["true"])).await);
    assert_eq!(
        (host.as_str(), why.as_str()),
        ("pbs", &*format!("Nothing answers at {} port 2222 within the time for connecting.", address.ip()))
    );
    assert_eq!(hosts.port("pbs", 2222).await, Ok(false));
}

#[tokio::test]
async fn a_name_without_an_address() {
    let bed = Bed::new();
    let endpoint = Endpoint { name: "pbs".into(), address: "no-such-host.invalid".into(), ..Endpoint::default() };
    let hosts = Hosts::new([endpoint], bed.options()).unwrap();
    let (_, why) = unreachable(hosts.run(&reading("pbs", &["true"])).await);
    assert_eq!(
        why,
        "The name `no-such-host.invalid` has no address; set `ansible_host`, or look at DNS and /etc/hosts."
    );
}

#[tokio::test]
async fn sshd_hangs_before_it_introduces_itself() {
    let mut bed = Bed::new();
    bed.start("pbs", &[]);
    let hosts = Hosts::new(bed.endpoints(), impatient(&bed)).unwrap();
    let (sshd, _) = sshds(&bed, "pbs");
    signal("STOP", &[sshd]);
    let (host, why) = unreachable(hosts.greet_fresh("pbs").await);
    assert_eq!(host, "pbs");
    assert!(why.contains("then said nothing within the time for connecting: its sshd hangs"), "{why}");
    signal("CONT", &[sshd]);
    assert_eq!(hosts.greet_fresh("pbs").await.unwrap().user, "root");
}

#[tokio::test]
async fn a_session_hangs_and_a_new_connection_works() {
    let mut bed = Bed::new();
    bed.start("pbs", &[]);
    let hosts = Hosts::new(bed.endpoints(), impatient(&bed)).unwrap();
    hosts.run(&reading("pbs", &["true"])).await.unwrap();
    let (_, sessions) = sshds(&bed, "pbs");
    signal("STOP", &sessions);
    let began = Instant::now();
    let changing = changing("pbs", &["sh", "-c", "echo changed >>/root/changed"]);
    assert_eq!(hosts.run(&changing).await.unwrap().code, 0);
    assert!(began.elapsed() < Duration::from_secs(20), "ServerAlive takes three seconds here");
    signal("CONT", &sessions);
    // The old connection's request arrives after all, and is not carried out again.
    let ends = || sessions.iter().all(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists());
    eventually("the old session's end", ends).await;
    assert_eq!(hosts.run(&changing).await.unwrap().code, 0);
    assert_eq!(bed.node("pbs").read("root/changed"), "changed\n");
}

#[tokio::test]
async fn the_connection_dies_under_a_command() {
    let mut bed = Bed::new();
    bed.start("pbs", &[]);
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    let runs = |line: &str| bed.node("pbs").exec("ps -e -o args").lines().any(|args| args == line);
    let kill = async |line: &str| {
        eventually("the command", || runs(line)).await;
        signal("KILL", &sshds(&bed, "pbs").1);
    };
    let request = reading("pbs", &["sleep", "1000"]);
    let (lost, ()) = tokio::join!(hosts.run(&request), kill("sleep 1000"));
    assert!(matches!(lost, Err(Trouble::Unknown { .. })), "{lost:?}");
    eventually("its end with its session", || !runs("sleep 1000")).await;

    // The changing one is left alone, and asked for over another connection.
    let request = changing("pbs", &["sleep", "1001"]);
    let end = async {
        kill("sleep 1001").await;
        eventually("another session", || !sshds(&bed, "pbs").1.is_empty()).await;
        assert!(runs("sleep 1001"));
        bed.node("pbs").exec("kill $(ps -e -o pid=,args= | awk '$2 == \"sleep\" && $3 == 1001 { print $1 }')");
    };
    let (ended, ()) = tokio::join!(hosts.run(&request), end);
    assert_eq!(ended.unwrap().code, 143);
}

#[tokio::test]
async fn host_keys_are_strict() {
    let mut bed = Bed::new();
    bed.start("pbs", &[]);
    let known = bed.path.join("known_hosts");
    let address = bed.node("pbs").address.clone();
    let mut endpoint = bed.endpoint("pbs");
    // What inventories say against it has no effect.
    endpoint.ssh_args = ["-o", "StrictHostKeyChecking=no"].map(String::from).to_vec();
    let hosts = Hosts::new([endpoint], bed.options()).unwrap();

    let right = fs::read_to_string(&known).unwrap();
    fs::write(&known, "").unwrap();
    let (_, why) = unreachable(hosts.run(&reading("pbs", &["true"])).await);
    let by_hand = format!("`ssh -p 2222 root@{address}`");
    assert!(why.contains("host key is not known here") && why.contains(&by_hand), "{why}");
    assert_eq!(fs::read_to_string(&known).unwrap(), "");

    sh(&format!("ssh-keygen -q -t ed25519 -N '' -f '{}/other'", bed.path.display()));
    let other = fs::read_to_string(bed.path.join("other.pub")).unwrap();
    fs::write(&known, format!("# a comment\n[{address}]:2222 {other}")).unwrap();
    let (host, why) = unreachable(hosts.run(&reading("pbs", &["true"])).await);
    assert_eq!(host, "pbs");
    let file = known.display();
    assert_eq!(
        why,
        format!(
            "Its host key has changed (the known one is {file}:2): somebody else answers at its address, or it was \
             installed anew. If so, forget the old key with `ssh-keygen -R '[{address}]:2222' -f {file}`."
        )
    );
    fs::write(&known, right).unwrap();
    hosts.run(&reading("pbs", &["true"])).await.unwrap();
}

#[tokio::test]
async fn the_login_is_refused() {
    let mut bed = Bed::new();
    bed.start("pbs", &[("users", "deploy:1001:/bin/bash\n")]);
    let hosts = Hosts::new(
        [
            Endpoint { name: "wrong-user".into(), user: Some("nobody-here".into()), ..bed.endpoint("pbs") },
            Endpoint { name: "right".into(), user: Some("deploy".into()), ..bed.endpoint("pbs") },
        ],
        bed.options(),
    )
    .unwrap();
    let (host, why) = unreachable(hosts.run(&reading("wrong-user", &["true"])).await);
    assert_eq!(host, "wrong-user");
    let key = bed.path.join("id").display().to_string();
    assert_eq!(
        why,
        format!(
            "It refuses the login of `nobody-here` (offered: {key} ED25519); it takes publickey. Set `ansible_user` or \
             `ansible_ssh_private_key_file`, or add the key there."
        )
    );
    let reply = hosts.run(&reading("right", &["id", "-un"])).await.unwrap();
    assert_eq!(text(&reply), "deploy\n");
    sh(&format!("rm '{0}/id' && ssh-keygen -q -t ed25519 -N '' -f '{0}/id'", bed.path.display()));
    let (_, why) = unreachable(hosts.greet_fresh("right").await);
    assert!(why.contains("refuses the login of `deploy` (offered: "), "{why}");
}

#[tokio::test]
async fn another_user_is_reached_by_sudo() {
    let mut bed = Bed::new();
    let users = "deploy:1001:/bin/bash\nplain:1002:/bin/sh\n";
    bed.start("pbs", &[("users", users), ("sudoers", "deploy ALL=(ALL) NOPASSWD: ALL\n")]);
    bed.start("bare", &[("users", users), ("nosudo", "")]);
    let deploy = |name: &str| Endpoint { user: Some("deploy".into()), ..bed.endpoint(name) };
    let plain = Endpoint { name: "plain".into(), user: Some("plain".into()), ..bed.endpoint("pbs") };
    let hosts = Hosts::new([deploy("pbs"), deploy("bare"), plain], bed.options()).unwrap();
    let become_user =
        |user: &str, host: &str, words: &[&str]| Request { user: Some(user.into()), ..reading(host, words) };

    let reply = hosts.run(&become_user("root", "pbs", &["sh", "-c", "id -un; echo $HOME $USER"])).await.unwrap();
    assert_eq!(text(&reply), "root\n/root root\n");
    let reply = hosts.run(&become_user("plain", "pbs", &["sh", "-c", "id -un; echo $HOME"])).await.unwrap();
    assert_eq!(text(&reply), "plain\n/home/plain\n");
    let reply = hosts.run(&become_user("deploy", "pbs", &["id", "-un"])).await.unwrap();
    assert_eq!(text(&reply), "deploy\n");

    let (host, why) = refused(hosts.run(&become_user("root", "plain", &["true"])).await);
    assert_eq!(host, "plain");
    assert_eq!(
        why,
        "`plain` may become `root` there only with a password; allow it without one by the line `plain ALL=(root) \
         NOPASSWD: ALL` in /etc/sudoers.d/hostler."
    );
    let (_, why) = refused(hosts.run(&become_user("nobody-here", "pbs", &["true"])).await);
    assert_eq!(why, "There is no user `nobody-here` on it.");
    let (host, why) = refused(hosts.run(&become_user("root", "bare", &["true"])).await);
    assert_eq!(host, "bare");
    assert!(why.starts_with("It has no sudo, so that `deploy` can not become `root`; install sudo"), "{why}");
}

#[tokio::test]
async fn who_is_root_already_needs_no_sudo() {
    let mut bed = Bed::new();
    bed.start("pbs", &[("nosudo", "")]);
    // The user stands in the user's own configuration, so that only the host can tell.
    let endpoint = Endpoint { user: None, ..bed.endpoint("pbs") };
    let config = bed.path.join("ssh_config");
    fs::write(&config, format!("User root\n{}", fs::read_to_string(&config).unwrap())).unwrap();
    let hosts = Hosts::new([endpoint], bed.options()).unwrap();
    let request = Request { user: Some("root".into()), ..reading("pbs", &["id", "-un"]) };
    assert_eq!(text(&hosts.run(&request).await.unwrap()), "root\n");
    assert_eq!(sshds(&bed, "pbs").1.len(), 1, "one connection is enough");
}

#[tokio::test]
async fn jump_hosts_and_the_users_own_configuration() {
    let mut bed = Bed::new();
    bed.start("bastion", &[]);
    bed.start("pbs", &[]);
    let (bastion, pbs) = (bed.node("bastion").address.clone(), bed.node("pbs").address.clone());
    let config = bed.path.join("ssh_config");
    let mut text_of_config = fs::read_to_string(&config).unwrap();
    text_of_config.push_str(&format!(
        "Host backup\n  HostName {pbs}\n  Port 2222\n  User root\n  ProxyJump root@{bastion}:2222\n"
    ));
    fs::write(&config, text_of_config).unwrap();
    let jump = |target: &str, through: String| Endpoint {
        name: target.into(),
        ssh_args: vec!["-J".into(), through],
        ..bed.endpoint("pbs")
    };
    let endpoints = [
        bed.endpoint("bastion"),
        Endpoint { name: "alias".into(), address: "backup".into(), ..Endpoint::default() },
        jump("jumps", format!("root@{bastion}:2222")),
        jump("refused", format!("root@{bastion}:2299")),
        jump("stranger", format!("stranger@{bastion}:2222")),
        Endpoint { port: Some(2299), ..jump("behind", format!("root@{bastion}:2222")) },
        Endpoint { name: "code".into(), ssh_args: vec!["-oProxyCommand=nc %h %p".into()], ..bed.endpoint("pbs") },
    ];
    let hosts = Hosts::new(endpoints, bed.options()).unwrap();
    for host in ["alias", "jumps"] {
        let reply = hosts.run(&reading(host, &["sh", "-c", "id -un; hostname"])).await.unwrap();
        assert_eq!(text(&reply), "root\npbs\n", "{host}");
    }
    assert_eq!(sshds(&bed, "bastion").1.len(), 2, "both went through the bastion");
    assert_eq!(hosts.port("alias", 2222).await, Ok(true));

    let (host, why) = unreachable(hosts.run(&reading("refused", &["true"])).await);
    assert_eq!(host, "refused", "the jump host's port is not that of the inventory's bastion");
    assert!(
        why.starts_with(&format!("The way to it leads through the jump host `root@{bastion}:2299`, which fails: ")),
        "{why}"
    );
    assert!(why.contains("refuses connections to port 2299"), "{why}");
    let (host, why) = unreachable(hosts.run(&reading("stranger", &["true"])).await);
    assert_eq!(host, "bastion", "{why}");
    assert!(why.contains("refuses the login of `stranger`"), "{why}");
    let (host, why) = unreachable(hosts.run(&reading("behind", &["true"])).await);
    assert_eq!(host, "behind", "{why}");
    assert_eq!(
        why,
        format!(
            "Its jump host `root@{bastion}:2222` answers, and can not connect to {pbs} port 2299 (Connection refused)."
        )
    );
    let (host, why) = refused(hosts.run(&reading("code", &["true"])).await);
    assert_eq!(host, "code");
    assert!(why.contains("put it into ~/.ssh/config instead"), "{why}");
}

#[tokio::test]
async fn two_hosts_at_one_address() {
    let mut bed = Bed::new();
    bed.start("a", &[]);
    bed.add("b", &[]);
    // The same address, another port.
    let address = bed.node("a").address.clone();
    bed.kill("a");
    let bed = {
        let mut bed = bed;
        bed.move_to("b", &address, 2223);
        bed.boot("a");
        bed.boot("b");
        bed
    };
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    for name in ["a", "b"] {
        assert_eq!(text(&hosts.run(&reading(name, &["hostname"])).await.unwrap()), format!("{name}\n"));
    }
}

#[tokio::test]
async fn a_host_that_takes_few_connections_at_once_is_asked_again() {
    let mut bed = Bed::new();
    bed.start("bastion", &[("sshd_config", "MaxStartups 3:70:5\n")]);
    bed.start("pbs", &[]);
    let bastion = bed.node("bastion").address.clone();
    let through = |number: usize| Endpoint {
        name: format!("h{number}"),
        ssh_args: vec!["-J".into(), format!("root@{bastion}:2222")],
        ..bed.endpoint("pbs")
    };
    // Time enough for a machine that is busy with other tests.
    let options = Options { connect_timeout: support::PATIENCE, ..bed.options() };
    let hosts = std::sync::Arc::new(Hosts::new((0..12).map(through), options).unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..12 {
        let hosts = hosts.clone();
        tasks.spawn(async move { hosts.run(&changing(&format!("h{number}"), &["hostname"])).await });
    }
    while let Some(reply) = tasks.join_next().await {
        assert_eq!(text(&reply.unwrap().unwrap()), "pbs\n");
    }
    assert!(bed.node("bastion").read("sshd.log").contains("MaxStartups"), "none was turned away");
}

#[tokio::test]
async fn login_files_that_talk_are_not_heard() {
    let mut bed = Bed::new();
    bed.start("pbs", &[]);
    let pbs = bed.node("pbs");
    pbs.write("root/.bashrc", "echo Welcome to the machine; printf 'no newline'; echo oops >&2; sleep 0.2\n");
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    let reply = hosts.run(&reading("pbs", &["echo", "hello"])).await.unwrap();
    assert_eq!((text(&reply).as_str(), reply.stderr.len()), ("hello\n", 0));
}

#[tokio::test]
async fn a_login_file_that_reads_makes_no_value_into_code() {
    let mut bed = Bed::new();
    bed.start("pbs", &[]);
    bed.node("pbs").write("root/.bashrc", "read -r line\n");
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    let request = reading("pbs", &["echo", ";touch", "/root/pwned;"]);
    let (_, why) = unreachable(hosts.run(&request).await);
    assert!(why.starts_with("A login file of its user reads its input"), "{why}");
    assert!(!bed.node("pbs").path.join("root/pwned").exists());
}

#[tokio::test]
async fn hosts_without_a_shell_for_us() {
    let mut bed = Bed::new();
    let users = "closed:1001:/usr/sbin/nologin\n";
    bed.start("pbs", &[("users", users)]);
    bed.start("bare", &[("sh", "none")]);
    let hosts = Hosts::new(
        [bed.endpoint("bare"), Endpoint { name: "closed".into(), user: Some("closed".into()), ..bed.endpoint("pbs") }],
        bed.options(),
    )
    .unwrap();
    let (_, why) = unreachable(hosts.run(&reading("bare", &["true"])).await);
    assert!(why.starts_with("It has no POSIX shell `sh` for its user"), "{why}");
    let (_, why) = unreachable(hosts.run(&reading("closed", &["true"])).await);
    assert_eq!(
        why,
        "It lets its user log in and then ends the session with exit code 1; it said: This account is currently not available."
    );
}

#[tokio::test]
async fn a_controller_without_ssh() {
    let bed = Bed::new();
    let endpoint = Endpoint { name: "pbs".into(), address: "127.0.0.1".into(), ..Endpoint::default() };
    let options = Options { ssh: "/nonexistent/ssh".into(), ..bed.options() };
    let hosts = Hosts::new([endpoint], options).unwrap();
    let (_, why) = unreachable(hosts.run(&reading("pbs", &["true"])).await);
    assert_eq!(
        why,
        "There is no `/nonexistent/ssh` on this machine; install OpenSSH's client (package openssh-client)."
    );
}

/// Not a test of its own: the controller that the next test kills.
#[tokio::test]
async fn controller_that_is_killed() {
    let Some(place) = std::env::var_os("HOSTLER_TEST_CONTROLLER") else { return };
    let place = place.into_string().unwrap();
    let (bed, address) = place.split_once(' ').unwrap();
    let options = Options { temp: Some(bed.into()), user_config: format!("{bed}/ssh_config"), ..Options::default() };
    let endpoint = Endpoint {
        name: "pbs".into(),
        address: address.into(),
        port: Some(2222),
        user: Some("root".into()),
        ..Endpoint::default()
    };
    let hosts = Hosts::new([endpoint], options).unwrap();
    let _ = hosts.run(&reading("pbs", &["sleep", "1000"])).await;
}

#[tokio::test]
async fn nothing_is_left_when_the_controller_is_killed() {
    let mut bed = Bed::new();
    bed.start("pbs", &[]);
    let mut controller = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "controller_that_is_killed", "--nocapture"])
        .env("HOSTLER_TEST_CONTROLLER", format!("{} {}", bed.path.display(), bed.node("pbs").address))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pbs = bed.node("pbs");
    eventually("the command", || pbs.exec("ps -e -o args").contains("sleep 1000")).await;
    let clients =
        || sh("ps -e -o pid=,args=").lines().filter(|line| line.contains(&*format!("-- {} ", pbs.address))).count();
    assert_eq!(clients(), 1);
    controller.kill().unwrap();
    assert!(!controller.wait().unwrap().success());
    eventually("the end of ssh", || clients() == 0).await;
    eventually("the end of the courier", || {
        let processes = pbs.exec("ps -e -o args");
        !processes.contains("hostler") && !processes.contains("sleep")
    })
    .await;
    assert_eq!(pbs.exec("ls -A /dev/shm"), "");
}

#[tokio::test]
async fn a_host_key_that_changes_under_a_command_keeps_its_result_back_and_loses_nothing() {
    let mut bed = Bed::new();
    bed.start("pbs", &[("root/hold", "")]);
    let node = bed.node("pbs");
    let known = bed.path.join("known_hosts");
    let right = fs::read_to_string(&known).unwrap();
    sh(&format!("ssh-keygen -q -t ed25519 -N '' -f '{}/other'", bed.path.display()));
    let other = fs::read_to_string(bed.path.join("other.pub")).unwrap();
    let hosts = Hosts::new(bed.endpoints(), bed.options()).unwrap();
    let line = "echo started >>/root/starts; while [ -e /root/hold ]; do sleep 0.05; done; echo out";
    let request = Request { within: Duration::from_secs(4), ..changing("pbs", &["sh", "-c", line]) };
    let (lost, ()) = tokio::join!(hosts.run(&request), async {
        eventually("its start", || !node.read("root/starts").is_empty()).await;
        fs::write(&known, format!("[{}]:2222 {other}", node.address)).unwrap();
        signal("KILL", &sshds(&bed, "pbs").1);
    });
    let Err(Trouble::Unknown { host, why, .. }) = lost else { panic!("{lost:?}") };
    assert_eq!(host, "pbs");
    assert!(why.contains("host key has changed"), "{why}");

    fs::write(&known, right).unwrap();
    fs::remove_file(node.path.join("root/hold")).unwrap();
    assert_eq!(text(&hosts.run(&request).await.unwrap()), "out\n");
    assert_eq!(node.read("root/starts"), "started\n");
}
