//! What is known on a way through a plan, and several ways together.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::text::Span;

/// A host, as the steps name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// The plan's subject.
    Subject,
    /// By its name.
    Named(String),
    /// Each item of the loop that stands there; a new one each time round.
    Each(Span),
    /// Those that the loop there has passed.
    Passed(Span),
}

impl Who {
    /// Whether two names may be one host's.
    fn may_be(&self, other: &Who) -> bool {
        match (self, other) {
            (Who::Named(one), Who::Named(other)) => one == other,
            _ => true,
        }
    }
}

/// What a way has shown of a guest, and done to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Known {
    /// It is the guest that is meant, proven since the last change.
    pub(super) identity: bool,
    /// Nothing holds it, seen just now.
    pub(super) unlocked: bool,
    /// Its agent answers, proven since the last change.
    pub(super) agent: bool,
    /// A power action was begun, and nothing has proven since that it is well.
    pub(super) disrupted: bool,
    /// A new boot has answered since.
    pub(super) boot: bool,
    /// The command that switched it off, where nothing has switched it on again.
    pub(super) off: Option<Span>,
    /// It was asked to shut down.
    pub(super) asked: bool,
    /// The power action since which no new boot is proven.
    pub(super) unproven: Option<Span>,
    /// It is meant to be off.
    pub(super) keep_off: bool,
    /// A machine that changes its own power: nobody is asked for its agent.
    pub(super) alone: bool,
    /// A changing command for it failed, and may be at work still: what is proven meanwhile is old when it ends.
    pub(super) at_work: bool,
}

impl Known {
    /// What was proven is to be proven again.
    pub(super) fn disprove(&mut self) {
        self.identity = false;
        self.unlocked = false;
        self.agent = false;
    }
}

/// One way up to a point. Most steps change nothing of what is known, so ways share it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Path {
    guests: Rc<BTreeMap<Who, Known>>,
    /// Conditions that were decided on the way and can not change.
    assumed: Rc<BTreeMap<String, bool>>,
}

impl Path {
    pub(super) fn known(&self, who: &Who) -> Known {
        self.guests.get(who).cloned().unwrap_or_default()
    }

    /// What nothing is known of is not kept, so that ways that know the same are equal.
    pub(super) fn set(&mut self, who: &Who, known: Known) {
        if known == self.known(who) {
            return;
        }
        let guests = Rc::make_mut(&mut self.guests);
        if known == Known::default() {
            guests.remove(who);
        } else {
            guests.insert(who.clone(), known);
        }
    }

    pub(super) fn change(&mut self, who: &Who, change: impl FnOnce(&mut Known)) {
        let mut known = self.known(who);
        change(&mut known);
        self.set(who, known);
    }

    /// Time passes: a lock may have been taken.
    pub(super) fn wait(&mut self) {
        self.change_each(|_| true, |known| known.unlocked = false);
    }

    /// Another attempt: none follows a command that may be at work still, and what was proven before is old.
    pub(super) fn next_attempt(&mut self) {
        self.wait();
        if self.guests.values().any(|known| known.at_work) {
            self.change_each(
                |_| true,
                |known| {
                    known.disprove();
                    known.at_work = false;
                },
            );
        }
    }

    /// A host was changed, by whatever name; without one, any may have been.
    pub(super) fn disprove(&mut self, who: Option<&Who>) {
        self.change_each(|other| who.is_none_or(|who| who.may_be(other)), Known::disprove);
    }

    /// What is known of a guest when nothing is at work for it any more.
    pub(super) fn settled(&self, who: &Who) -> Known {
        let mut known = self.known(who);
        if self.guests.iter().any(|(other, known)| known.at_work && who.may_be(other)) {
            known.disprove();
        }
        known
    }

    fn change_each(&mut self, which: impl Fn(&Who) -> bool, change: impl Fn(&mut Known)) {
        let those: Vec<Who> = self.guests.keys().filter(|who| which(who)).cloned().collect();
        for who in those {
            self.change(&who, &change);
        }
    }

    /// A condition as this way has decided it.
    pub(super) fn assumption(&self, condition: &str) -> Option<bool> {
        self.assumed.get(condition).copied()
    }

    pub(super) fn assume(&mut self, condition: String, truth: bool) {
        Rc::make_mut(&mut self.assumed).insert(condition, truth);
    }

    /// The loop goes on to its next item: the last one stays as it is.
    pub(super) fn next_item(&mut self, span: Span) {
        let last = self.known(&Who::Each(span));
        self.set(&Who::Each(span), Known::default());
        self.change(&Who::Passed(span), |passed| {
            passed.disrupted |= last.disrupted && !last.keep_off;
            passed.off = passed.off.or(last.off.filter(|_| !last.keep_off));
            passed.at_work |= last.at_work;
        });
    }

    /// Those that are disrupted.
    pub(super) fn disrupted(&self) -> impl Iterator<Item = (&Who, &Known)> {
        self.guests.iter().filter(|(_, known)| known.disrupted)
    }

    /// Whether these are off, or disrupted, is known under another name.
    pub(super) fn hand_over(&mut self, whom: impl Fn(&Who) -> bool) {
        self.change_each(whom, |known| {
            known.off = None;
            known.disrupted = false;
        });
    }

    pub(super) fn guests(&self) -> impl Iterator<Item = &Known> {
        self.guests.values()
    }
}

/// Every way that leads to a point; ways that know the same are one. Few steps add one, so those before and after a step
/// share their list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Paths(Option<Rc<Vec<Path>>>);

/// More ways than this forget what they assumed and become one for each that is known of the guests.
const MANY: usize = 64;

impl Paths {
    pub(super) fn start() -> Paths {
        Paths(Some(Rc::new(vec![Path::default()])))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().flat_map(|paths| paths.iter())
    }

    fn list(&mut self) -> &mut Vec<Path> {
        Rc::make_mut(self.0.get_or_insert_default())
    }

    pub(super) fn push(&mut self, path: Path) {
        if !self.holds(&path) {
            self.make_room();
            self.list().push(path);
        }
    }

    pub(super) fn add(&mut self, others: &Paths) {
        match (&self.0, &others.0) {
            (_, None) => {}
            (None, Some(_)) => self.clone_from(others),
            (Some(paths), Some(others)) if Rc::ptr_eq(paths, others) => {}
            (Some(_), Some(others)) => {
                for path in others.iter() {
                    self.push(path.clone());
                }
            }
        }
    }

    /// Whether there is a way that knows the same. What both have decided alike stays; the rest is open again.
    fn holds(&mut self, path: &Path) -> bool {
        let Some((at, same)) = self.iter().enumerate().find(|(_, other)| other.guests == path.guests) else {
            return false;
        };
        if same.assumed != path.assumed {
            let same = Rc::make_mut(&mut self.list()[at].assumed);
            same.retain(|condition, truth| path.assumed.get(condition) == Some(truth));
        }
        true
    }

    fn make_room(&mut self) {
        if self.iter().count() >= MANY {
            self.list().iter_mut().for_each(|path| path.assumed = Rc::default());
        }
    }

    pub(super) fn and(mut self, others: &Paths) -> Paths {
        self.add(others);
        self
    }

    pub(super) fn map(&self, mut change: impl FnMut(&mut Path)) -> Paths {
        let mut all = Paths::default();
        for path in self.iter() {
            let mut path = path.clone();
            change(&mut path);
            all.push(path);
        }
        all
    }
}
