//! `attestation.sbom`.

use crate::{
    policy::reader::{Cursor, Reader},
    predicate::Sbom,
};

pub(super) fn read(r: &mut Reader, at: &Cursor<'_>) -> Option<Sbom> {
    r.not_implemented(&at.path, "`sbom`");
    None
}
