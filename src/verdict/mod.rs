//! Words for people: reasons with stable codes, and the explanation tree.

mod code;
mod explain;
mod reason;

pub use code::{ALL_CODES, Code, Family};
pub use reason::Reason;
