//! The plans, as they stand in `plans.md`.

use std::sync::Arc;

use hostler::check::{self, Request, Site};
use hostler::code::{Code, compile};
use hostler::diag::Problems;
use hostler::inventory;
use hostler::text::{MemoryFiles, Sources};

const PLANS: &str = include_str!("plans.md");

/// Two guests that prove all, one without an agent, and a machine of its own.
const INVENTORY: &str = "
all:
  children:
    hosts:
      hosts: {pve: {ansible_host: 192.0.2.10}}
    pair:
      hosts:
        web: {vmid: 101, hypervisor: pve}
        db: {vmid: 102, hypervisor: pve}
    agentless:
      hosts:
        bare: {vmid: 103, hypervisor: pve, hostler_proof: [power, ssh]}
    metal:
      hosts: {nas: {hypervisor: none}}
";

/// A plan, and what it says of itself that the rules have to know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) title: String,
    pub(crate) plan: String,
    /// Guests that the plan means to leave off, whatever way it ends.
    keeps_off: Vec<String>,
    /// Guests that it means to leave off where it ends well.
    ends_off: Vec<String>,
    /// Guards that it leaves out.
    unguarded: Vec<String>,
    /// Guests that are never down together.
    pub(crate) never_together: Vec<String>,
    /// Whether a person stops it, too.
    pub(crate) stoppable: bool,
    /// Guards that it would do without.
    pub(crate) needless: Vec<String>,
    /// How it ends where nothing goes wrong.
    pub(crate) ends: String,
}

impl Told {
    pub(crate) fn leaves_out(&self, guard: &str) -> bool {
        self.unguarded.iter().any(|one| one == guard)
    }

    pub(crate) fn may_be_off(&self, guest: &str, good: bool) -> bool {
        let has = |list: &[String]| list.iter().any(|one| one == guest);
        has(&self.keeps_off) || good && has(&self.ends_off)
    }

    /// The plan's code.
    pub(crate) fn code(&self) -> Arc<Code> {
        let mut sources = Sources::new();
        let files = MemoryFiles::new().with("inventory/hosts.yml", INVENTORY);
        let mut problems = Problems::new();
        let places = ["inventory".to_string()];
        let request = inventory::Request { sources: &places, ..inventory::Request::default() };
        let inventory = inventory::load(&files, &request, &mut sources, &mut problems);
        let request =
            Request { name: "test.plan".to_string(), text: self.plan.clone(), one_plan: true, ..Request::default() };
        let checked = check::check(&files, &mut sources, &inventory, &Site::default(), &request, problems);
        assert!(!checked.has_errors(), "{}: {:#?}", self.title, checked.diagnostics);
        Arc::new(compile(&checked.programs[0], &sources))
    }
}

/// Every plan: a heading, what it says of itself as a list, and the plan.
pub(crate) fn corpus() -> Vec<Told> {
    PLANS.split("\n### ").skip(1).map(read).collect()
}

fn read(section: &str) -> Told {
    let (title, rest) = section.split_once('\n').unwrap();
    let (says, rest) = rest.split_once("```plan\n").unwrap_or_else(|| panic!("`{title}` has no plan"));
    let (plan, _) = rest.split_once("```").unwrap();
    let mut told = Told { title: title.to_string(), ends: "done".to_string(), ..Told::default() };
    // A plan that is only statements is one for `web`.
    let has_head = plan.lines().any(|line| line.starts_with("plan "));
    told.plan = if has_head { plan.to_string() } else { format!("plan test for guest in web {{\n{plan}}}\n") };
    for line in says.lines().filter_map(|line| line.strip_prefix("- ")) {
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("`{title}`: {line}"));
        let list = || value.split(", ").map(str::to_string).collect();
        match name {
            "keeps off" => told.keeps_off = list(),
            "ends off" => told.ends_off = list(),
            "unguarded" => told.unguarded = list(),
            "stopped" => told.stoppable = value == "by a person",
            "needless" => told.needless = list(),
            "never together" => told.never_together = list(),
            "ends" => told.ends = value.to_string(),
            other => panic!("`{title}`: what is `{other}`?"),
        }
    }
    told
}
