//! The lab's `virsh` against the real one: the recording is played again, once as it was recorded and once with other
//! names. Before each of its sections, whatever was asked for before has come to its end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

#[allow(dead_code, reason = "the other recordings have more")]
#[path = "conformance/recording.rs"]
mod recording;

use std::sync::LazyLock;

use hostler::check::{self, Site};
use hostler::code::{Code, Effect as Kind, compile};
use hostler::diag::Problems;
use hostler::inventory;
use hostler::lab::Lab;
use hostler::machine::{Answer, Effect, EffectId, Operation, Purpose, Reply, Run};
use hostler::run::World;
use hostler::text::{MemoryFiles, Sources};
use regex::Regex;

/// The domains, in the order in which they were started.
const DOMAINS: [&str; 4] = ["web1", "web2", "noagent", "deaf"];
const OTHERS: [&str; 4] = ["db41", "db42", "absents", "mute"];

struct Bench {
    lab: Lab,
    runtime: tokio::runtime::Runtime,
    asked: u64,
}

impl Bench {
    fn new(names: [&str; 4]) -> Bench {
        let mut lab = Lab::new(&code(names));
        for name in names {
            lab.machine(name).unwrap().running = false;
        }
        let [_, _, noagent, deaf] = names;
        lab.machine(noagent).unwrap().has_agent = false;
        lab.machine(deaf).unwrap().has_agent = false;
        lab.machine(deaf).unwrap().obeys = false;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut bench = Bench { lab, runtime, asked: 0 };
        for name in names {
            bench.call(&["virsh", "start", name].map(str::to_string));
        }
        bench
    }

    /// Whatever was asked for has come to its end.
    fn settle(&mut self) {
        let answer = self.ask(Effect::Sleep { ms: 120_000 });
        assert!(matches!(answer, Answer::Slept), "{answer:?}");
    }

    fn call(&mut self, words: &[String]) -> Reply {
        let step = self.asked.to_string();
        let run = Run {
            host: "kvm".to_string(),
            user: None,
            argv: words.to_vec(),
            env: Vec::new(),
            stdin: None,
            within: 3_600_000,
            operation: Some(Operation { step, subject: "x".to_string(), effect: Kind::Change, watched: false }),
            purpose: Purpose::Plan,
        };
        match self.ask(Effect::Run(Box::new(run))) {
            Answer::Ran(Ok(reply)) => reply,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    fn ask(&mut self, effect: Effect) -> Answer {
        self.asked += 1;
        let wanted = EffectId(self.asked);
        self.lab.begin(wanted, effect);
        loop {
            let (_, id, answer) = self.runtime.block_on(self.lab.next()).expect("the lab has something to say");
            if id == wanted {
                return answer;
            }
        }
    }
}

fn code(names: [&str; 4]) -> Code {
    let mut inventory = "[hosts]\nkvm\n[guests]\n".to_string();
    for name in names {
        inventory.push_str(&format!("{name} libvirt_domain={name} hypervisor=kvm hostler_driver=libvirt\n"));
    }
    let mut sources = Sources::new();
    let files = MemoryFiles::new().with("hosts.ini", &inventory);
    let mut problems = Problems::new();
    let places = ["hosts.ini".to_string()];
    let request = inventory::Request { sources: &places, ..inventory::Request::default() };
    let inventory = inventory::load(&files, &request, &mut sources, &mut problems);
    let request = check::Request {
        name: "test.plan".to_string(),
        text: "plan test for guest in guests {\n  on hypervisor: virsh domstate $libvirt_domain\n}\n".to_string(),
        ..check::Request::default()
    };
    let checked = check::check(&files, &mut sources, &inventory, &Site::default(), &request, problems);
    assert!(!checked.has_errors(), "{:#?}", checked.diagnostics);
    compile(&checked.programs[0], &sources)
}

/// Numbers that change with every start.
fn masked(text: &str) -> String {
    static ID: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^ +\d+ +").unwrap());
    ID.replace_all(text, " ID   ").to_string()
}

fn renamed(text: &str, names: [&str; 4]) -> String {
    DOMAINS.iter().zip(names).fold(text.to_string(), |text, (from, to)| text.replace(from, to))
}

#[test]
fn virsh_says_and_does_what_the_real_one_did() {
    for names in [DOMAINS, OTHERS] {
        let steps = recording::read("libvirt9");
        let mut bench = Bench::new(names);
        let mut differences = Vec::new();
        for step in &steps {
            if step.number == 0 {
                bench.settle();
            }
            let words: Vec<String> = step.words.iter().map(|word| renamed(word, names)).collect();
            let reply = bench.call(&words);
            let (stdout, stderr) = (renamed(&step.stdout, names), renamed(&step.stderr, names));
            let same = masked(&stdout) == masked(&reply.stdout) && stderr == reply.stderr && step.code == reply.code;
            if !same {
                let section = &step.section;
                differences.push(format!(
                    "{}: {section} {}\n< {} {stdout}--\n{stderr}\n> {} {}--\n{}",
                    step.line,
                    words.join(" "),
                    step.code,
                    reply.code,
                    reply.stdout,
                    reply.stderr
                ));
            }
        }
        for difference in &differences {
            println!("{difference}\n");
        }
        println!("{}: {} of {} calls agree", names[0], steps.len() - differences.len(), steps.len());
        assert!(steps.len() > 80);
        assert!(differences.is_empty(), "{} calls differ", differences.len());
    }
}
