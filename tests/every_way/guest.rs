//! A guest of the branching world, and what can become of it.

/// A power command of the hypervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Start,
    Stop,
    Shutdown,
    Reboot,
    Reset,
}

impl Verb {
    pub(crate) fn of(word: &str) -> Option<Verb> {
        match word {
            "start" => Some(Verb::Start),
            "stop" => Some(Verb::Stop),
            "shutdown" => Some(Verb::Shutdown),
            "reboot" => Some(Verb::Reboot),
            "reset" => Some(Verb::Reset),
            _ => None,
        }
    }
}

/// What becomes of a power command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Works,
    /// It fails, having done nothing.
    FailsIdle,
    /// It fails, having done its work.
    FailsDone,
    /// Its connection is lost, and it has done nothing.
    LostIdle,
    /// Its connection is lost, and it has done its work.
    LostDone,
    /// A backup took the guest just before: it says so, and has done nothing.
    Locked,
    /// It takes longer than anybody waits, and ends well.
    Late,
    /// It takes longer than anybody waits, does its work, and its connection is lost.
    LateLost,
    /// The guest is not as the command needs it: it says so, and has done nothing.
    OutOfPlace,
}

impl Fate {
    /// Those that the world chooses of.
    pub(crate) const ALL: [Fate; 8] = [
        Fate::Works,
        Fate::FailsIdle,
        Fate::FailsDone,
        Fate::LostIdle,
        Fate::LostDone,
        Fate::Locked,
        Fate::Late,
        Fate::LateLost,
    ];

    /// Whether it does what it is for.
    pub(crate) fn does_its_work(self) -> bool {
        match self {
            Fate::Works | Fate::FailsDone | Fate::LostDone | Fate::Late | Fate::LateLost => true,
            Fate::FailsIdle | Fate::LostIdle | Fate::Locked | Fate::OutOfPlace => false,
        }
    }

    /// Whether it says itself that nothing was begun.
    pub(crate) fn says_it_did_nothing(self) -> bool {
        matches!(self, Fate::Locked | Fate::OutOfPlace)
    }
}

/// How a guest is that was switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rise {
    Well,
    /// It runs, and never answers by ssh.
    WithoutSsh,
    /// It runs, and its agent never answers.
    WithoutAgent,
    /// It does not go on at all.
    NotAtAll,
}

/// What a look can find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Find {
    Right,
    OtherName,
    Template,
    Gone,
    /// A backup holds it for a minute.
    LockedShortly,
    /// A backup holds it for longer than anybody waits.
    LockedLong,
    /// It is off, and was so before the run.
    Off,
    /// The hypervisor does not answer, this time.
    NoAnswer,
}

impl Find {
    /// The last is for a guest that nothing has shown to be on.
    pub(crate) const ALL: [Find; 8] = [
        Find::Right,
        Find::OtherName,
        Find::Template,
        Find::Gone,
        Find::LockedShortly,
        Find::LockedLong,
        Find::NoAnswer,
        Find::Off,
    ];
}

/// How an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pulse {
    Answers,
    /// It does not answer until something is changed.
    DeadUntilChange,
    /// It does not answer in this boot.
    Dead,
}

/// A guest.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) running: bool,
    /// The number of its boot, from 1.
    pub(crate) boot: u32,
    pub(crate) booted_at: u64,
    /// The number of the hypervisor's process.
    pub(crate) process: u32,
    pub(crate) ssh: bool,
    pub(crate) agent: bool,
    pub(crate) was_on: bool,
    /// Whether anything has shown that it is on.
    pub(crate) touched: bool,
    /// What the look found, until something is changed; one that is not the guest that is meant stays so.
    pub(crate) find: Option<Find>,
    pub(crate) locked_until: u64,
    /// Whether a lock may have been taken since the last look.
    pub(crate) may_be_locked: bool,
    pub(crate) pulse: Option<Pulse>,
}

impl Guest {
    pub(crate) fn new(name: &str, id: &str) -> Guest {
        Guest {
            name: name.to_string(),
            id: id.to_string(),
            running: true,
            boot: 1,
            booted_at: 0,
            process: 1,
            ssh: true,
            agent: true,
            was_on: true,
            touched: false,
            find: None,
            locked_until: 0,
            may_be_locked: false,
            pulse: None,
        }
    }

    /// Something was changed: what is so now is another question.
    pub(crate) fn changed(&mut self) {
        if self.is_right() {
            self.find = None;
        }
        if self.pulse != Some(Pulse::Dead) {
            self.pulse = None;
        }
        self.touched = true;
    }

    pub(crate) fn off(&mut self) {
        self.running = false;
        self.ssh = false;
        self.agent = false;
        self.changed();
    }

    pub(crate) fn on(&mut self, now: u64, rise: Rise, new_process: bool) {
        self.running = true;
        self.boot += 1;
        self.booted_at = now;
        self.process += u32::from(new_process);
        self.ssh = false;
        self.agent = false;
        self.changed();
        // A boot has an agent of its own, and how it is was decided with the boot.
        self.pulse = Some(if rise == Rise::WithoutAgent { Pulse::Dead } else { Pulse::Answers });
    }

    pub(crate) fn is_right(&self) -> bool {
        !matches!(self.find, Some(Find::OtherName | Find::Template | Find::Gone))
    }

    /// What the hypervisor's look prints.
    pub(crate) fn look(&self, now: u64) -> String {
        if self.find == Some(Find::Gone) {
            return "found=no\n".to_string();
        }
        let name = if self.find == Some(Find::OtherName) { "mailserver" } else { &self.name };
        let mut text = format!("found=yes\nkind=vm\nname={name}\n");
        if self.find == Some(Find::Template) {
            text.push_str("template=yes\n");
        }
        if self.locked_until > now {
            text.push_str("lock=backup\n");
        }
        if self.running {
            text.push_str(&format!("power=running\nprocess={}:7\n", 1000 + self.process));
        } else {
            text.push_str("power=stopped\n");
        }
        text
    }
}
