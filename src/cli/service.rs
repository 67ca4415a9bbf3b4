//! `hostler service`: the systemd units that go on with runs whose process is gone, after a boot and each minute.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::arguments::{ServiceArguments, ServiceCommand};
use super::terminal::Terminal;
use super::{GOOD, REFUSED};

/// What the units are called.
const NAME: &str = "hostler-resume";

const TIMER: &str = "\
[Unit]
Description=Look for runs of hostler whose process is gone

[Timer]
OnBootSec=15s
OnUnitInactiveSec=60s
AccuracySec=5s

[Install]
WantedBy=timers.target
";

/// Where units are, and whose they are.
struct Units {
    folder: PathBuf,
    system: bool,
}

pub(crate) fn service(arguments: &ServiceArguments, terminal: &mut Terminal) -> u8 {
    let outcome = Units::here().and_then(|units| match arguments.command {
        ServiceCommand::Install => units.install(),
        ServiceCommand::Remove => units.remove(),
        ServiceCommand::Show => {
            let [service, timer] = units.texts()?;
            Ok(format!("# {NAME}.service\n{service}\n# {NAME}.timer\n{timer}"))
        }
    });
    match outcome {
        Ok(said) => {
            terminal.say(said.trim_end());
            GOOD
        }
        Err(why) => {
            terminal.remark(&format!("error: {why}"));
            REFUSED
        }
    }
}

/// Whether a run goes on by itself after a boot.
pub(super) fn is_installed() -> bool {
    installed().is_some()
}

/// The text of the installed service.
pub(super) fn installed() -> Option<String> {
    let units = Units::here().ok().filter(|units| units.path("timer").is_file())?;
    fs::read_to_string(units.path("service")).ok()
}

impl Units {
    /// Those of the user who runs this.
    fn here() -> Result<Units, String> {
        if nix::unistd::geteuid().is_root() {
            return Ok(Units { folder: "/etc/systemd/system".into(), system: true });
        }
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let config = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
        let config = config.ok_or("there is no place for a user's units: set HOME")?;
        Ok(Units { folder: config.join("systemd/user"), system: false })
    }

    fn path(&self, kind: &str) -> PathBuf {
        self.folder.join(format!("{NAME}.{kind}"))
    }

    /// The service and its timer.
    fn texts(&self) -> Result<[String; 2], String> {
        let program =
            std::env::current_exe().map_err(|error| format!("this program does not know its path: {error}"))?;
        let mut environment = String::new();
        for name in ["HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
            if let Some(value) = std::env::var_os(name) {
                environment
                    .push_str(&format!("Environment={}\n", quoted(&format!("{name}={}", value.to_string_lossy()))));
            }
        }
        let program = quoted(&program.to_string_lossy());
        let service = format!(
            "[Unit]\nDescription=Go on with runs of hostler whose process is gone\nWants=network-online.target\nAfter=network-online.target\n\n\
             [Service]\nType=oneshot\nExecStart={program} resume --all\n{environment}# A run that handed itself off again, or ended badly, is no failure of this unit.\nSuccessExitStatus=1 3 75\n"
        );
        Ok([service, TIMER.to_string()])
    }

    fn install(&self) -> Result<String, String> {
        let [service, timer] = self.texts()?;
        if !Path::new("/run/systemd/system").is_dir() {
            return Err(
                "systemd does not run here; let what does start `hostler resume --all` at boot and each minute, as cron does with `@reboot` and `* * * * *`"
                    .to_string(),
            );
        }
        fs::create_dir_all(&self.folder).map_err(|error| format!("`{}`: {error}", self.folder.display()))?;
        for (kind, text) in [("service", service), ("timer", timer)] {
            let path = self.path(kind);
            fs::write(&path, text).map_err(|error| format!("`{}` can not be written: {error}", path.display()))?;
        }
        let timer = format!("{NAME}.timer");
        let enabled = self.systemctl(&["daemon-reload"]).and_then(|()| self.systemctl(&["enable", "--now", &timer]));
        if let Err(why) = enabled {
            // Whoever finds the timer relies on it.
            let _ = self.remove();
            return Err(why);
        }
        let mut said = format!(
            "installed `{}`: runs whose process is gone go on after a boot, and within a minute",
            self.path("timer").display()
        );
        if !self.system {
            // A user's units run while that user is logged in, unless they linger.
            said.push_str("\nSo that they run while nobody is logged in, write `loginctl enable-linger` too.");
        }
        Ok(said)
    }

    fn remove(&self) -> Result<String, String> {
        if !self.path("timer").exists() {
            return Err("the service is not installed".to_string());
        }
        let _ = self.systemctl(&["disable", "--now", &format!("{NAME}.timer")]);
        for kind in ["timer", "service"] {
            let path = self.path(kind);
            fs::remove_file(&path).map_err(|error| format!("`{}` can not be removed: {error}", path.display()))?;
        }
        let _ = self.systemctl(&["daemon-reload"]);
        Ok("removed".to_string())
    }

    fn systemctl(&self, words: &[&str]) -> Result<(), String> {
        let mut command = Command::new("systemctl");
        if !self.system {
            to_the_users(&mut command);
        }
        let output = command.args(words).output().map_err(|error| format!("systemctl can not be run: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("systemctl {}: {}", words.join(" "), said.trim().lines().last().unwrap_or("it failed")))
    }
}

/// Has a command of systemd's speak to the user's own manager, also where no login has said where that is.
pub(super) fn to_the_users(command: &mut Command) {
    command.arg("--user");
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        command.env("XDG_RUNTIME_DIR", format!("/run/user/{}", nix::unistd::geteuid()));
    }
}

/// A word of a unit file (systemd.syntax(7)).
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%"))
}

/// The first word of a line that [`quoted`] made.
pub(super) fn unquoted(line: &str) -> Option<String> {
    let mut chars = line.strip_prefix('"')?.chars();
    let mut word = String::new();
    loop {
        match chars.next()? {
            '"' => return Some(word),
            '\\' => word.push(chars.next()?),
            '%' => word.extend(chars.next()),
            other => word.push(other),
        }
    }
}
