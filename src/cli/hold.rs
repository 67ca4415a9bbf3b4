//! `hostler hold`, and `hostler host`: what a person says to one host.

use std::time::Duration;

use super::arguments::{HoldArguments, HostArguments, HostCommand, OneArguments, PlanArguments, SiteArguments};
use super::kept::Owner;
use super::ready::{Ready, ready};
use super::terminal::Terminal;
use super::{GOOD, NOT_READY, REFUSED, driving, endpoints, site};
use crate::hosts::{Hosts, Trouble};
use crate::machine::WATCHER;

/// A script whose check finds the guest's hypervisor, and which is not run.
const LOOK: &str = "record power = power(guest)";
/// The same for any host.
const NOTHING: &str = "record nothing = \"asked\"";

/// The site, for statements about one host that is in it.
fn about(host: &str, statements: &str, site: &SiteArguments, terminal: &mut Terminal) -> Option<Ready> {
    let plan = PlanArguments { target: Some(host.to_string()), ..PlanArguments::default() };
    let one = OneArguments { eval: Some(statements.to_string()), plan, site: site.clone() };
    ready(None, &one, false, terminal)
}

pub(crate) fn hold(arguments: &HoldArguments, terminal: &mut Terminal) -> u8 {
    let HoldArguments { guest, long, on, site, .. } = arguments;
    let statements = if on.is_some() { NOTHING } else { LOOK };
    let Some(Ready { loaded, code, .. }) = about(guest, statements, site, terminal) else { return REFUSED };
    let named = || code.hosts.get(guest).and_then(|facts| facts.hypervisor.clone());
    let Some(host) = on.clone().or_else(named) else {
        terminal.remark(&format!("error: `{guest}` is no guest of a hypervisor, so there is nobody to keep from it"));
        return REFUSED;
    };
    let long = Duration::from_millis(long.unwrap_or(0));
    let who = Owner::this().person();
    let said = at(&loaded, async |hosts| hosts.hold(&host, Some(WATCHER), guest, long, &who).await);
    let what = if arguments.release {
        format!("`{guest}` is free again on `{host}`")
    } else {
        let long = crate::check::duration_text(long.as_millis() as u64);
        format!(
            "`{guest}` is left alone on `{host}` for {long}: no run acts on it, and the hypervisor does not start it"
        )
    };
    tell(said, &what, terminal)
}

pub(crate) fn host(arguments: &HostArguments, terminal: &mut Terminal) -> u8 {
    let HostCommand::Remove { host, site } = &arguments.command;
    let Some(Ready { loaded, .. }) = about(host, NOTHING, site, terminal) else { return REFUSED };
    let said = at(&loaded, async |hosts| {
        hosts.remove(host, Some(WATCHER)).await?;
        // Of whoever logs in, where that is somebody else.
        hosts.remove(host, None).await
    });
    tell(said, &format!("nothing of hostler's is left on `{host}`"), terminal)
}

/// Asks the hosts of a site.
fn at(loaded: &site::Loaded, ask: impl AsyncFnOnce(&Hosts) -> Result<(), Trouble>) -> Result<(), String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let (endpoints, _) = endpoints::endpoints(&loaded.inventory, &loaded.vault);
    runtime.block_on(async {
        let hosts = driving::hosts(endpoints)?;
        let said = ask(&hosts).await;
        hosts.close().await;
        said.map_err(|trouble| match trouble {
            Trouble::Unreachable { host, why }
            | Trouble::Refused { host, why }
            | Trouble::Unknown { host, why, .. } => {
                format!("`{host}`: {why}")
            }
            Trouble::Timeout { host, .. } | Trouble::Unwatched { host } => format!("`{host}` did not answer in time"),
        })
    })
}

fn tell(said: Result<(), String>, what: &str, terminal: &mut Terminal) -> u8 {
    match said {
        Ok(()) => {
            terminal.say(what);
            GOOD
        }
        Err(why) => {
            terminal.remark(&format!("error: {why}"));
            NOT_READY
        }
    }
}
