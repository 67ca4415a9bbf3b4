//! `hostler run`.

use std::sync::Arc;

use jiff::Zoned;

use super::arguments::RunArguments;
use super::driving::{From, Telling, before_the_first_connection, drive_kept};
use super::kept::{Kept, Owner, runs};
use super::lab::Watched;
use super::leaving::leave;
use super::ready::{Ready, ready};
use super::runs::prune_old;
use super::scenes::Scenes;
use super::terminal::Terminal;
use super::{REFUSED, clock, lab, site};
use crate::run::Replay;

pub(crate) fn run(arguments: &RunArguments, terminal: &mut Terminal) -> u8 {
    // Before anything is read: another process may do it all.
    if !arguments.lab
        && let Some(code) = leave(terminal)
    {
        return code;
    }
    let Some(ready) = ready(arguments.file.as_deref(), &arguments.one, false, terminal) else {
        return REFUSED;
    };
    let outcome =
        if arguments.lab { in_the_lab(arguments, ready, terminal) } else { for_real(arguments, &ready, terminal) };
    outcome.unwrap_or_else(|why| {
        terminal.remark(&format!("error: {why}"));
        REFUSED
    })
}

fn in_the_lab(arguments: &RunArguments, ready: Ready, terminal: &mut Terminal) -> Result<u8, String> {
    let zone = clock::zone(ready.loaded.site.timezone.as_deref())?;
    let begins = match &arguments.now {
        Some(text) => clock::time(text, &zone)?,
        None => clock::lab_start(&ready.code, &Zoned::now().with_time_zone(zone)),
    };
    let windows = clock::windows(&ready.code, &begins);
    let mut ready = ready;
    let folder = site::folder(&arguments.one.site, arguments.file.as_deref());
    let Ready { loaded, sources, .. } = &mut ready;
    let Some(scenes) = Scenes::read(&folder, &arguments.scene, &loaded.inventory, sources, terminal) else {
        return Ok(REFUSED);
    };
    let mut lab = scenes.lab(&ready.code, &ready.loaded.inventory);
    lab.vary(arguments.seed);
    // What was read is in the code; a large inventory would take the room of its guests.
    let Ready { code, loaded, sources, .. } = ready;
    drop((loaded, sources));
    let code = Arc::new(code);
    let mut telling = Telling::new(&code, arguments.format, terminal);
    let begins = begins.strftime("%a %Y-%m-%d %H:%M %Z");
    telling.say(&format!("In the lab: simulated machines, virtual time from {begins}\n"));
    let speed = arguments.speed.or(arguments.realtime.then_some(1));
    lab::run(&code, Watched::new(lab, speed), windows, &mut telling)?;
    Ok(telling.report())
}

fn for_real(arguments: &RunArguments, ready: &Ready, terminal: &mut Terminal) -> Result<u8, String> {
    if arguments.now.is_some() {
        return Err("`--now` sets the clock of the lab; it goes with `--lab`".to_string());
    }
    before_the_first_connection(&ready.code, arguments.yes)?;
    let zone = clock::zone(ready.loaded.site.timezone.as_deref())?;
    let now = Zoned::now().with_time_zone(zone);
    let kept = Kept::new(ready, arguments.yes, &now)?;
    let runs = runs()?;
    prune_old(&runs);
    let mut journal = runs.create(&kept.id, &kept, &Owner::this())?;
    let mut telling = Telling::new(&ready.code, arguments.format, terminal);
    telling.say(&format!("Run {}\n", kept.id));
    let mut replay = Replay::new(Arc::new(ready.code.clone()));
    let windows = clock::windows(&ready.code, &now);
    drive_kept(&kept, &mut replay, &mut journal, From::Beginning(windows), &ready.loaded, telling)
}
