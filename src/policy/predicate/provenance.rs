//! `attestation.provenance`.

use crate::{
    policy::reader::{Cursor, Reader},
    predicate::Provenance,
};

pub(super) fn read(r: &mut Reader, at: &Cursor<'_>) -> Option<Provenance> {
    r.not_implemented(&at.path, "`provenance`");
    None
}
