//! `hostler fmt`, as it is called.

#![allow(clippy::unwrap_used, reason = "a test that can not go on should stop")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const UNTIDY: &str = "on   pve: qm reboot $vmid # once\nawait ssh( guest )\n";
const TIDY: &str = "on pve: qm reboot $vmid # once\nawait ssh(guest)\n";

/// An empty folder of the test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fmt").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The exit code, and what is printed on stdout and stderr.
fn fmt(folder: &Path, words: &[&str], stdin: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostler"));
    command.arg("fmt").args(words).current_dir(folder);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // A program that does not read its input has closed it.
    let _ = pipe.write_all(stdin.as_bytes());
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_folder_is_laid_out_with_what_is_below_it() {
    let folder = folder("below");
    fs::create_dir_all(folder.join("lib/.hidden")).unwrap();
    for file in ["a.plan", "lib/b.plan", "lib/.hidden/c.plan", "notes.txt"] {
        fs::write(folder.join(file), UNTIDY).unwrap();
    }
    fs::write(folder.join("lib/good.plan"), TIDY).unwrap();
    fs::set_permissions(folder.join("a.plan"), fs::Permissions::from_mode(0o640)).unwrap();

    assert_eq!(fmt(&folder, &[], ""), (0, "a.plan\nlib/b.plan\n".to_string(), String::new()));
    let now = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
    assert_eq!((now("a.plan"), now("lib/b.plan")), (TIDY.to_string(), TIDY.to_string()));
    assert_eq!((now("notes.txt"), now("lib/.hidden/c.plan")), (UNTIDY.to_string(), UNTIDY.to_string()));
    assert_eq!(fs::metadata(folder.join("a.plan")).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 3, "a file was left behind");

    assert_eq!(fmt(&folder, &[], ""), (0, String::new(), String::new()));
}

#[test]
fn check_shows_the_difference_and_changes_nothing() {
    let folder = folder("check");
    fs::write(folder.join("a.plan"), UNTIDY).unwrap();
    fs::write(folder.join("b.plan"), TIDY).unwrap();
    let (code, difference, remark) = fmt(&folder, &["--check"], "");
    let expected = "--- a.plan\n+++ a.plan, laid out\n@@ -1,2 +1,2 @@\n\
        -on   pve: qm reboot $vmid # once\n-await ssh( guest )\n\
        +on pve: qm reboot $vmid # once\n+await ssh(guest)\n";
    assert_eq!((code, difference.as_str()), (1, expected));
    assert_eq!(remark, "1 file is not laid out; `hostler fmt` does it\n");
    assert_eq!(fs::read_to_string(folder.join("a.plan")).unwrap(), UNTIDY);
    assert_eq!(fmt(&folder, &["--check", "b.plan"], "").0, 0);
}

#[test]
fn a_text_with_an_error_stays_as_it_is_and_hides_no_other_file() {
    let folder = folder("error");
    fs::write(folder.join("a.plan"), "on   pve {\n").unwrap();
    fs::write(folder.join("b.plan"), UNTIDY).unwrap();
    let (code, done, said) = fmt(&folder, &[], "");
    assert_eq!((code, done.as_str()), (2, "b.plan\n"));
    assert!(said.contains("syntax/unclosed-block") && said.contains("a.plan:1:10"), "{said}");
    assert_eq!(fs::read_to_string(folder.join("a.plan")).unwrap(), "on   pve {\n");
}

#[test]
fn the_standard_input_is_laid_out_on_the_standard_output() {
    let folder = folder("stdin");
    assert_eq!(fmt(&folder, &["-"], UNTIDY), (0, TIDY.to_string(), String::new()));
    assert_eq!(fmt(&folder, &["-", "--check"], TIDY), (0, String::new(), String::new()));
    assert_eq!(fmt(&folder, &["-", "--check"], UNTIDY).0, 1);
}

#[test]
fn what_is_not_there_is_said() {
    let folder = folder("nothing");
    let (code, _, said) = fmt(&folder, &["gone.plan"], "");
    assert!(code == 2 && said.contains("there is no file `gone.plan`"), "{code} {said}");
    let (code, _, said) = fmt(&folder, &[], "");
    assert!(code == 0 && said.contains("there is no file that ends in .plan"), "{code} {said}");
}

#[test]
fn guards_are_written_out_as_comments_and_nothing_is_changed() {
    let folder = folder("guards");
    fs::create_dir(folder.join("inventory")).unwrap();
    fs::write(folder.join("inventory/hosts"), "pbs vmid=101 hypervisor=pve\npve\n").unwrap();
    let plan = "plan a for guest in pbs {
  require agent(guest)
  warn \"now\"
  on hypervisor: qm reboot $vmid
}

task b(machine: Guest) { on hypervisor unguarded unlocked \"why\": qm reboot $vmid; await ssh(machine) }
";
    fs::write(folder.join("a.plan"), plan).unwrap();
    let shown = "plan a for guest in pbs {
  require agent(guest)
  warn \"now\"
  # + guard: require identity(guest), require not locked(guest), note the boot that runs
  on hypervisor: qm reboot $vmid
  # + guard: verify: guest runs, in a new boot, and ssh and the agent answer
}

task b(machine: Guest) {
  # + guard: require identity(machine), require agent(machine), note the boot that runs
  on hypervisor unguarded unlocked \"why\": qm reboot $vmid
  await ssh(machine)
}
";
    assert_eq!(fmt(&folder, &["--show-guards", "a.plan"], ""), (0, shown.to_string(), String::new()));
    assert_eq!(fs::read_to_string(folder.join("a.plan")).unwrap(), plan);
}
