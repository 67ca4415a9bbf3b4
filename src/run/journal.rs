use crate::machine::Event;

/// Where the events of a run are kept.
pub trait Journal {
    /// Makes these events durable, all of them or none.
    ///
    /// # Errors
    /// A sentence that says why they are not.
    fn write(&mut self, events: &[Event]) -> Result<(), String>;
}
