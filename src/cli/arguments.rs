use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

/// Checks and runs maintenance plans of virtual machines. The hypervisor is the authority on power.
#[derive(Debug, Parser)]
#[command(name = "hostler", version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Colours: by the terminal, always, or never
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Problems as sentences, for a screen reader
    #[arg(long, global = true)]
    pub(crate) narrated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProblemFormat {
    Text,
    Json,
    Sarif,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a plan, or a script of statements
    Run(RunArguments),
    /// Go on with a run whose process is gone: killed, or down with its machine
    Resume(ResumeArguments),
    /// Say what became of a command of which nobody knew, and go on from there
    Resolve(ResolveArguments),
    /// List the runs, or remove old ones
    Runs(RunsArguments),
    /// Show what a run did to each guest, when, and with which evidence
    Show(ShowArguments),
    /// Show every command of a run with all that it printed
    Logs(LogsArguments),
    /// Verify a run's journal, or export it
    Journal(JournalArguments),
    /// Install the service that goes on with runs after a boot, or show it
    Service(ServiceArguments),
    /// Check plans for every target, without any connection
    Check(CheckArguments),
    /// Show what a plan would do, host by host and guard by guard, without any connection
    Plan(DryArguments),
    /// Ask the hosts, with reading commands only, whether a plan could start now
    Preflight(PreflightArguments),
    /// Run the tests of plans, in the lab
    Test(TestArguments),
    /// Try a plan in the lab with each thing that can go wrong at each of its commands
    Prove(ProveArguments),
    /// Lay plan files out as everybody does; comments stay where they are
    Fmt(FmtArguments),
    /// Explain the code of a diagnostic, with an example
    Explain(ExplainArguments),
    /// Make a site in a folder, from its ansible.cfg where there is one
    Init(InitArguments),
    /// Show the inventory
    Inventory(InventoryArguments),
    /// Have a guest left alone: no run acts on it, and its hypervisor does not start it
    Hold(HoldArguments),
    /// Look after what hostler leaves on hosts
    Host(HostArguments),
    /// Say that hostler may run a program: an inventory, or one that prints a vault password
    Trust(TrustArguments),
}

/// Where the site is.
#[derive(Clone, Debug, Default, PartialEq, Args, Serialize, Deserialize)]
pub(crate) struct SiteArguments {
    /// The site's folder [default: the nearest above the plan with a hostler.toml, else the plan's own]
    #[arg(long, value_name = "DIR")]
    pub(crate) site: Option<String>,
    /// An inventory: a file or a folder; may be repeated [default: what hostler.toml says, else the folder `inventory`]
    #[arg(short, long, value_name = "PATH")]
    pub(crate) inventory: Vec<String>,
    /// A file with the password of Ansible vaults; may be repeated [default: what hostler.toml says, else
    /// $ANSIBLE_VAULT_PASSWORD_FILE]
    #[arg(long, value_name = "FILE")]
    pub(crate) vault_password_file: Vec<String>,
    /// As --vault-password-file, for vaults of a label
    #[arg(long, value_name = "LABEL@FILE")]
    pub(crate) vault_id: Vec<String>,
}

/// Whom a plan is for, and with which values.
#[derive(Clone, Debug, Default, PartialEq, Args, Serialize, Deserialize)]
pub(crate) struct PlanArguments {
    /// Whom: a host, a group, or a pattern; narrows what the plan's `for` names
    #[arg(short, long, value_name = "PATTERN")]
    pub(crate) target: Option<String>,
    /// As --target, as people know it from ansible-playbook
    #[arg(short, long, value_name = "PATTERN")]
    pub(crate) limit: Option<String>,
    /// Which plan of a file with several
    #[arg(long, value_name = "NAME")]
    pub(crate) plan: Option<String>,
    /// A value for a parameter of the plan: `--set min_free=5GiB`
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) set: Vec<(String, String)>,
}

/// One plan beside its file: statements instead, whom, with which values, and where.
#[derive(Clone, Debug, Default, Args, Serialize, Deserialize)]
pub(crate) struct OneArguments {
    /// Statements from the command line, instead of a file
    #[arg(short, long, value_name = "STATEMENTS")]
    pub(crate) eval: Option<String>,
    #[command(flatten)]
    pub(crate) plan: PlanArguments,
    #[command(flatten)]
    pub(crate) site: SiteArguments,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The plan file, or a plan that `hostler plan --out` saved
    #[arg(required_unless_present = "eval", conflicts_with = "eval")]
    pub(crate) file: Option<String>,
    #[command(flatten)]
    pub(crate) one: OneArguments,
    /// Run in the simulated site: no connection, no process, virtual time
    #[arg(long)]
    pub(crate) lab: bool,
    /// What is other than well in the lab: `lab/NAME.toml` of the site, or a file; may be repeated
    #[arg(long, value_name = "NAME", requires = "lab")]
    pub(crate) scene: Vec<String>,
    /// With --lab: commands, connections and boots take other times than usual, the same with the same number
    #[arg(long, value_name = "N", requires = "lab", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Let the lab's time pass as ours does
    #[arg(long, requires = "lab", conflicts_with = "speed")]
    pub(crate) realtime: bool,
    /// Let the lab's time pass so many times as fast as ours
    #[arg(long, value_name = "N", requires = "lab", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) speed: Option<u32>,
    /// When the lab's clock starts, as `2026-01-03 22:00` [default: when the plan's window opens]
    #[arg(long, value_name = "TIME", requires = "lab")]
    pub(crate) now: Option<String>,
    /// Answer yes to every `confirm`
    #[arg(long)]
    pub(crate) yes: bool,
    /// How the report is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArguments {
    /// The run: its id, a part of it, or `last` [default: the one that waits]
    pub(crate) run: Option<String>,
    /// Every run that waits
    #[arg(long, conflicts_with = "run")]
    pub(crate) all: bool,
    /// The report as text, or as JSON instead of the progress
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["done", "failed"])))]
pub(crate) struct ResolveArguments {
    /// The run: its id, a part of it, or `last`
    pub(crate) run: String,
    /// The guest that ended as unknown
    pub(crate) guest: String,
    /// The command was carried out
    #[arg(long)]
    pub(crate) done: bool,
    /// The command was not carried out, or failed
    #[arg(long)]
    pub(crate) failed: bool,
    /// The report as text, or as JSON instead of the progress
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ServiceArguments {
    #[command(subcommand)]
    pub(crate) command: ServiceCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Write the systemd units and enable them: for root those of the system, for any other user their own
    Install,
    /// Disable the units and remove them
    Remove,
    /// Show the units, and write nothing
    Show,
}

#[derive(Debug, Args)]
pub(crate) struct RunsArguments {
    #[command(subcommand)]
    pub(crate) command: Option<RunsCommand>,
    /// As text, or as JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// Remove runs that are over; each run removes those that are older than 90 days
    Prune {
        /// Only those that have been over for so many days
        #[arg(long, value_name = "DAYS", default_value = "90", value_parser = days)]
        older_than: i64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The run: its id, a part of it, or `last`
    #[arg(default_value = "last")]
    pub(crate) run: String,
    /// As text, or as JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct LogsArguments {
    /// The run: its id, a part of it, or `last`
    #[arg(default_value = "last")]
    pub(crate) run: String,
    /// Only what was done for this guest
    pub(crate) guest: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct JournalArguments {
    #[command(subcommand)]
    pub(crate) command: JournalCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Whether every record is as it was written
    Verify {
        /// The run [default: all]
        run: Option<String>,
    },
    /// Print every record as a line of JSON
    Export {
        /// The run: its id, a part of it, or `last`
        run: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Plan files
    #[arg(required_unless_present = "eval", conflicts_with = "eval")]
    pub(crate) files: Vec<String>,
    /// Statements from the command line, instead of files
    #[arg(short, long, value_name = "STATEMENTS")]
    pub(crate) eval: Option<String>,
    #[command(flatten)]
    pub(crate) plan: PlanArguments,
    #[command(flatten)]
    pub(crate) site: SiteArguments,
    /// How problems are written: for people, for programs, or for code hosts
    #[arg(long, value_enum, default_value_t = ProblemFormat::Text)]
    pub(crate) format: ProblemFormat,
}

#[derive(Debug, Args)]
pub(crate) struct DryArguments {
    /// The plan file, or a plan that was saved
    #[arg(required_unless_present = "eval", conflicts_with = "eval")]
    pub(crate) file: Option<String>,
    #[command(flatten)]
    pub(crate) one: OneArguments,
    /// Save what will run; `hostler run FILE` runs exactly that, or says what has changed
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ProveArguments {
    /// The plan file
    #[arg(required_unless_present = "eval", conflicts_with = "eval")]
    pub(crate) file: Option<String>,
    #[command(flatten)]
    pub(crate) one: OneArguments,
    /// How many things go wrong in one world at most
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=2))]
    pub(crate) faults: u32,
    /// How many worlds are looked at at most
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) worlds: u64,
    /// How many worlds more, in which about three things go wrong by chance
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) random: u64,
    /// What the chance is made of: the same number gives the same worlds
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// What is other than well in the lab: `lab/NAME.toml` of the site, or a file; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) scene: Vec<String>,
    /// When the lab's clock starts, as `2026-01-03 22:00` [default: when the plan's window opens]
    #[arg(long, value_name = "TIME")]
    pub(crate) now: Option<String>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// Plan files, or folders with plan files [default: this folder]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    /// Only tests whose name has this text
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
    /// Commands, connections and boots take other times than usual, the same with the same number
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Write what became of the tests to a file, as the XML of JUnit
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<String>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) site: SiteArguments,
}

#[derive(Debug, Args)]
pub(crate) struct PreflightArguments {
    /// The plan file, or a plan that `hostler plan --out` saved
    #[arg(required_unless_present_any = ["eval", "suggest"], conflicts_with = "eval")]
    pub(crate) file: Option<String>,
    #[command(flatten)]
    pub(crate) one: OneArguments,
    /// Ask the simulated site: no connection, no process
    #[arg(long)]
    pub(crate) lab: bool,
    /// What is other than well in the lab: `lab/NAME.toml` of the site, or a file; may be repeated
    #[arg(long, value_name = "NAME", requires = "lab")]
    pub(crate) scene: Vec<String>,
    /// Print instead the variables that the inventory lacks (vmid and others), as the hypervisors list their guests
    #[arg(long)]
    pub(crate) suggest: bool,
    /// Asked by another preflight, as the service asks: see `rehearsal`
    #[arg(long, hide = true, conflicts_with_all = ["lab", "suggest"])]
    pub(crate) rehearsal: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct FmtArguments {
    /// Plan files, folders with plan files, or `-` for the standard input [default: this folder]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    /// Change nothing: show what would be changed, and end with 1 where that is anything
    #[arg(long)]
    pub(crate) check: bool,
    /// Print plan files with the guards that they get written out, as comments; nothing is changed
    #[arg(long, requires = "paths", conflicts_with = "check")]
    pub(crate) show_guards: bool,
    /// With --show-guards: whom a script is for
    #[arg(short, long, value_name = "PATTERN", requires = "show_guards")]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) site: SiteArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// The code, such as `power/left-off`, or its last part [default: list all]
    pub(crate) code: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// The folder [default: this one]
    pub(crate) folder: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct InventoryArguments {
    /// Everything, as `ansible-inventory --list` prints it
    #[arg(long, required = true)]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) site: SiteArguments,
}

#[derive(Debug, Args)]
pub(crate) struct HoldArguments {
    /// The guest
    pub(crate) guest: String,
    /// For how long, as `2h` or `90m`
    #[arg(long = "for", value_name = "TIME", value_parser = time_span, required_unless_present = "release")]
    pub(crate) long: Option<u64>,
    /// Its hypervisor [default: what the inventory says]
    #[arg(long, value_name = "HOST")]
    pub(crate) on: Option<String>,
    /// It need not be left alone any more
    #[arg(long, conflicts_with = "long")]
    pub(crate) release: bool,
    #[command(flatten)]
    pub(crate) site: SiteArguments,
}

#[derive(Debug, Args)]
pub(crate) struct HostArguments {
    #[command(subcommand)]
    pub(crate) command: HostCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HostCommand {
    /// Take everything of hostler's off a host
    Remove {
        /// The host
        host: String,
        #[command(flatten)]
        site: SiteArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TrustArguments {
    /// The programs, each as it is now
    #[arg(required_unless_present = "list", value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// Show which programs are trusted
    #[arg(long, conflicts_with_all = ["files", "remove"])]
    pub(crate) list: bool,
    /// Trust these no longer
    #[arg(long)]
    pub(crate) remove: bool,
}

fn time_span(text: &str) -> Result<u64, String> {
    match crate::check::duration(text) {
        Some(ms) if ms > 0 => Ok(ms),
        _ => Err("write it as 90m or 2h".to_string()),
    }
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_string(), value.to_string())),
        _ => Err("write it as NAME=VALUE".to_string()),
    }
}

/// A number of days: `30`, or `30d`.
fn days(text: &str) -> Result<i64, String> {
    let number = text.strip_suffix('d').unwrap_or(text);
    match number.parse::<u32>() {
        Ok(days) => Ok(days.into()),
        Err(_) => Err("write a number of days, like `30`".to_string()),
    }
}
