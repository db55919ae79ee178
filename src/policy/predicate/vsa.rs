//! `attestation.vsa`.

use crate::{
    policy::reader::{Cursor, Reader},
    predicate::Vsa,
};

pub(super) fn read(r: &mut Reader, at: &Cursor<'_>) -> Option<Vsa> {
    r.not_implemented(&at.path, "`vsa`");
    None
}
