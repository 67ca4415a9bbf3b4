//! Hostile values arrive byte for byte, whatever shell the host has.
//!
//! The client in ssh's place runs the remote command line with a shell of choice, as sshd would.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hostler::hosts::{Endpoint, Hosts, Options};
use hostler::hosts::{Request, Trouble};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use support::reading;

/// How many requests go through each shell; each carries up to thirty words, four variables and a standard input.
const REQUESTS: usize = 250;
/// How many values go through each shell at least; through all three more than 10,000.
const VALUES: usize = 3_500;

/// Texts that a shell, a field or an encoding could trip over.
const ODD: [&str; 30] = [
    "",
    " ",
    "\n",
    "\n\n",
    "a\n",
    "\t",
    "-n",
    "--",
    "-",
    "%",
    "%%b",
    "\\",
    "\\n",
    "\\0101",
    "\\c",
    "'",
    "\"",
    "$(id)",
    "`id`",
    "${x}",
    "*",
    "~",
    "#",
    "!",
    ";&|<>(){}[]",
    "ü€𝄞",
    "\u{81}\u{82}\u{88}",
    "\r\n",
    "\u{1}\u{7f}\u{1b}[31m",
    "=",
];

fn word() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => proptest::sample::select(&ODD[..]).prop_map(str::to_string),
        2 => proptest::collection::vec(1u8..=127, 0..12).prop_map(|bytes| bytes.into_iter().map(char::from).collect()),
        1 => proptest::collection::vec(any::<char>().prop_filter("no NUL", |c| *c != '\0'), 0..8)
            .prop_map(|chars| chars.into_iter().collect()),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces: Vec<String>| pieces.concat())
}

/// A folder with a client in ssh's place and a `sh` that is this shell.
fn client(shell: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("values-{shell}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    symlink(support::sh(&format!("command -v {shell}")).trim(), folder.join("sh")).unwrap();
    let client =
        format!("#!/bin/sh\nfor last; do :; done\nPATH='{0}':$PATH\nexec '{0}/sh' -c \"$last\"\n", folder.display());
    fs::write(folder.join("ssh"), client).unwrap();
    fs::set_permissions(folder.join("ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

async fn through(shell: &str) {
    let folder = client(shell);
    // The host is this machine: its spool must not be.
    let points = vec![("spool".to_string(), format!("S={}/spool", folder.display()))];
    let options = Options { ssh: folder.join("ssh"), points, ..Options::default() };
    let endpoint = Endpoint { name: "h".into(), address: "h".into(), ..Endpoint::default() };
    let hosts = Hosts::new([endpoint], options).unwrap();
    let seen = hosts.run(&reading("h", &["sh", "-c", "readlink /proc/$PPID/exe"])).await.unwrap();
    assert!(support::text(&seen).contains(shell), "the courier does not run in {shell}");

    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let cases = (
        proptest::collection::vec(word(), 0..30),
        proptest::collection::vec(word(), 0..4),
        proptest::collection::vec(any::<u8>(), 0..40),
        any::<bool>(),
    );
    let mut arrived = 0;
    for number in 0..REQUESTS {
        let (words, values, stdin, is_reading) = cases.new_tree(&mut runner).unwrap().current();
        // What the command got, each part with a NUL behind it.
        let script = "for v; do printf '%s\\0' \"$v\"; done; env -0 | sort -z; cat";
        let mut request = reading("h", &["bash", "-c", script, "name"]);
        if !is_reading {
            // Its own names are hostile too.
            let step = format!("{number} {}", values.concat());
            request.operation = support::operation("h", &[], &step, &words.concat()).operation;
        }
        request.argv.extend(words.iter().cloned());
        request.env = values.iter().enumerate().map(|(i, value)| (format!("V{i}"), value.clone())).collect();
        request.stdin = stdin.clone();
        let reply = hosts.run(&request).await.unwrap();
        let mut got = reply.stdout.as_slice();
        for word in &words {
            let end = got.iter().position(|byte| *byte == 0).unwrap();
            assert_eq!(String::from_utf8_lossy(&got[..end]), *word, "in {shell}");
            got = &got[end + 1..];
        }
        for (name, value) in &request.env {
            let line = format!("\0{name}={value}\0").into_bytes();
            assert!(got.windows(line.len()).any(|part| part == line), "{name}={value:?} in {shell}");
        }
        assert!(got.ends_with(&stdin) && (stdin.is_empty() || got[..got.len() - stdin.len()].ends_with(b"\0")));
        assert_eq!((reply.code, reply.stderr.as_slice()), (0, &b""[..]));
        arrived += words.len() + values.len() + 1;
    }
    assert!(arrived > VALUES, "{arrived} values in {shell}");

    // One word of 100 KiB of the worst, and a standard input of every byte.
    let long: String = "\u{81}'\n\\".chars().cycle().take(80 << 10).collect();
    assert_eq!(long.len(), 100 << 10);
    for is_reading in [true, false] {
        let mut request = reading("h", &["sh", "-c", "printf %s \"$1\"; cat", "name", &long]);
        request.stdin = (0..=255).cycle().take(100 << 10).collect();
        if !is_reading {
            request.operation = support::operation("h", &[], "long", &long).operation;
        }
        let reply = hosts.run(&request).await.unwrap();
        assert!(reply.stdout == [long.as_bytes(), &request.stdin].concat(), "100 KiB differ in {shell}");
    }
    hosts.close().await;
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn values_arrive_byte_for_byte_through_dash() {
    through("dash").await;
}

#[tokio::test]
async fn values_arrive_byte_for_byte_through_busybox() {
    through("busybox").await;
}

#[tokio::test]
async fn values_arrive_byte_for_byte_through_bash() {
    through("bash").await;
}

#[tokio::test]
async fn what_can_not_arrive_is_refused_before_it_is_sent() {
    let local = Endpoint { name: "here".into(), local: true, ..Endpoint::default() };
    let hosts = Hosts::new([local], Options::default()).unwrap();
    let with_env = |name: &str, value: &str| Request {
        env: vec![(name.into(), value.into())],
        within: Duration::from_secs(5),
        ..reading("here", &["true"])
    };
    for request in [
        reading("here", &["echo", "a\0b"]),
        reading("here", &[]),
        reading("here", &[""]),
        with_env("A", "\0"),
        with_env("IFS", "x"),
        with_env("A=B", "x"),
        with_env("1A", "x"),
        with_env("A;id", "x"),
        Request { user: Some("-u root".into()), ..reading("here", &["true"]) },
        reading("there", &["true"]),
    ] {
        let result = hosts.run(&request).await;
        assert!(matches!(result, Err(Trouble::Refused { .. })), "{request:?}: {result:?}");
    }
}
