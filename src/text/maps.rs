//! Maps in the order in which they were filled.
//!
//! A check asks maps of short names so often that the keyed hash of the standard library was a quarter of what each further
//! guest cost. This one has a fixed seed, so that it is the same in every run; an inventory that is made to
//! collide harms nobody but who wrote it.

/// A map of names, in the order in which they came.
pub type IndexMap<K, V> = indexmap::IndexMap<K, V, foldhash::fast::FixedState>;

/// A set of names, in the order in which they came.
pub type IndexSet<T> = indexmap::IndexSet<T, foldhash::fast::FixedState>;
