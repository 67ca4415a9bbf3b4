//! The forms in which a check says what it found.

#![allow(clippy::unwrap_used, reason = "a test that can not go on should stop")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// What `hostler check --format …` prints of a plan with an error that is about two files, and its exit code.
fn check(format: &str) -> (i32, Value) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("formats {format}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("inventory/host_vars")).unwrap();
    fs::write(folder.join("inventory/hosts"), "pbs proxmox_host=pve\npve\n").unwrap();
    fs::write(folder.join("inventory/host_vars/pbs.yml"), "note: ü\n").unwrap();
    fs::write(folder.join("a plan.plan"), "# ü\non pve: qm reboot $vmid\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostler"));
    command.args(["check", "a plan.plan", "--target", "pbs", "--format", format]).current_dir(&folder);
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn json_has_every_place() {
    let (code, found) = check("json");
    let span = |file: &str, line: u32, column: u32, end_column: u32, byte: u32, label: &str, primary: bool| {
        json!({
            "file": file, "line": line, "column": column, "end_line": line, "end_column": end_column, "byte": byte,
            "end_byte": byte + end_column - column, "label": label, "primary": primary,
        })
    };
    let expected = json!({ "diagnostics": [{
        "code": "inventory/missing-variable",
        "severity": "error",
        "message": "`pbs` has no `vmid`",
        "help": "write `vmid: 101` into `inventory/host_vars/pbs.yml`",
        "spans": [
            span("a plan.plan", 2, 20, 24, 24, "`vmid` is needed here", true),
            span("inventory/host_vars/pbs.yml", 1, 1, 1, 0, "`vmid` belongs into `inventory/host_vars/pbs.yml`", false),
        ],
    }] });
    assert_eq!((code, &found), (2, &expected), "{found:#}");
}

#[test]
fn sarif_has_rules_results_and_related_places() {
    let (code, found) = check("sarif");
    assert_eq!((code, &found["version"]), (2, &json!("2.1.0")));
    let run = &found["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let rule = &run["tool"]["driver"]["rules"][0];
    assert_eq!(rule["id"], "inventory/missing-variable");
    assert!(rule["help"]["markdown"].as_str().unwrap().starts_with("# inventory/missing-variable: "));
    let result = &run["results"][0];
    assert_eq!((&result["ruleIndex"], &result["level"]), (&json!(0), &json!("error")));
    let text = "`pbs` has no `vmid`\n\nhelp: write `vmid: 101` into `inventory/host_vars/pbs.yml`";
    assert_eq!(result["message"]["text"], text);
    let place = json!({
        "artifactLocation": { "uri": "a%20plan.plan" },
        "region": { "startLine": 2, "startColumn": 20, "endLine": 2, "endColumn": 24 },
    });
    assert_eq!(result["locations"][0]["physicalLocation"], place, "{result:#}");
    let related = &result["relatedLocations"][0];
    assert_eq!(related["physicalLocation"]["artifactLocation"]["uri"], "inventory/host_vars/pbs.yml");
    assert_eq!(related["message"]["text"], "`vmid` belongs into `inventory/host_vars/pbs.yml`");
}
