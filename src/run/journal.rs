use crate::machine::Event;

/// Where the events of a run are kept.
pub trait Journal {
    /// Makes these events durable, all of them or none.
    ///
    /// # Errors
    /// A sentence that says why they are not.
    fn write(&mut self, events: &[Event]) -> Result<(), String>;
}

/// A journal that is gone with its process: for a simulated controller.
#[derive(Clone, Debug, Default)]
pub struct InMemory(pub Vec<Event>);

impl Journal for InMemory {
    fn write(&mut self, events: &[Event]) -> Result<(), String> {
        self.0.extend_from_slice(events);
        Ok(())
    }
}
