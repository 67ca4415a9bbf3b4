//! Scenes: what is other than well in the lab, and what the lab does not know.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can not go on should stop")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const INVENTORY: &str = "[hypervisors]\npve\n[web]\nweb1 vmid=101 hypervisor=pve\nweb2 vmid=102 hypervisor=pve\n";

/// A site of its own, with scenes.
struct Site {
    folder: PathBuf,
}

impl Site {
    fn new(name: &str, scenes: &[(&str, &str)]) -> Site {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("scenes-{name}"));
        let _ = fs::remove_dir_all(&folder);
        for path in ["inventory", "lab"] {
            fs::create_dir_all(folder.join(path)).unwrap();
        }
        fs::write(folder.join("inventory/hosts.ini"), INVENTORY).unwrap();
        for (name, text) in scenes {
            fs::write(folder.join(format!("lab/{name}.toml")), text).unwrap();
        }
        Site { folder }
    }

    /// Its exit code, and what it said on one line.
    fn hostler(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostler"));
        let output = command.args(arguments).current_dir(&self.folder).output().unwrap();
        let both = [output.stdout, output.stderr].concat();
        let words: Vec<String> = String::from_utf8(both).unwrap().split_whitespace().map(str::to_string).collect();
        (output.status.code().unwrap(), words.join(" "))
    }

    fn run(&self, statements: &str, scenes: &[&str]) -> (i32, String) {
        let mut arguments = vec!["run", "-e", statements, "--target", "web1", "--lab"];
        scenes.iter().for_each(|scene| arguments.extend(["--scene", scene]));
        self.hostler(&arguments)
    }
}

#[test]
fn a_command_that_the_lab_does_not_know_is_not_guessed() {
    let site = Site::new("unknown", &[("all", "unknown = \"succeeds\"\n")]);
    let (code, said) = site.run("on guest: backupctl run nightly --now", &[]);
    assert_eq!(code, 1);
    let advice = "answers = [{ on = \"web1\", command = \"backupctl run nightly --now\", stdout = \"\" }]";
    assert!(said.contains("does not know what this command does") && said.contains(advice), "{said}");
    // A script is known by its first line.
    let (_, said) = site.run("let seen = on guest reading: sh '''\n# my_check\necho yes\n'''", &[]);
    assert!(said.contains("answers = [{ on = \"web1\", script = \"# my_check\", stdout = \"\" }]"), "{said}");
    assert_eq!(site.run("on guest: backupctl run nightly --now", &["all"]).0, 0);
    // So is one inside of another, and one in the guest by its agent.
    for inside in ["on guest: timeout 5m backupctl list", "on hypervisor: qm guest exec $vmid -- backupctl list"] {
        let (code, said) = site.run(inside, &[]);
        assert!(code == 1 && said.contains("backupctl list"), "{said}");
    }
    // What is known is known inside of another too.
    for inside in ["on hypervisor: timeout 20m qm reboot $vmid", "on guest: nice -n 10 apt-get update"] {
        let (code, said) = site.run(inside, &[]);
        assert!(code == 0, "{said}");
    }
}

#[test]
fn what_was_advised_is_what_the_lab_then_knows() {
    let site = Site::new("advice", &[]);
    let statements = "let seen = on guest reading: backupctl list --quiet\nrecord seen = $seen.trim";
    let (_, said) = site.run(statements, &[]);
    let advice = said.split("`answers = ").nth(1).unwrap().split('`').next().unwrap();
    let answers = format!("answers = {}\n", advice.replace("stdout = \"\"", "stdout = \"three\\n\""));
    fs::write(site.folder.join("lab/site.toml"), answers).unwrap();
    let (code, said) = site.run(statements, &[]);
    assert!(code == 0 && said.contains("three"), "{said}");
}

#[test]
fn answers_are_given_in_their_order_and_so_often() {
    let scene = "
[[answers]]
on = 'web'
command = 'backupctl run *'
code = 3
stderr = 'another job is running'
takes = '20m'
times = 2
[[answers]]
on = 'web1'
command = 'backupctl *'
stdout = 'done'
";
    let site = Site::new("answers", &[("busy", scene)]);
    let (code, said) = site.run("retry 3 every 1m { on guest within 30m: backupctl run nightly }", &["busy"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(said.matches("ended with 3 after 20m").count(), 2, "{said}");
    assert!(said.contains("42:0"), "two answers of 20 m and two pauses of 1 m: {said}");
    let (code, said) = site.run("on guest within 30m: backupctl run nightly", &["busy"]);
    assert!(code == 1 && said.contains("ended with 3: another job is running"), "{said}");
}

#[test]
fn machines_are_as_a_scene_says() {
    let scenes = [
        ("deaf", "[machines.'web*']\nobeys = false\n"),
        ("locked", "[machines.web]\nlock = 'backup'\n[[events]]\nat = '30m'\non = 'web1'\nset = { lock = '' }\n"),
        ("dead", "[machines.web1]\nagent = 'dead'\n"),
        ("slow", "[machines.web1]\nagent-takes = '2s'\n"),
        ("slower", "[machines.web1]\nagent-takes = '3s'\n"),
        ("no-exec", "[machines.web1]\nagent = 'no-exec'\n"),
        ("off", "[machines.web1]\npower = 'off'\n"),
        ("stays", "[machines.web1]\nboots = false\n"),
        ("well", "[machines.web1]\nobeys = true\nshutdown-takes = '1m30s'\nboot-takes = '2m'\n"),
        ("quorum", "[machines.pve]\nquorum = false\n"),
    ];
    let site = Site::new("machines", &scenes);
    let reboot =
        "on hypervisor when locked wait 1h: qm reboot $vmid --timeout 2m\nawait ssh(guest)\nrequire agent(guest)";
    for (scenes, code, said) in [
        (&[][..], 0, "web1 done"),
        (&["deaf"], 1, "VM quit/powerdown failed - got timeout"),
        (&["deaf", "well"], 0, "web1 done 0"),
        (&["locked"], 0, "web1 done 3"),
        (&["dead"], 1, "agent"),
        (&["slow"], 0, "00:02 web1 ✓ agent"),
        (&["slower"], 1, "the guest agent of `web1` does not answer"),
        (&["no-exec"], 0, "web1 done 00:3"),
        (&["off"], 0, "found off"),
        (&["stays"], 1, "ssh(guest)"),
        (&["quorum"], 1, "quorum"),
    ] {
        let ran = site.run(reboot, scenes);
        assert!(ran.0 == code && ran.1.contains(said), "{scenes:?}: {ran:?}");
    }
    let asked = "on hypervisor: qm guest exec $vmid -- uname -r";
    let (code, said) = site.run(asked, &["no-exec"]);
    assert!(code == 1 && said.contains("Agent error: Command guest-exec has been disabled"), "{said}");
    assert_eq!(site.run("require agent(guest, \"guest-exec\")", &["no-exec"]).0, 1);
    assert_eq!(site.run("require agent(guest, \"guest-exec\")", &[]).0, 0);
    let (_, said) = site.hostler(&["preflight", "-e", reboot, "--target", "web1", "--lab", "--scene", "dead"]);
    assert!(said.contains("agent"), "{said}");
}

#[test]
fn a_scene_that_can_not_be_read_says_where_and_why() {
    let site = Site::new("wrong", &[]);
    for (text, place, said) in [
        ("[machines.web1]\nobays = false\n", "2:1", "unknown field `obays`"),
        ("[machines.web1]\npower = 'of'\n", "2:9", "unknown variant `of`, expected one of `on`, `off`, `paused`"),
        ("[machines.web1]\nboot-takes = '2 min'\n", "2:14", "`2 min` is no duration"),
        ("[machines.web1]\nfree = '2G'\n", "2:8", "`2G` is no size"),
        ("[machines.pve]\nrelease = 7\n", "2:11", "the releases 8 and 9"),
        ("[machines.wbe1]\nobeys = false\n", "1:11", "`wbe1` is no host"),
        ("[[answers]]\non = 'web1'\n", "2:6", "an answer needs `command` or `script`"),
        ("[[events]]\nat = '1m'\non = 'nobody'\nset = {}\n", "3:6", "`nobody` is no host"),
        ("[machines\n", "1:", ""),
    ] {
        fs::write(site.folder.join("lab/x.toml"), text).unwrap();
        let (code, out) = site.run("record a = \"b\"", &["x"]);
        assert!(code == 2 && out.contains(&format!("lab/x.toml:{place}")) && out.contains(said), "{text}: {out}");
    }
    let (code, out) = site.run("record a = \"b\"", &["y"]);
    assert!(code == 2 && out.contains("there is no scene `lab/y.toml`"), "{out}");
    // What is not asked for is not read, and outside of the lab there are no scenes.
    assert_eq!(site.run("record a = \"b\"", &[]).0, 0);
    assert_eq!(site.hostler(&["run", "-e", "record a = \"b\"", "--target", "web1", "--scene", "x"]).0, 2);
}

#[test]
fn a_run_can_be_watched() {
    let site = Site::new("watched", &[]);
    let statements = "await power(guest) == \"stopped\" within 20m else \"it runs\"";
    let run = |speed: &[&str]| {
        let arguments = [&["run", "-e", statements, "--target", "web1", "--lab"], speed].concat();
        site.hostler(&arguments).1
    };
    let quick = run(&[]);
    let begun = Instant::now();
    assert_eq!(run(&["--speed", "1000"]), quick);
    assert!(begun.elapsed() >= Duration::from_millis(1200), "{:?}", begun.elapsed());
    let (code, said) = site.hostler(&["run", "-e", "record a = \"b\"", "--target", "web1", "--lab", "--speed", "0"]);
    assert!(code == 2 && said.contains("--speed"), "{said}");
}
