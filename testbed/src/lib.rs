//! The testbed: a site of real parts on one machine, for tests and for trying hostler.
//!
//! A [`Site`] is a private set of namespaces with hypervisor nodes in it. A [`Node`] is a machine as far as a program on
//! it can tell: a real OpenSSH server, its own `/etc`, `/run`, boot id and process ids, and either a `qm` that is a
//! program of this crate, or libvirt itself. A [`Guest`] is a real QEMU with a Linux in it, built of Debian packages: its
//! own kernel, `qemu-guest-agent`, ssh server and power button. Everything ends with the site's holder, however that ends.
//!
//! Nothing is installed and nothing of the machine is changed: packages are unpacked below `target/testbed`.

pub mod accelerator;
pub mod boot;
mod cpio;
pub mod debian;
pub mod guest;
pub mod image;
mod inventory;
pub mod keys;
mod libvirt;
mod namespaces;
pub mod node;
pub mod packages;
pub mod programs;
pub mod qmp;
pub mod site;

pub use guest::{Agent, Guest, GuestPlan};
pub use node::{Kind, Node};
pub use site::{Plan, Site};

/// What went wrong, as a sentence for a person.
pub type Result<T> = std::result::Result<T, String>;
