//! `cargo xtask bench run`, `check`, `operations`, `lab` and `prove`: the programs of `benches/`, with what they compare with.

use std::path::PathBuf;
use std::process::Command;

use crate::{cargo, packages, python, root, run};

/// Runs one of the benches with the arguments that are for it.
///
/// # Errors
/// When something can not be installed, or the bench fails.
pub(crate) fn bench(words: &[String]) -> Result<(), String> {
    let (name, arguments) = match words {
        [name, arguments @ ..] if ["run", "check", "operations", "lab", "prove"].contains(&name.as_str()) => {
            (name.as_str(), arguments)
        }
        _ => {
            return Err(
                "usage: cargo xtask bench run|check|operations|lab|prove [OPTIONS]; see docs/benchmarks.md".to_string()
            );
        }
    };
    packages::install()?;
    if !matches!(name, "check" | "lab" | "prove") && !packages::is_root() {
        return Err("it starts ssh servers in namespaces, and needs root".to_string());
    }
    // Outside of the namespace, where there is a network.
    run(cargo().args(["bench", "--quiet", "--no-run", "--bench", name]))?;
    let mut command = match name {
        "check" | "lab" | "prove" => cargo(),
        _ => in_a_network_of_its_own(),
    };
    command.args(["bench", "--quiet", "--offline", "--bench", name, "--"]);
    if !matches!(name, "operations" | "lab" | "prove")
        && let Some(bin) = peer(python::ANSIBLE)
    {
        command.arg("--ansible").arg(bin);
    }
    if name == "run"
        && let Some(bin) = peer(python::PYINFRA)
    {
        command.arg("--pyinfra").arg(bin);
    }
    run(command.args(arguments).current_dir(root()))
}

/// A peer that can not be installed is left out; the bench says that it is not there.
fn peer(package: (&str, &str)) -> Option<PathBuf> {
    match python::environment(package) {
        Ok(bin) => Some(bin),
        Err(why) => {
            println!("without {}: {why}", package.1);
            None
        }
    }
}

/// Cargo in a network namespace whose only interface is the loopback: nobody else can reach what listens there.
fn in_a_network_of_its_own() -> Command {
    let cargo = cargo();
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"]).arg(cargo.get_program());
    command
}
