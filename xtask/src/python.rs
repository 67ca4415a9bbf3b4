//! Python packages in environments of their own, below `target/`.

use std::path::PathBuf;
use std::process::Command;

/// The Ansible whose lists and times ours are compared with.
pub(crate) const ANSIBLE: (&str, &str) = ("venv-ansible", "ansible-core==2.19.14");

/// The pyinfra whose times ours are compared with.
pub(crate) const PYINFRA: (&str, &str) = ("venv-pyinfra", "pyinfra==3.10.0");

/// Makes the environment where it is not there yet, and says where its programs are.
///
/// # Errors
/// When the package can not be installed.
pub(crate) fn environment((name, package): (&str, &str)) -> Result<PathBuf, String> {
    let venv = crate::root().join("target").join(name);
    // Written last, so that one that was interrupted is made again.
    let done = venv.join(package);
    if !done.exists() {
        println!("installing {package} into {}", venv.display());
        crate::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        let mut pip = Command::new(venv.join("bin/pip"));
        crate::run(pip.args(["install", "--quiet", "--disable-pip-version-check", package]))?;
        std::fs::write(&done, "").map_err(|error| format!("{}: {error}", done.display()))?;
    }
    Ok(venv.join("bin"))
}
