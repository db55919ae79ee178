//! What the host delivered, checked on entry, and what is still needed.

mod budget;

pub use budget::Budget;
