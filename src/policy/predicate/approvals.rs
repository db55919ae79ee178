//! `attestation.approvals`.

use crate::{
    policy::reader::{Cursor, Reader},
    predicate::Approvals,
};

pub(super) fn read(r: &mut Reader, at: &Cursor<'_>) -> Option<Approvals> {
    r.not_implemented(&at.path, "`approvals`");
    None
}
