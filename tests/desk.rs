//! What the controller does itself: notifications, questions, secrets, Ctrl-C. The host of these runs is this machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can not go on should stop")]

mod here;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::JoinHandle;

use here::{Site, ended};

/// A server on loopback that takes one request and gives back its head and body.
fn server(status: &'static str) -> (String, JoinHandle<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/topic", listener.local_addr().unwrap());
    let taken = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).unwrap(), 0);
        }
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_string));
        let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
        reader.read_exact(&mut body).unwrap();
        write!(reader.get_mut(), "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        (head, String::from_utf8(body).unwrap())
    });
    (url, taken)
}

const NOTIFY: &str = "notify ops \"about $guest\" { kernel: \"6.8\", state: \"fine\" }";

#[test]
fn ntfy_gets_a_title_and_rows() {
    let (url, taken) = server("200 OK");
    let site = Site::new("ntfy", &format!("[notify.ops]\nkind = \"ntfy\"\nurl = \"{url}\"\n"));
    let (code, out) = site.run(NOTIFY);
    assert_eq!(code, 0, "{out}");
    let (head, body) = taken.join().unwrap();
    assert!(head.starts_with("POST /topic "), "{head}");
    assert!(head.to_ascii_lowercase().contains("title: about me\r\n"), "{head}");
    assert_eq!(body, "kernel: 6.8\nstate: fine\n");
}

#[test]
fn a_webhook_gets_json() {
    let (url, taken) = server("204 No Content");
    let site = Site::new("webhook", &format!("[notify.ops]\nkind = \"webhook\"\nurl = \"{url}\"\n"));
    let (code, out) = site.run(NOTIFY);
    assert_eq!(code, 0, "{out}");
    let (_, body) = taken.join().unwrap();
    let json: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(json, serde_json::json!({"subject": "about me", "fields": {"kernel": "6.8", "state": "fine"}}));
}

#[test]
fn mail_goes_through_the_controllers_sendmail() {
    let site = Site::new("mail", "[notify.ops]\nkind = \"mail\"\nto = \"ops@example.com\"\n");
    let program = site.folder.join("sendmail");
    fs::write(&program, "#!/bin/sh\necho \"$@\" >args\ncat >message\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", site.folder.display());
    let (code, out) = ended(site.command(NOTIFY).env("PATH", path).output().unwrap());
    assert_eq!(code, 0, "{out}");
    assert!(!out.contains("warning"), "{out}");
    assert_eq!(fs::read_to_string(site.folder.join("args")).unwrap(), "-i -t\n");
    let message = fs::read_to_string(site.folder.join("message")).unwrap();
    assert!(message.starts_with("To: ops@example.com\nSubject: about me\n"), "{message}");
    assert!(message.ends_with("\n\nkernel: 6.8\nstate: fine\n"), "{message}");
}

#[test]
fn what_a_host_prints_adds_no_header() {
    let (url, taken) = server("200 OK");
    let site = Site::new("header", &format!("[notify.ops]\nkind = \"ntfy\"\nurl = \"{url}\"\n"));
    let (code, out) = site.run("let x = on guest reading: printf 'a\\nEvil: yes'\nnotify ops \"${x.stdout}\" { }");
    assert_eq!(code, 0, "{out}");
    let (head, _) = taken.join().unwrap();
    assert!(!head.lines().any(|line| line.starts_with("Evil:")), "{head}");
}

#[test]
fn a_notification_that_fails_is_a_warning() {
    let (url, taken) = server("500 Internal Server Error");
    let site = Site::new("fails", &format!("[notify.ops]\nkind = \"ntfy\"\nurl = \"{url}\"\n"));
    let (code, out) = site.run(NOTIFY);
    taken.join().unwrap();
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("me: warning: the notification to `ops` was not sent") && out.contains("500"), "{out}");
}

#[test]
fn a_question_without_a_terminal_is_refused_beforehand() {
    let site = Site::new("confirm", "");
    let plan = "on guest: touch begun\nconfirm \"sure?\"";
    let (code, out) = site.run(plan);
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("--yes"), "{out}");
    // A question that another plan asks does not matter.
    let other = "plan main for guest in me { on guest: true }\ntask ask(guest: Host) { confirm \"sure?\" }";
    let (code, out) = site.run(other);
    assert_eq!(code, 0, "{out}");
    let (code, out) = ended(site.command("confirm \"sure?\"").arg("--yes").output().unwrap());
    assert_eq!(code, 0, "{out}");
}

#[test]
fn a_secret_that_is_not_there_is_missed_beforehand_wherever_it_is_needed() {
    let site = Site::new("unset", "");
    let plan = "on guest: touch begun\nlet token = env(\"DESK_UNSET\")\non guest env T=$token: true";
    let (code, out) = site.run(plan);
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("`DESK_UNSET`, which is not set") && !out.contains("touch"), "{out}");
}

#[test]
fn a_secret_reaches_the_command_and_no_sink() {
    let site = Site::new("secret", "");
    let plan = site.folder.join("p.plan");
    let sees = "plan p(token: Secret = env(\"DESK_TOKEN\")) for guest in me {\n  let a = on guest reading env T=$token: sh 'printf %s \"${#T}\"'\n  let b = on guest reading stdin $token: wc -c\n  record both = \"${a.trim} ${b.trim}\"\n}\n";
    fs::write(&plan, sees).unwrap();
    let mut command = site.hostler(&["run", "p.plan"]);
    let (code, out) = ended(command.env_remove("DESK_TOKEN").output().unwrap());
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("DESK_TOKEN"), "{out}");
    let (code, out) = ended(command.env("DESK_TOKEN", "canary-4711").output().unwrap());
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("both = 11 11"), "{out}");
    assert!(!out.contains("canary"), "{out}");
}

/// A run that has printed this line.
fn begun(mut child: Child, line: &str) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut seen = String::new();
    while !seen.contains(line) {
        assert_ne!(out.read_line(&mut seen).unwrap(), 0, "{seen}");
    }
    (child, out)
}

fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
}

#[test]
fn ctrl_c_begins_nothing_new_and_runs_finally() {
    let site = Site::new("interrupt", "");
    let folder = site.folder.display();
    let plan = format!(
        "try {{ on guest reading within 5m: sleep 300 }} finally {{ on guest: touch {folder}/last }}\non guest: touch {folder}/after"
    );
    let (child, mut out) = begun(site.command(&plan).spawn().unwrap(), "sleep 300");
    interrupt(&child);
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{rest}");
    assert!(site.folder.join("last").exists(), "finally was run: {rest}");
    assert!(!site.folder.join("after").exists(), "nothing new was begun: {rest}");
    assert!(rest.contains("me     interrupted") && rest.contains("sleep 300"), "it says where the guest is: {rest}");
}

#[test]
fn a_second_ctrl_c_stops_at_once() {
    let site = Site::new("twice", "");
    let plan = "try { on guest reading within 5m: sleep 300 } finally { on guest reading within 5m: sleep 301 }";
    let (child, out) = begun(site.command(plan).spawn().unwrap(), "sleep 300");
    interrupt(&child);
    let mut child = child;
    child.stdout = None;
    let mut out = out;
    let mut seen = String::new();
    while !seen.contains("sleep 301") {
        assert_ne!(out.read_line(&mut seen).unwrap(), 0, "{seen}");
    }
    interrupt(&child);
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest}");
    assert!(rest.contains("interrupted"), "{rest}");
}

#[test]
fn a_vaults_value_is_a_secret_that_reaches_the_command() {
    let site = Site::new("vault", "vault_password_file = \"password\"\n");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventories/vault_file");
    fs::create_dir_all(site.folder.join("inventory/host_vars")).unwrap();
    fs::copy(fixture.join("host_vars/h/vault.yml"), site.folder.join("inventory/host_vars/me.yml")).unwrap();
    fs::copy(fixture.join("vault-password.txt"), site.folder.join("password")).unwrap();
    let (code, out) = site.run("let n = on guest reading stdin $own: wc -c\nrecord letters = $n.trim");
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("letters = 14"), "{out}");
    let (code, out) = site.run("on guest: echo $own");
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("secret/exposed") && !out.contains("from the vault"), "{out}");
    fs::remove_file(site.folder.join("password")).unwrap();
    let (code, out) = site.run("let n = on guest reading stdin $own: wc -c\nrecord letters = $n.trim");
    assert_eq!(code, 2, "{out}");
}
