//! `vsa`.

use super::{Context, Document};
use crate::verdict::{Code, Reason};

/// `attestation.vsa`.
#[derive(Clone, Debug)]
pub struct Vsa {}

impl Vsa {
    /// One line of what was seen, or everything that is wrong.
    pub fn check(
        &self,
        _document: &Document<'_>,
        _context: &Context<'_>,
    ) -> Result<String, Vec<Reason>> {
        Err(vec![Reason::of(Code::Internal)])
    }
}
