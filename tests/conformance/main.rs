//! The lab's `qm` against the real one: every recording is played again, once as it was recorded and once with other
//! ids, names and node.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

mod recording;
mod scenes;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hostler::check::{self, Site};
use hostler::code::{Code, compile};
use hostler::diag::Problems;
use hostler::inventory;
use hostler::lab::{Lab, Machine};
use hostler::machine::{Answer, Datum, Effect, EffectId, Operation, Purpose, Reply, Run};
use hostler::run::World;
use hostler::text::{MemoryFiles, Sources};
use recording::Step;
use regex::Regex;

const FILES: [&str; 12] = [
    "pve8-A", "pve8-B", "pve8-C", "pve8-D", "pve8-F", "pve8-G", "pve9-A", "pve9-B", "pve9-C", "pve9-D", "pve9-F",
    "pve9-G",
];

/// Guests with their names; those from 110 on come and go.
const GUESTS: [(&str, &str); 15] = [
    ("100", "web1"),
    ("101", "noagent"),
    ("102", "noacpi"),
    ("103", "noagentcfg"),
    ("104", "locked"),
    ("105", "noos"),
    ("110", "vm110"),
    ("111", "vm111"),
    ("112", "vm112"),
    ("113", "vm113"),
    ("114", "vm114"),
    ("120", "tmpl"),
    ("121", "vm121"),
    ("122", "vm122"),
    ("123", "a-very-long-virtual-machine-name-indeed.example.com"),
];

/// Other words of the same length for each of those.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    Recorded,
    Others,
}

impl Names {
    fn id(self, id: &str) -> String {
        match self {
            Names::Recorded => id.to_string(),
            Names::Others => (id.parse::<u32>().unwrap() + 547).to_string(),
        }
    }

    fn name(self, name: &str) -> String {
        let turned = |c: char| match c {
            'a'..='y' => char::from(c as u8 + 1),
            'z' => 'a',
            '0'..='8' => char::from(c as u8 + 1),
            '9' => '0',
            other => other,
        };
        match self {
            Names::Recorded => name.to_string(),
            Names::Others => name.chars().map(turned).collect(),
        }
    }

    /// The name behind an option.
    fn rename_after(self, words: &[String], option: &str) -> Vec<String> {
        let is_name = |at: usize| at > 0 && words[at - 1] == option;
        words.iter().enumerate().map(|(at, word)| if is_name(at) { self.name(word) } else { word.clone() }).collect()
    }

    /// The same in a text.
    fn rename(self, file: &str, text: &str) -> String {
        if self == Names::Recorded {
            return text.to_string();
        }
        static ID: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"\b(tap)?(10[0-5]|11[0-4]|12[0-3]|200|300|999)(i\d)?\b").unwrap());
        static NODE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bpve[89]\b").unwrap());
        // `rx-bytes` and the like are the guest's.
        let lines = text.split('\n').map(|line| {
            if line.contains("-bytes") || line.contains("-packets") {
                return line.to_string();
            }
            let line = ID.replace_all(line, |found: &regex::Captures<'_>| {
                let around = |n: usize| found.get(n).map_or("", |text| text.as_str());
                format!("{}{}{}", around(1), Names::Others.id(&found[2]), around(3))
            });
            NODE.replace_all(&line, node(file, self)).to_string()
        });
        let mut text = lines.collect::<Vec<_>>().join("\n");
        for (id, name) in GUESTS {
            let (id, other) = (self.id(id), self.name(name));
            // Where a name stands; `locked` is also a word of qm's.
            for (before, after) in [("", " "), ("name: ", "\n"), ("-name ", ""), ("\"host-name\" : \"", "\"")] {
                let before = if before.is_empty() { format!(" {id} ") } else { before.to_string() };
                text = text.replace(&format!("{before}{name}{after}"), &format!("{before}{other}{after}"));
            }
        }
        text
    }
}

fn node(file: &str, names: Names) -> &'static str {
    match (file.starts_with("pve8"), names) {
        (true, Names::Recorded) => "pve8",
        (false, Names::Recorded) => "pve9",
        (_, Names::Others) => "hv41",
    }
}

/// A site as it was when the recordings were made.
pub(crate) struct Bench {
    lab: Lab,
    runtime: tokio::runtime::Runtime,
    names: Names,
    host: String,
    pub(crate) release: u32,
    asked: u64,
    answers: BTreeMap<EffectId, Reply>,
}

impl Bench {
    fn new(file: &str, names: Names) -> Bench {
        let host = node(file, names).to_string();
        let mut inventory = format!("[hosts]\n{host}\n[guests]\n");
        for (id, name) in GUESTS {
            inventory.push_str(&format!("{} vmid={} hypervisor={host}\n", names.name(name), names.id(id)));
        }
        let mut lab = Lab::new(&code(&inventory));
        let release = if file.starts_with("pve8") { 8 } else { 9 };
        lab.machine(&host).unwrap().release = release;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut bench = Bench { lab, runtime, names, host, release, asked: 0, answers: BTreeMap::new() };
        scenes::begin(&mut bench, file);
        bench
    }

    /// A guest by its recorded id.
    pub(crate) fn vm(&mut self, id: &str) -> &mut Machine {
        let (_, name) = GUESTS.iter().find(|(known, _)| *known == id).unwrap();
        let name = self.names.name(name);
        self.lab.machine(&name).unwrap()
    }

    pub(crate) fn node(&mut self) -> &mut Machine {
        self.lab.machine(&self.host.clone()).unwrap()
    }

    pub(crate) fn now(&self) -> u64 {
        self.lab.now()
    }

    /// Time passes. Whatever answers meanwhile is kept.
    pub(crate) fn pass(&mut self, ms: u64) {
        self.asked += 1;
        let id = EffectId(self.asked);
        self.lab.begin(id, Effect::Sleep { ms });
        self.until(id);
    }

    fn until(&mut self, wanted: EffectId) {
        while !self.answers.contains_key(&wanted) {
            let (_, id, answer) = self.runtime.block_on(self.lab.next()).expect("the lab still has something to say");
            let reply = match answer {
                Answer::Ran(Ok(reply)) => reply,
                Answer::Slept => Reply::default(),
                other => panic!("{other:?}"),
            };
            self.answers.insert(id, reply);
        }
    }

    /// It runs, and its system is up.
    pub(crate) fn up(&mut self, id: &str) {
        if !self.vm(id).running {
            self.call(&format!("qm start {id}"));
        }
        self.pass(40_000);
        assert!(self.vm(id).running);
    }

    /// It is created, as the recordings' scripts did between the calls.
    pub(crate) fn create(&mut self, id: &str, settings: &[(&str, &str)]) {
        let (number, named) = (self.names.id(id), GUESTS.iter().find(|(known, _)| *known == id).unwrap().1);
        let name = if named.starts_with("vm") { String::new() } else { self.names.name(named) };
        let vm = self.vm(id);
        vm.identity = Some(number);
        vm.guest_name = name;
        vm.settings = settings.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        vm.settings.entry("memory".to_string()).or_insert("64".to_string());
    }

    /// A call to its end, outside of the recording.
    pub(crate) fn call(&mut self, words: &str) {
        let id =
            self.begin(&Names::rename(self.names, "", words).split(' ').map(str::to_string).collect::<Vec<_>>(), None);
        self.end(id);
    }

    fn begin(&mut self, words: &[String], stdin: Option<String>) -> EffectId {
        self.asked += 1;
        let id = EffectId(self.asked);
        let reads = ["status", "list", "config", "pending", "guest", "agent", "wait", "showcmd", "monitor"];
        let is_reading = words.get(1).is_none_or(|word| reads.contains(&word.as_str()));
        let step = self.asked.to_string();
        let operation =
            Operation { step, subject: "x".to_string(), effect: hostler::code::Effect::Change, watched: false };
        let run = Run {
            host: self.host.clone(),
            user: None,
            argv: words.to_vec(),
            env: vec![("LC_ALL".to_string(), Datum::Text("C".to_string()))],
            stdin: stdin.map(Datum::Text),
            within: 3_600_000,
            operation: (!is_reading).then_some(operation),
            purpose: Purpose::Plan,
        };
        self.lab.begin(id, Effect::Run(Box::new(run)));
        // It is begun before anything else happens.
        self.pass(0);
        id
    }

    fn end(&mut self, wanted: EffectId) -> Reply {
        self.until(wanted);
        self.answers.remove(&wanted).unwrap()
    }
}

fn code(inventory_text: &str) -> Code {
    let mut sources = Sources::new();
    let files = MemoryFiles::new().with("hosts.ini", inventory_text);
    let mut problems = Problems::new();
    let places = ["hosts.ini".to_string()];
    let request = inventory::Request { sources: &places, ..inventory::Request::default() };
    let inventory = inventory::load(&files, &request, &mut sources, &mut problems);
    let request = check::Request {
        name: "test.plan".to_string(),
        text: "plan test for guest in guests {\n  on hypervisor: qm status $vmid\n}\n".to_string(),
        ..check::Request::default()
    };
    let checked = check::check(&files, &mut sources, &inventory, &Site::default(), &request, problems);
    assert!(!checked.has_errors(), "{:#?}", checked.diagnostics);
    compile(&checked.programs[0], &sources)
}

/// What no simulation could know: process ids, ages, loads.
fn masked(text: &str) -> String {
    static VOLATILE: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let rules = [
            (r"(?m)^(.* (?:running|paused) +\d+ +[\d.]+) \d+ *$", "${1} PID"),
            (r"(?m)^(pid|uptime|mem|memhost|pressure\w+): [\d.]+$", "${1}: N"),
            (r#""pid" : \d+"#, "\"pid\" : N"),
            (r"\(PID \d+\)", "(PID N)"),
            (r"after \d+ retries", "after N retries"),
            (r"(?m)^\d{19}$", "TIME"),
        ];
        rules.into_iter().map(|(rule, by)| (Regex::new(rule).unwrap(), by)).collect()
    });
    VOLATILE.iter().fold(text.to_string(), |text, (rule, by)| rule.replace_all(&text, *by).to_string())
}

/// Plays a recording; what differs.
fn play(file: &str, names: Names) -> (usize, Vec<String>) {
    let steps = recording::read(file);
    let mut bench = Bench::new(file, names);
    let mut differences = Vec::new();
    let mut at = 0;
    while at < steps.len() {
        let first = &steps[at];
        let together = steps[at..].iter().take_while(|step| step.beside.is_some() && step.section == first.section);
        let count = together.count().max(1);
        let letter = &file[5..];
        scenes::before(&mut bench, letter, &first.section, first.number.min(at_least(&steps[at..at + count])));
        let mut begun = Vec::new();
        let mut passed = 0;
        for step in &steps[at..at + count] {
            let offset = scenes::offset(letter, step, bench.release);
            if offset > passed {
                bench.pass(offset - passed);
                passed = offset;
            }
            let words: Vec<String> = step.words.iter().map(|word| names.rename(file, word)).collect();
            let words = names.rename_after(&words, "--name");
            begun.push((step, bench.begin(&words, step.stdin.clone())));
        }
        for (step, id) in begun {
            let reply = bench.end(id);
            differences.extend(difference(file, names, step, &reply));
        }
        at += count;
    }
    differences.extend(tasks(file, names, &bench));
    (steps.len(), differences)
}

/// What the recording shows of the node's list of tasks is in the lab's, in that order.
fn tasks(file: &str, names: Names, bench: &Bench) -> Option<String> {
    let kept = |line: &str| {
        let fields: Vec<&str> = line.splitn(9, ':').collect();
        let how = fields.get(8)?.trim().split_once(' ')?.1;
        let is_task = fields[0] == "UPID" && fields[5] != "qmcreate";
        is_task.then(|| format!("{} {} {how}", fields[5], fields[6]))
    };
    let recorded = recording::text(file);
    let recorded: Vec<String> = recorded.lines().filter_map(kept).map(|task| names.rename(file, &task)).collect();
    let said: Vec<String> = bench.lab.tasks(&bench.host).iter().filter_map(|line| kept(line)).collect();
    let mut rest = said.iter();
    let missing = recorded.iter().find(|task| !rest.any(|said| said == *task))?;
    Some(format!("{file}: no task `{missing}` in its place among {said:#?}"))
}

fn at_least(steps: &[Step]) -> usize {
    steps.iter().map(|step| step.number).min().unwrap_or(0)
}

fn difference(file: &str, names: Names, step: &Step, reply: &Reply) -> Option<String> {
    let same = |recorded: &str, said: &str| masked(&names.rename(file, recorded)) == masked(said);
    if step.code == reply.code && same(&step.stdout, &reply.stdout) && same(&step.stderr, &reply.stderr) {
        return None;
    }
    let shown = |code: i32, stdout: &str, stderr: &str| format!("{code}\n{}--\n{}", masked(stdout), masked(stderr));
    Some(format!(
        "{file}:{} {} {}\n< {}\n> {}",
        step.line,
        step.section,
        step.words.join(" "),
        shown(step.code, &names.rename(file, &step.stdout), &names.rename(file, &step.stderr)),
        shown(reply.code, &reply.stdout, &reply.stderr)
    ))
}

#[test]
fn qm_says_and_does_what_the_real_one_did() {
    for names in [Names::Recorded, Names::Others] {
        let (mut calls, mut differences) = (0, Vec::new());
        for file in FILES {
            let (played, differs) = play(file, names);
            calls += played;
            differences.extend(differs);
        }
        for difference in &differences {
            println!("{difference}\n");
        }
        let what = if names == Names::Recorded { "as recorded" } else { "with other names" };
        println!("{what}: {} of {calls} calls agree", calls - differences.len());
        assert!(calls > 500);
        assert!(differences.is_empty(), "{} calls differ", differences.len());
    }
}
