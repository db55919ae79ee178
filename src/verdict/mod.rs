//! Words for people: reasons with stable codes, and the explanation tree.

mod code;
mod explain;
mod reason;

pub use code::{ALL_CODES, Code, Family};
pub(crate) use explain::most_specific;
pub use reason::Reason;
pub(crate) use reason::shown;
