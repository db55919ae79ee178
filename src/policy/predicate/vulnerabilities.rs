//! `attestation.vulnerabilities`.

use crate::{
    policy::reader::{Cursor, Reader},
    predicate::Vulnerabilities,
};

pub(super) fn read(r: &mut Reader, at: &Cursor<'_>) -> Option<Vulnerabilities> {
    r.not_implemented(&at.path, "`vulnerabilities`");
    None
}
