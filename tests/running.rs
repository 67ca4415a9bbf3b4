//! How plans run: every statement and every header clause, in the lab.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can not go on should stop")]

use std::sync::Arc;

use hostler::check::{self, Request, Site};
use hostler::code::{Code, compile};
use hostler::diag::Problems;
use hostler::inventory;
use hostler::lab::Lab;
use hostler::machine::{Answer, Effect, EffectId, Ending, Note, NoteKind};
use hostler::report::Summary;
use hostler::run::{World, drive};
use hostler::text::{MemoryFiles, Sources};

const INVENTORY: &str = "
all:
  vars: {hypervisor: pve}
  children:
    hypervisors:
      hosts: {pve: {ansible_host: 192.0.2.10}, pve2: {hypervisor: pve2}}
    guests:
      hosts:
        a: {vmid: 101}
        b: {vmid: 102}
        c: {vmid: 103, hypervisor: pve2}
        d: {vmid: 104, hypervisor: pve2}
    pair:
      hosts: {a: , b: }
    metal:
      hosts: {nas: {hypervisor: none}}
";

/// A run that is over.
struct Ran {
    code: Arc<Code>,
    notes: Vec<Note>,
    summary: Summary,
    commands: Vec<(u64, String, String)>,
}

fn code(plan: &str) -> Arc<Code> {
    let files = MemoryFiles::new().with("inventory/hosts.yml", INVENTORY);
    let mut sources = Sources::new();
    let mut problems = Problems::new();
    let places = ["inventory".to_string()];
    let request = inventory::Request { sources: &places, ..inventory::Request::default() };
    let inventory = inventory::load(&files, &request, &mut sources, &mut problems);
    let mut site = Site::default();
    site.notify.insert("ops".to_string(), check::Channel { kind: "ntfy".to_string(), ..check::Channel::default() });
    let request = Request {
        name: "test.plan".to_string(),
        text: plan.to_string(),
        plan: plan.contains("plan main").then(|| "main".to_string()),
        target: (!plan.contains("plan ")).then(|| "a".to_string()),
        one_plan: true,
        ..Request::default()
    };
    let checked = check::check(&files, &mut sources, &inventory, &site, &request, problems);
    assert!(!checked.has_errors(), "{:#?}", checked.diagnostics);
    Arc::new(compile(&checked.programs[0], &sources))
}

fn run_in(plan: &str, windows: Vec<Vec<(i64, i64)>>, change: impl FnOnce(&mut Lab)) -> Ran {
    let code = code(plan);
    let mut lab = Lab::new(&code);
    change(&mut lab);
    let mut summary = Summary::new(&code.plan().name);
    let mut notes = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(drive(code.clone(), &mut lab, windows, std::future::pending, |note| {
        summary.take(note);
        notes.push(note.clone());
    }));
    let commands = lab.log().map(|(at, run)| (at, run.host.clone(), run.argv.join(" "))).collect();
    Ran { code, notes, summary, commands }
}

fn run(plan: &str) -> Ran {
    run_in(plan, Vec::new(), |_| {})
}

impl Ran {
    fn ending(&self, guest: &str) -> &Ending {
        let plan = self.summary.plans.values().find(|guests| guests.contains_key(guest)).unwrap();
        plan[guest].ending.as_ref().unwrap()
    }

    /// Why it did not end well.
    fn why(&self, guest: &str) -> String {
        match self.ending(guest) {
            Ending::Failed(failed) => format!("{}: {}", failed.kind, failed.message),
            Ending::Refused(failed) | Ending::Unknown(failed) | Ending::Interrupted(failed) => failed.message.clone(),
            Ending::Skipped(why) | Ending::NotBegun(why) => why.clone(),
            Ending::Done => "done".to_string(),
        }
    }

    fn is_done(&self, guest: &str) -> bool {
        *self.ending(guest) == Ending::Done
    }

    /// The commands that were started, without those that only the guards and waits need.
    fn words(&self) -> Vec<&str> {
        let asks = |words: &str| words.contains("guest cmd") || words.contains("# ha_state");
        self.commands.iter().map(|(_, _, words)| words.as_str()).filter(|words| !asks(words)).collect()
    }

    /// When a guest began and ended, in milliseconds.
    fn span(&self, guest: &str) -> (u64, u64) {
        let of = |wanted: fn(&NoteKind) -> bool| {
            self.notes.iter().find(|note| note.guest == guest && wanted(&note.kind)).map(|note| note.at).unwrap()
        };
        (of(|kind| matches!(kind, NoteKind::Began)), of(|kind| matches!(kind, NoteKind::Finished(_))))
    }

    fn overlap(&self, one: &str, other: &str) -> bool {
        let (one, other) = (self.span(one), self.span(other));
        one.0 < other.1 && other.0 < one.1
    }

    fn warnings(&self) -> Vec<String> {
        let guests = self.summary.plans.values().flat_map(|guests| guests.values());
        guests.flat_map(|guest| guest.warnings.clone()).collect()
    }
}

#[test]
fn the_old_system_never_satisfies_a_wait() {
    // The guest does not obey: it stays up, and answers all the time.
    let plan = "on hypervisor accept any: qm reboot $vmid --timeout 5\nawait ssh(guest) within 1m";
    let ran = run_in(plan, Vec::new(), |lab| lab.machine("a").unwrap().obeys = false);
    assert_eq!(
        ran.why("a"),
        "timeout: still not true after 1m: await ssh(guest) within 1m (last answer: the old system still answers)"
    );
}

#[test]
fn not_ssh_waits_for_the_old_system_to_go_and_is_true_of_a_new_one() {
    let ran =
        run("on hypervisor: qm reboot $vmid\nawait ssh(guest)\nawait not ssh(guest) within 10s\nrequire agent(guest)");
    assert!(ran.is_done("a"), "{}", ran.why("a"));
    let ran = run_in(
        "on hypervisor accept any: qm reboot $vmid --timeout 5\nawait not ssh(guest) within 20s",
        Vec::new(),
        |lab| lab.machine("a").unwrap().obeys = false,
    );
    assert!(ran.why("a").contains("still not true after 20s"), "{}", ran.why("a"));
}

#[test]
fn a_guest_that_ends_disrupted_is_verified() {
    let ran = run("on hypervisor: qm reboot $vmid");
    let proof = ran.summary.plans["script"]["a"].proof.clone().unwrap();
    assert!(proof.starts_with("new boot") && proof.ends_with("agent answers"), "{proof}");
}

#[test]
fn a_guest_that_does_not_start_again_is_started() {
    // `qm reboot` ends well, and nobody starts the guest.
    let ran =
        run_in("on hypervisor: qm reboot $vmid", Vec::new(), |lab| lab.machine("a").unwrap().starts_again = false);
    assert!(ran.is_done("a"), "{}", ran.why("a"));
    assert_eq!(ran.words(), ["qm reboot 101", "qm start 101"]);
}

#[test]
fn a_failing_path_starts_the_guest_too() {
    let ran = run("on hypervisor: qm shutdown $vmid\nfail \"no\"\non hypervisor: qm start $vmid");
    assert_eq!(ran.why("a"), "failed: no");
    assert_eq!(ran.words(), ["qm shutdown 101", "qm start 101"]);
}

#[test]
fn recover_sees_a_failure_and_finally_runs_always() {
    let ran = run("
try {
  on guest accept 7: echo one
} recover err {
  warn \"${err.kind}\"
} finally {
  on guest: echo last
}
on guest: echo after");
    assert!(ran.is_done("a"));
    assert_eq!(ran.words(), ["echo one", "echo last", "echo after"]);
    assert!(ran.warnings().contains(&"failed".to_string()), "{:?}", ran.warnings());

    let ran = run("try { fail \"why\" } finally { on guest: echo last }\non guest: echo after");
    assert_eq!(ran.why("a"), "failed: why");
    assert_eq!(ran.words(), ["echo last"]);
}

#[test]
fn a_refusal_is_not_recovered_from() {
    let plan = "try { on hypervisor: qm reboot $vmid } recover err { on hypervisor: qm stop $vmid\n on hypervisor: qm start $vmid } finally { on guest: echo last }";
    let ran = run_in(plan, Vec::new(), |lab| lab.machine("a").unwrap().guest_name = "other".to_string());
    assert!(ran.why("a").contains("is called `other`, not `a`"), "{}", ran.why("a"));
    assert_eq!(ran.words(), ["echo last"]);
}

#[test]
fn a_retry_is_bounded_and_pauses() {
    let ran = run("retry 3 every 10s { on guest accept 7: echo try }");
    assert_eq!(ran.words(), ["echo try"; 3]);
    assert!(matches!(ran.ending("a"), Ending::Failed(_)));
    let times: Vec<u64> = ran.commands.iter().map(|(at, _, _)| *at).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 10_000), "{times:?}");

    let ran = run("on guest accept 7 retry 2 every 5s: echo try");
    assert_eq!(ran.words(), ["echo try"; 2]);
}

#[test]
fn accepted_codes_are_success() {
    assert!(run("on guest accept 0, 7: echo x").is_done("a"));
    assert!(run("on guest accept any: echo x").is_done("a"));
    assert!(run("on guest accept 7: echo x").why("a").contains("ended with 0"));
}

#[test]
fn the_host_that_failed_is_blamed() {
    let ran = run_in("on hypervisor: qm reboot $vmid", Vec::new(), |lab| lab.machine("pve").unwrap().ssh = false);
    match ran.ending("a") {
        Ending::Failed(failed) => assert_eq!((failed.kind.as_str(), failed.host.as_str()), ("unreachable", "pve")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_deadline_ends_a_guest_and_no_recover_sees_it() {
    let plan = "plan p for guest in a\n  deadline 1m\n{\n  try { await power(guest) == \"stopped\" within 10m } recover err { warn \"seen\" } finally { on guest: echo last }\n}";
    let ran = run(plan);
    assert_eq!(ran.why("a"), "timeout: the plan's deadline for one guest is over");
    assert_eq!(ran.words(), ["echo last"]);
    assert!(ran.span("a").1 < 120_000);
}

#[test]
fn one_at_a_time_is_the_default() {
    let ran = run("plan p for guest in guests { on hypervisor: qm reboot $vmid }");
    for (one, other) in [("a", "b"), ("b", "c"), ("c", "d")] {
        assert!(!ran.overlap(one, other), "{one} and {other}");
    }
}

#[test]
fn at_most_so_many_at_once() {
    let ran = run("plan p for guest in guests\n  at most 2 at once\n{ on hypervisor: qm reboot $vmid }");
    assert!(ran.overlap("a", "b"));
    assert!(!ran.overlap("a", "d"));
}

#[test]
fn at_most_one_per_hypervisor() {
    let ran = run(
        "plan p for guest in guests\n  at most 4 at once\n  at most 1 per hypervisor\n{ on hypervisor: qm reboot $vmid }",
    );
    assert!(!ran.overlap("a", "b") && !ran.overlap("c", "d"));
    assert!(ran.overlap("a", "c"));
}

#[test]
fn a_batch_ends_before_the_next_begins() {
    let ran = run("plan p for guest in guests\n  batches 1, 50%\n{ on hypervisor: qm reboot $vmid }");
    assert!(!ran.overlap("a", "b"));
    assert!(ran.overlap("b", "c"));
    assert!(!ran.overlap("c", "d"));
}

#[test]
fn never_together_and_a_partner_that_is_not_well() {
    let plan = "plan p for guest in guests\n  at most 4 at once\n  never together pair\n  stop after 4 failures\n{ on hypervisor: qm reboot $vmid }";
    let ran = run(plan);
    assert!(!ran.overlap("a", "b"));
    assert!(ran.overlap("a", "c"));
    assert!(ran.is_done("b"));

    let ran = run_in(plan, Vec::new(), |lab| lab.machine("a").unwrap().boots = false);
    assert!(ran.why("b").starts_with("partner not healthy: `a`"), "{}", ran.why("b"));
    assert!(!ran.words().contains(&"qm reboot 102"));

    // One that was never well is found out before anything is begun.
    let ran =
        run_in("plan p for guest in a\n  never together pair\n{ on hypervisor: qm reboot $vmid }", Vec::new(), |lab| {
            lab.machine("b").unwrap().ssh = false;
        });
    assert!(ran.why("a").starts_with("partner not healthy: `b`"), "{}", ran.why("a"));
    assert_eq!(ran.words(), Vec::<&str>::new());
}

#[test]
fn no_further_guest_is_begun_after_so_many_failures() {
    let body = "{ fail \"no\" }";
    let ran = run(&format!("plan p for guest in guests {body}"));
    assert_eq!(ran.why("b"), "stopped after 1 target did not end well");
    let ran = run(&format!("plan p for guest in guests\n  stop after 2 failures\n{body}"));
    assert_eq!(ran.why("b"), "failed: no");
    assert!(ran.why("c").starts_with("stopped after 2"));
    let ran = run(&format!("plan p for guest in guests\n  stop after 75% failures\n{body}"));
    assert_eq!(ran.why("c"), "failed: no");
    assert!(ran.why("d").starts_with("stopped after 3"));
}

#[test]
fn one_of_some_words_can_be_a_default() {
    let plan = "plan p(how: \"a\" | \"b\" = \"b\") for guest in a\n  needs tier: \"dev\" | \"prod\" = \"dev\"\n{ record how = \"$how $tier\" }";
    let ran = run(plan);
    let recorded = |note: &Note| matches!(&note.kind, NoteKind::Recorded(_, value) if value == "b dev");
    assert!(ran.notes.iter().any(recorded), "{:?}", ran.notes);
}

#[test]
fn nobody_is_begun_outside_the_window_or_when_the_time_is_too_short() {
    let plan =
        "plan p for guest in a, b\n  window \"Sat 22:00-08:00\"\n{ on hypervisor: qm reboot $vmid\n await ssh(guest) }";
    let hour = 3_600_000;
    let ran = run_in(plan, vec![vec![(0, 10 * hour)]], |_| {});
    assert!(ran.is_done("a") && ran.is_done("b"));

    let ran = run_in(plan, vec![vec![(2 * hour, 12 * hour)]], |_| {});
    assert_eq!(ran.why("a"), "window: it is outside \"Sat 22:00-08:00\"; it opens in 2h");
    // Who was not begun has not failed, and keeps no place.
    assert_eq!(ran.why("b"), ran.why("a"));
    assert_eq!(ran.words(), Vec::<&str>::new());

    let longest = ran.code.plan().longest[0] as i64;
    let ran = run_in(plan, vec![vec![(0, longest + 10_000)]], |_| {});
    assert!(ran.is_done("a"));
    assert!(ran.why("b").contains("and the window closes in"), "{}", ran.why("b"));
}

#[test]
fn a_plan_runs_plans_and_stops_at_the_first_that_fails() {
    let plans = "
plan one(word: Str = \"x\") for guest in a { on guest: echo one $word }
plan two for guest in b { fail \"no\" }
plan three for guest in c { on guest: echo three }
";
    let ran = run(&format!("{plans}\nplan main {{\n  run one(word: \"y\")\n  run two()\n  run three()\n}}"));
    assert_eq!(ran.words(), ["echo one y"]);
    assert_eq!(ran.why("main"), "failed: `two`: 1 of 1 did not end well");
    assert_eq!(ran.summary.exit_code(), 1);

    let ran = run(&format!(
        "{plans}\nplan main {{\n  try {{ run two() }} recover err {{ warn \"${{err.message}}\" }}\n  run three()\n}}"
    ));
    assert_eq!(ran.words(), ["echo three"]);
    assert!(ran.is_done("main"));
}

#[test]
fn a_plan_that_runs_twice_is_in_the_report_twice() {
    let plan = "plan main { try { run one(3) } recover err { }\n run one(0) }
plan one(code: Int) for guest in a { if $code > 0 { fail \"no\" } }";
    let ran = run(plan);
    assert_eq!(ran.summary.plans.keys().collect::<Vec<_>>(), ["main", "one", "one (2)"]);
    assert!(matches!(ran.summary.plans["one"]["a"].ending, Some(Ending::Failed(_))));
    assert_eq!(ran.summary.plans["one (2)"]["a"].ending, Some(Ending::Done));
    assert_eq!(ran.summary.exit_code(), 1);
}

#[test]
fn records_notifications_and_warnings_are_told() {
    let ran = run("
let kernel = on guest reading: uname -r
record kernel = $kernel.trim
notify ops \"about $guest\" { kernel: $kernel.trim }
warn \"careful\"
confirm \"go on with $guest?\"
skip \"that is all\"");
    let guest = &ran.summary.plans["script"]["a"];
    assert_eq!(guest.records["kernel"], "6.8.0-41-generic");
    assert_eq!(guest.warnings, ["careful"]);
    assert_eq!(guest.ending, Some(Ending::Skipped("that is all".to_string())));
    let sent =
        ran.notes.iter().any(|note| matches!(&note.kind, NoteKind::Notified { subject, .. } if subject == "about a"));
    assert!(sent);
}

#[test]
fn a_guest_that_was_found_off_is_left_off() {
    let ran = run_in("on hypervisor: qm reboot $vmid", Vec::new(), |lab| {
        let machine = lab.machine("a").unwrap();
        (machine.running, machine.ssh, machine.agent_answers) = (false, false, false);
    });
    assert_eq!(ran.why("a"), "found off");
    assert_eq!(ran.words(), Vec::<&str>::new());
}

#[test]
fn a_lock_is_waited_for_skipped_or_refused() {
    let locked = |lab: &mut Lab| lab.machine("a").unwrap().lock = Some("backup".to_string());
    let ran = run_in("on hypervisor: qm reboot $vmid", Vec::new(), locked);
    assert!(ran.why("a").contains("locked (backup)") && matches!(ran.ending("a"), Ending::Refused(_)));
    let ran = run_in("on hypervisor when locked skip: qm reboot $vmid", Vec::new(), locked);
    assert_eq!(*ran.ending("a"), Ending::Skipped("locked (backup)".to_string()));
    let ran = run_in("on hypervisor when locked wait 2m: qm reboot $vmid", Vec::new(), locked);
    assert!(ran.why("a").contains("still locked (backup) after 2m"), "{}", ran.why("a"));
    assert!(ran.span("a").1 >= 120_000);
    // Once, however often it was looked at.
    let is_of = |note: &&hostler::machine::Note| match &note.kind {
        NoteKind::Guarded { guard, .. } => note.guest == "a" && guard == "identity",
        NoteKind::Locked { text } => text == "`a` is locked (backup); its end is waited for, 2m at most",
        _ => false,
    };
    assert_eq!(ran.notes.iter().filter(is_of).count(), 2);
}

#[test]
fn a_machine_of_its_own_authority_restarts_itself() {
    let ran = run("plan p for host in nas { on host: systemctl reboot\n await ssh(host) }");
    assert!(ran.is_done("nas"), "{}", ran.why("nas"));
    assert!(ran.summary.plans["p"]["nas"].proof.clone().unwrap().starts_with("new boot"));
}

#[test]
fn a_hypervisor_brings_its_guests_back() {
    let ran = run("plan p for host in pve { on host: systemctl reboot\n await ssh(host) within 10m }");
    assert!(ran.is_done("pve"), "{}", ran.why("pve"));
    let back: Vec<&str> = ran
        .notes
        .iter()
        .filter_map(|note| match &note.kind {
            NoteKind::Guarded { guard, seen } if guard == "guests" => Some(seen.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(back, ["a, b run, none is locked", "`a` answers again", "`b` answers again"]);

    // One that the hypervisor does not start by its own settings is started by the watch.
    let ran = run_in(
        "plan p for host in pve { on host: systemctl reboot\n await ssh(host) within 10m }",
        Vec::new(),
        |lab| {
            lab.machine("b").unwrap().starts_with_host = false;
        },
    );
    assert!(ran.is_done("pve"), "{}", ran.why("pve"));
    assert!(ran.span("pve").1 > 6 * 60_000);

    let ran = run_in("plan p for host in pve { on host: systemctl reboot }", Vec::new(), |lab| {
        lab.machine("b").unwrap().lock = Some("backup".to_string());
    });
    assert!(ran.why("pve").contains("`b`, which would go down too, is locked (backup)"), "{}", ran.why("pve"));
    assert_eq!(ran.words(), Vec::<&str>::new());
}

#[test]
fn a_value_that_would_be_an_option_is_not_sent() {
    let ran = run("let x = on guest reading: echo -rf\non guest: rm ${x.trim}");
    assert!(ran.why("a").contains("begins with `-`"), "{}", ran.why("a"));
    assert_eq!(ran.words(), ["echo -rf"]);
}

#[test]
fn what_another_run_holds_is_left_alone() {
    let held = |lab: &mut Lab| lab.holds("a", "root@ctl (run 7, since 3 s)");
    let ran = run_in("on guest: apt-get update", Vec::new(), held);
    assert_eq!(
        ran.why("a"),
        "claim: `a` is held by root@ctl (run 7, since 3 s); wait until that run is over, or look at it with `hostler show`"
    );
    assert!(ran.commands.is_empty(), "{:?}", ran.commands);
    // To look is nobody's business.
    assert!(run_in("on guest reading: uptime", Vec::new(), held).is_done("a"));
}

#[test]
fn a_named_lock_is_held_by_one_run() {
    let plan = "plan main for guest in a\n  lock \"maintenance\"\n{\n  on guest: apt-get update\n}\n";
    let held = |lab: &mut Lab| lab.holds("lock/maintenance", "root@ctl (run 7, since 3 s)");
    let ran = run_in(plan, Vec::new(), held);
    assert!(ran.why("a").starts_with("claim: the lock \"maintenance\" is held by root@ctl"), "{}", ran.why("a"));
    assert!(run_in(plan, Vec::new(), |_| {}).is_done("a"));
    // Also by a plan that runs others, and by one that only looks.
    let site =
        "plan main\n  lock \"maintenance\"\n{\n  run one()\n}\nplan one for guest in a { on guest: apt-get update }\n";
    let ran = run_in(site, Vec::new(), held);
    assert!(ran.why("main").starts_with("claim: the lock"), "{}", ran.why("main"));
    assert!(ran.commands.is_empty(), "{:?}", ran.commands);
    let looks = plan.replace("apt-get update", "uptime");
    assert!(run_in(&looks, Vec::new(), held).why("a").starts_with("claim: the lock"));
}

/// A world that writes down what is claimed and given back.
struct Claims<'l>(&'l mut Lab, Vec<String>);

impl World for Claims<'_> {
    fn begin(&mut self, id: EffectId, effect: Effect) {
        match &effect {
            Effect::Claim(claim) => self.1.push(format!("+{}", claim.subject)),
            Effect::Release(claim) => self.1.push(format!("-{}", claim.subject)),
            Effect::Run(run) => self.1.extend(run.argv.first().filter(|word| *word == "apt-get").cloned()),
            _ => {}
        }
        self.0.begin(id, effect);
    }

    fn begin_again(&mut self, id: EffectId, effect: Effect) {
        self.0.begin_again(id, effect);
    }

    async fn next(&mut self) -> Option<(u64, EffectId, Answer)> {
        World::next(self.0).await
    }

    fn now(&self) -> u64 {
        self.0.now()
    }
}

#[test]
fn a_lock_is_given_back_by_the_last_that_holds_it() {
    let plan = "plan main\n  lock \"all\"\n{\n  run one()\n  run two()\n}\n\
        plan one for guest in a\n  lock \"all\"\n{\n  on guest: apt-get update\n}\n\
        plan two for guest in pair\n  one at a time\n  lock \"two\"\n{\n  on guest: apt-get update\n}\n";
    let code = code(plan);
    let mut lab = Lab::new(&code);
    let mut claims = Claims(&mut lab, Vec::new());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(drive(code.clone(), &mut claims, Vec::new(), std::future::pending, |_| {}));
    let (one, two) = ("+a apt-get -a", "+lock/two +a apt-get -a +b apt-get -b -lock/two");
    assert_eq!(claims.1.join(" "), format!("+lock/all {one} {two} -lock/all"));
}
