//! The scenes of the lab: files of the site that say what is other than well there.

use super::disk::Disk;
use super::site;
use super::terminal::Terminal;
use crate::code::Code;
use crate::diag::{Diagnostic, Problems};
use crate::inventory::{Inventory, PatternError};
use crate::lab::{Lab, Scene};
use crate::text::{Files, Sources, Span};

/// What a site's own lab is always like.
const SITE: &str = "lab/site.toml";

/// The scenes of a site that were asked for.
#[derive(Default)]
pub(crate) struct Scenes(Vec<Scene>);

impl Scenes {
    /// Reads `lab/site.toml`, and those that are named. `None` where one can not be read; that was said.
    pub(crate) fn read(
        folder: &str,
        names: &[String],
        inventory: &Inventory,
        sources: &mut Sources,
        terminal: &mut Terminal,
    ) -> Option<Scenes> {
        let mut problems = Problems::new();
        let mut scenes = Vec::new();
        let own = site::join(folder, SITE);
        let named = names.iter().map(|name| (path_of(folder, name), true));
        for (path, must_be) in std::iter::once((own, false)).chain(named) {
            scenes.extend(read(&path, must_be, inventory, sources, &mut problems));
        }
        let problems = problems.sorted();
        if problems.is_empty() {
            return Some(Scenes(scenes));
        }
        terminal.problems(sources, &problems);
        None
    }

    /// A site that is as they say.
    pub(crate) fn lab(&self, code: &Code, inventory: &Inventory) -> Lab {
        let mut lab = Lab::new(code);
        for scene in &self.0 {
            lab.set(scene, |pattern| inventory.pattern(pattern).unwrap_or_default());
        }
        lab
    }
}

/// `NAME` is `lab/NAME.toml` of the site; what has a slash or an ending is a path.
fn path_of(folder: &str, name: &str) -> String {
    let is_path = name.contains('/') || name.ends_with(".toml");
    if is_path { name.to_string() } else { site::join(folder, &format!("lab/{name}.toml")) }
}

fn read(
    path: &str,
    must_be: bool,
    inventory: &Inventory,
    sources: &mut Sources,
    problems: &mut Problems,
) -> Option<Scene> {
    let unreadable = |why: String| Diagnostic::nowhere("site/unreadable", why);
    let bytes = match Disk.read(path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) if must_be => {
            let help = "a scene is a file `lab/NAME.toml` of the site; docs/lab.md says what may stand in one";
            problems.push(unreadable(format!("there is no scene `{path}`")).help(help));
            return None;
        }
        Ok(None) => return None,
        Err(error) => {
            problems.push(unreadable(error.to_string()));
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let base = sources.add(path, &text).start;
    let at = |range: std::ops::Range<usize>| Span::new(base + range.start as u32, base + range.end as u32);
    match Scene::read(&text) {
        Ok(scene) => {
            for (pattern, range) in scene.patterns() {
                let nobody = format!("`{pattern}` is no host, no group and no pattern of hosts of the inventory");
                let nobody = Diagnostic::error("site/bad-setting", at(range), nobody);
                match inventory.pattern(pattern) {
                    Ok(hosts) if !hosts.is_empty() => {}
                    Err(PatternError::NoMatch { nearest: Some(nearest), .. }) => {
                        problems.push(nobody.help(format!("did you mean `{nearest}`?")));
                    }
                    _ => problems.push(nobody),
                }
            }
            Some(scene)
        }
        Err((range, why)) => {
            let help = "docs/lab.md says what may stand in a scene";
            problems.push(Diagnostic::error("site/bad-setting", at(range), why).help(help));
            None
        }
    }
}
