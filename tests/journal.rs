//! What is kept of a run, and how it goes on when its process is gone. The host of these runs is this machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can not go on should stop")]

mod here;

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use here::{Site, ended};
use rusqlite::Connection;

/// Waits, a minute at most, until something is so.
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "it never came to this: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn journals(site: &Site) -> Vec<PathBuf> {
    let files = fs::read_dir(site.folder.join("state/hostler/runs")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|ending| ending == "journal")).collect()
}

/// Changes the only journal of a site.
fn tamper(site: &Site, statement: &str) {
    let connection = Connection::open(&journals(site)[0]).unwrap();
    assert_eq!(connection.execute(statement, []).unwrap(), 1);
}

/// A plan that appends to `began`, waits until `go` is there, and then appends to `done`.
fn plan(site: &Site) -> PathBuf {
    let folder = site.folder.display();
    let path = site.folder.join("wait.plan");
    let text = format!(
        "edition 2026\n\nprobe exists(host: Host) -> Bool {{\n  let found = on host reading accept any: test -e {folder}/go\n  return $found.code == 0\n}}\n\nplan wait for guest in me {{\n  on guest: sh 'echo x >>{folder}/began'\n  await exists(guest) within 5m every 1s\n  on guest: sh 'echo x >>{folder}/done'\n  record end = \"reached\"\n}}\n"
    );
    fs::write(&path, text).unwrap();
    path
}

/// Starts the plan above and kills it as it waits.
fn killed(site: &Site) {
    plan(site);
    let mut child: Child = site.hostler(&["run", "wait.plan"]).spawn().unwrap();
    eventually("the first command has run", || site.folder.join("began").exists());
    eventually("its result is kept", || {
        let (_, logs) = site.ask(&["logs", "last"]);
        logs.contains("ended with 0")
    });
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
}

fn lines(site: &Site, file: &str) -> usize {
    fs::read_to_string(site.folder.join(file)).map_or(0, |text| text.lines().count())
}

#[test]
fn a_run_can_be_looked_at_afterwards() {
    let site = Site::new("looked-at", "");
    let (code, out) = site.run("on guest: sh 'echo one; echo two >&2'\nrecord seen = \"yes\"");
    assert_eq!(code, 0, "{out}");
    let id = out.lines().find_map(|line| line.strip_prefix("Run ")).unwrap();

    let (code, out) = site.ask(&["runs"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains(id) && out.contains("over") && out.contains("1 done"), "{out}");

    let (code, out) = site.ask(&["show", "last"]);
    assert_eq!(code, 0, "{out}");
    for part in [id, "state  over", "me  on me: sh", "seen = yes", "me     done"] {
        assert!(out.contains(part), "{part} is not in\n{out}");
    }

    let (code, out) = site.ask(&["logs", &id[9..]]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("ended with 0\n    one\n  ! two\n"), "{out}");
    let why = format!("error: the run {id} had nothing to do with `other`; it is about me\n");
    assert_eq!(site.ask(&["logs", id, "other"]), (2, why));

    let (code, out) = site.ask(&["journal", "verify"]);
    assert_eq!(code, 0, "{out}");
    let (code, out) = site.ask(&["journal", "export", id]);
    assert_eq!(code, 0, "{out}");
    let records: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records[0]["body"]["id"], id);
    assert_eq!(records[0]["number"], 1);
    assert_eq!(records.last().unwrap()["kind"], "event");

    for path in journals(&site) {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    let folder = site.folder.join("state/hostler/runs");
    assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_record_that_was_changed_or_taken_out_is_noticed() {
    let site = Site::new("tampered", "");
    assert_eq!(site.run("on guest: true").0, 0);
    tamper(&site, "UPDATE records SET body = body || ' ' WHERE number = 4");
    let (code, out) = site.ask(&["journal", "verify"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("record 4 is not as it was written"), "{out}");
    tamper(&site, "DELETE FROM records WHERE number = 3");
    let (code, out) = site.ask(&["journal", "verify", "last"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("record 3 is missing"), "{out}");
}

#[test]
fn a_killed_run_is_resumed_where_it_was() {
    let site = Site::new("killed", "");
    killed(&site);
    let (_, out) = site.ask(&["runs"]);
    assert!(out.contains("waits for `hostler resume`"), "{out}");
    // What is in the working tree now is none of the run's business.
    fs::remove_file(site.folder.join("wait.plan")).unwrap();
    fs::write(site.folder.join("inventory/hosts.ini"), "other ansible_host=192.0.2.1\n").unwrap();
    fs::write(site.folder.join("go"), "").unwrap();
    let (code, out) = site.ask(&["resume"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("resumed") && out.contains("end = reached"), "{out}");
    assert_eq!((lines(&site, "began"), lines(&site, "done")), (1, 1));

    // Once more changes nothing.
    let (code, out) = site.ask(&["resume", "last"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("is over") && out.contains("end = reached"), "{out}");
    assert_eq!((lines(&site, "began"), lines(&site, "done")), (1, 1));
    assert_eq!(site.ask(&["resume"]), (0, "no run waits to be resumed\n".to_string()));
    assert_eq!(site.ask(&["journal", "verify"]).0, 0);
}

#[test]
fn what_a_killed_process_was_about_to_start_keeps_nobody_from_its_run() {
    let site = Site::new("about-to", "");
    killed(&site);
    fs::write(site.folder.join("go"), "").unwrap();
    let lock = journals(&site)[0].with_extension("lock");
    // It has the descriptor of the lock for a moment, as what was forked and has not become another program yet.
    let mut child = Command::new("sh");
    child.args(["-c", "exec 9<>\"$0\"; flock 9; echo; exec sleep 0.5"]).arg(lock).stdout(Stdio::piped());
    let mut child = child.spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let (code, out) = site.ask(&["resume"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("end = reached"), "{out}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_run_is_driven_by_one_process() {
    let site = Site::new("driven", "");
    plan(&site);
    let child = site.hostler(&["run", "wait.plan"]).spawn().unwrap();
    eventually("the first command has run", || site.folder.join("began").exists());
    let (code, out) = site.ask(&["resume", "last"]);
    assert_eq!(code, 2, "{out}");
    assert!(out.contains(&format!("under way: process {} drives it", child.id())), "{out}");
    assert!(site.ask(&["runs"]).1.contains("under way"));
    assert_eq!(site.ask(&["resume", "--all"]), (0, String::new()));
    assert_eq!(site.ask(&["runs", "prune", "--older-than", "0"]).1, "removed 0 runs\n");
    fs::write(site.folder.join("go"), "").unwrap();
    let (code, out) = ended(child.wait_with_output().unwrap());
    assert_eq!(code, 0, "{out}");
    assert_eq!(lines(&site, "done"), 1);
}

#[test]
fn a_journal_of_another_form_says_which_program_reads_it() {
    let site = Site::new("form", "");
    killed(&site);
    tamper(&site, "UPDATE records SET body = json_set(body, '$.form', 2, '$.version', '9.1.0') WHERE number = 1");
    let (code, out) = site.ask(&["resume", "last"]);
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("begun by hostler 9.1.0") && out.contains("use hostler 9.1.0"), "{out}");
    assert_eq!(lines(&site, "done"), 0);
    // It is listed, and not removed: it may wait for that version.
    let (code, out) = site.ask(&["runs"]);
    assert!(code == 0 && out.lines().count() == 1 && out.contains("use hostler 9.1.0 for it"), "{out}");
    let (_, out) = site.ask(&["runs", "--format", "json"]);
    assert!(out.contains("\"unreadable\"") && out.contains("use hostler 9.1.0 for it"), "{out}");
    let (_, out) = site.ask(&["runs", "prune", "--older-than", "0d"]);
    assert!(out.starts_with("removed 0 runs\nkept 2"), "{out}");
    assert!(out.trim_end().ends_with("use hostler 9.1.0 for it; nobody else knows whether it is over"), "{out}");
}

#[test]
fn a_run_is_found_by_a_part_of_its_name() {
    let site = Site::new("found", "");
    assert_eq!(site.ask(&["show", "last"]), (2, "error: there are no runs yet\n".to_string()));
    for _ in 0..2 {
        let (code, out) = site.run("on guest: true");
        assert_eq!(code, 0, "{out}");
    }
    let (code, out) = site.ask(&["show", "20"]);
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("`20` may be") && out.contains("write more of it"), "{out}");
    let (_, out) = site.ask(&["show", "nobody"]);
    assert_eq!(out, "error: there is no run `nobody`; `hostler runs` lists them\n");
    assert_eq!(site.ask(&["show"]), site.ask(&["show", "last"]));
    assert_eq!(site.ask(&["logs"]), site.ask(&["logs", "last", "me"]));
    let (code, out) = site.ask(&["runs", "prune", "--older-than", "soon"]);
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("write a number of days, like `30`"), "{out}");
    assert_eq!(site.ask(&["runs", "prune"]).1, "removed 0 runs\n");
    assert_eq!(site.ask(&["runs", "prune", "--older-than", "0"]).1, "removed 2 runs\n");
    assert_eq!(site.ask(&["runs"]).1, "there are no runs yet\n");
}

/// Every file below a folder, with what is in it.
fn files(folder: &std::path::Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push((path.clone(), fs::read(&path).unwrap())) }
    }
    found
}

#[test]
fn a_secret_that_a_command_prints_is_in_no_journal_and_no_report() {
    const CANARY: &str = "canary-7f3a9c";
    let site = Site::new("canary", "");
    let plan = "plan p(token: Secret = env(\"TOKEN\")) for guest in me {\n  let out = on guest env T=$token accept any: sh 'echo \"$T\"; echo \"$T\" >&2; exit 3'\n  record out = $out.trim\n  on guest env T=$token: sh 'echo \"again $T\" >&2; exit 4'\n}\n";
    fs::write(site.folder.join("p.plan"), plan).unwrap();
    let mut printed = String::new();
    let (code, out) = ended(site.hostler(&["run", "p.plan"]).env("TOKEN", CANARY).output().unwrap());
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("out = •••") && out.contains("again •••"), "{out}");
    printed.push_str(&out);
    for arguments in [
        &["show", "last"][..],
        &["logs", "last"],
        &["journal", "export", "last"],
        &["show", "last", "--format", "json"],
    ] {
        printed.push_str(&site.ask(arguments).1);
    }
    assert!(!printed.contains(CANARY), "{printed}");
    for (path, content) in files(&site.folder.join("state")) {
        assert!(!content.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()), "{}", path.display());
    }
}

#[test]
fn of_a_secret_of_the_environment_there_is_a_keyed_digest() {
    let site = Site::new("digest", "");
    let plan = fs::read_to_string(plan(&site)).unwrap();
    let with_secret = plan.replace("  record end", "  on guest env T=env(\"JOURNAL_TOKEN\"): true\n  record end");
    fs::write(site.folder.join("wait.plan"), with_secret).unwrap();
    let mut child = site.hostler(&["run", "wait.plan"]).env("JOURNAL_TOKEN", "canary-0815").spawn().unwrap();
    eventually("the first command has run", || site.folder.join("began").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let (_, export) = site.ask(&["journal", "export", "last"]);
    let first: serde_json::Value = serde_json::from_str(export.lines().next().unwrap()).unwrap();
    let digest = first["body"]["secrets"]["JOURNAL_TOKEN"].as_str().unwrap();
    assert_eq!(digest.len(), 64, "{digest}");
    assert!(!export.contains("canary"), "the secret is in the journal");

    fs::write(site.folder.join("go"), "").unwrap();
    let (code, out) = ended(site.hostler(&["resume"]).env("JOURNAL_TOKEN", "another-0816").output().unwrap());
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("`JOURNAL_TOKEN` is not the one with which the run began"), "{out}");
}

#[test]
fn a_saved_plan_is_resumed_with_the_site_for_which_it_was_saved() {
    let site = Site::new("saved", "vault_password_file = \"password\"\n");
    let plan = fs::read_to_string(plan(&site)).unwrap();
    let with_secret = plan.replace("  record end", "  on guest stdin $own: sh 'wc -c >>OUT'\n  record end");
    let out = site.folder.join("letters");
    fs::write(site.folder.join("wait.plan"), with_secret.replace("OUT", &out.to_string_lossy())).unwrap();
    let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/inventories/vault_file");
    fs::create_dir_all(site.folder.join("other/host_vars")).unwrap();
    fs::copy(fixture.join("host_vars/h/vault.yml"), site.folder.join("other/host_vars/me.yml")).unwrap();
    fs::copy(fixture.join("vault-password.txt"), site.folder.join("password")).unwrap();
    fs::write(site.folder.join("other/hosts.ini"), "me ansible_connection=local\n").unwrap();
    let (code, said) = site.ask(&["plan", "wait.plan", "--inventory", "other/hosts.ini", "--out", "night.json"]);
    assert_eq!(code, 0, "{said}");

    let mut child = site.hostler(&["run", "night.json"]).spawn().unwrap();
    eventually("the first command has run", || site.folder.join("began").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    fs::write(site.folder.join("go"), "").unwrap();
    let (code, said) = site.ask(&["resume"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(fs::read_to_string(out).unwrap().trim(), "14");
}

#[test]
fn a_run_whose_folder_is_gone_goes_on_without_it() {
    let site = Site::new("gone", "");
    plan(&site);
    let work = site.folder.join("work");
    fs::create_dir(&work).unwrap();
    for name in ["wait.plan", "hostler.toml", "inventory"] {
        fs::rename(site.folder.join(name), work.join(name)).unwrap();
    }
    let mut child = site.hostler(&["run", "wait.plan"]).current_dir(&work).spawn().unwrap();
    eventually("the first command has run", || site.folder.join("began").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_dir_all(&work).unwrap();
    fs::write(site.folder.join("go"), "").unwrap();
    let (code, out) = site.ask(&["resume"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("can not be entered") && out.contains("end = reached"), "{out}");
}

/// A folder for journals on a file system of its own, which is seen by what this runs and gone with it.
struct SmallDisk {
    holder: Child,
    folder: PathBuf,
}

impl SmallDisk {
    fn new(site: &Site, size: &str) -> SmallDisk {
        let folder = site.folder.join("state");
        fs::create_dir_all(&folder).unwrap();
        let line = format!("mount -t tmpfs -o mode=0700,size={size} state \"$0\" && echo && exec cat");
        let mut holder = Command::new("unshare");
        holder.args(["--mount", "sh", "-c", &line]).arg(&folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = holder.spawn().unwrap();
        let mut newline = [0];
        holder.stdout.as_mut().unwrap().read_exact(&mut newline).expect("a file system can be mounted by root only");
        SmallDisk { holder, folder }
    }

    /// A command that sees it.
    fn inside(&self, plain: &Command) -> Command {
        let mut command = Command::new("nsenter");
        command.arg("--mount").args(["-t", &self.holder.id().to_string(), "--"]);
        command.arg(plain.get_program()).args(plain.get_args()).current_dir(plain.get_current_dir().unwrap());
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn ask(&self, site: &Site, arguments: &[&str]) -> (i32, String) {
        // `nsenter` changes the working directory to that of its namespace's root.
        let plain = site.hostler(arguments);
        let mut command = Command::new("env");
        command.arg(format!("--chdir={}", site.folder.display())).arg(plain.get_program()).args(plain.get_args());
        command.current_dir(&site.folder).env("XDG_STATE_HOME", &self.folder);
        ended(self.inside(&command).output().unwrap())
    }

    fn grows(&self, size: &str) {
        let mut command = Command::new("mount");
        command.args(["-o", &format!("remount,size={size}")]).arg(&self.folder).current_dir("/");
        assert!(self.inside(&command).status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[test]
fn a_disk_that_is_full_at_any_point_stops_the_run_and_loses_nothing() {
    const COMMANDS: usize = 12;
    let mut stopped_at = std::collections::BTreeSet::new();
    for size in [64, 200, 280, 360, 440, 520] {
        let site = Site::new(&format!("full-{size}"), "");
        let file = site.folder.join("begun").display().to_string();
        let command = format!("  on guest: sh 'echo x >>{file}; head -c 20000 /dev/zero | tr \"\\0\" a'\n");
        let plan = format!("edition 2026\n\nplan full for guest in me {{\n{}}}\n", command.repeat(COMMANDS));
        fs::write(site.folder.join("full.plan"), plan).unwrap();
        let disk = SmallDisk::new(&site, &format!("{size}k"));
        let (code, out) = disk.ask(&site, &["run", "full.plan"]);
        let begun = lines(&site, "begun");
        stopped_at.insert(begun);
        if begun == 0 {
            assert!(matches!(code, 2 | 3) && out.contains("the journal can not be written"), "{size}: {out}");
        } else {
            assert_eq!(code, 3, "{size}: {out}");
            assert!(out.contains("the journal can not be written: database or disk is full"), "{size}: {out}");
            assert!(out.contains("write `hostler resume"), "{size}: {out}");
        }
        disk.grows("64m");
        let (code, out) = match code {
            2 => disk.ask(&site, &["run", "full.plan"]),
            _ => disk.ask(&site, &["resume"]),
        };
        assert_eq!(code, 0, "{size}: {out}");
        assert_eq!(lines(&site, "begun"), COMMANDS, "{size}: {out}");
        assert_eq!(disk.ask(&site, &["journal", "verify"]).0, 0);
    }
    assert!(stopped_at.len() > 3, "the disk was full at different points: {stopped_at:?}");
}
