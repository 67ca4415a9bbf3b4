//! What the world saw of a run, in order: all that the rules are held against.

use super::guest::{Fate, Verb};

/// One thing that was asked, done, or happened by itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    /// The hypervisor was asked what it knows of a guest.
    Look { guest: String, shown: Option<Shown> },
    /// The hypervisor asked a guest's agent, in the boot with this number.
    Ping { guest: String, boot: u32, answered: bool },
    /// A fresh connection to a host; the number of the boot that answered.
    Reach { host: String, boot: Option<u32> },
    /// A command that changes something on a guest, or on its hypervisor and names the guest.
    Change { guest: String, names: bool },
    /// A power command reached the hypervisor.
    Power { guest: String, verb: Verb, fate: Fate },
    /// A changing command for a guest goes on, although nobody waits for it any more.
    GoesOn { guest: String },
    /// It has ended; or nobody will know when it does.
    EndedLate { guest: String, lost: bool },
    /// The hypervisor was asked whether a cluster keeps a guest, and answered or not.
    Cluster { guest: String, answered: bool },
    /// A guest went off.
    Off { guest: String },
    /// A guest went on, in the boot with this number.
    On { guest: String, boot: u32 },
    /// The run waited.
    Waited,
}

/// What a look showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The guest that is meant, and no template.
    pub(crate) right: bool,
    pub(crate) locked: bool,
}
