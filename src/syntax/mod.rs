//! From text to tree. Parsing never fails: it answers a tree and the problems found.
pub mod tree;
