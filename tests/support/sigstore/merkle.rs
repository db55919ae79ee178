//! Merkle trees (RFC 6962 §2.1).

use super::keys::sha256;

pub(crate) fn leaf(entry: &[u8]) -> Vec<u8> {
    sha256(&[&[0][..], entry].concat())
}

/// The root of a tree of these leaf hashes.
pub(crate) fn root(leaves: &[Vec<u8>]) -> Vec<u8> {
    match leaves {
        [] => sha256(&[]),
        [only] => only.clone(),
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            sha256(&[vec![1], root(left), root(right)].concat())
        }
    }
}

/// The audit path of one leaf, from the leaf up.
pub(crate) fn audit_path(leaves: &[Vec<u8>], index: usize) -> Vec<Vec<u8>> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, sibling) = if index < left.len() {
        (audit_path(left, index), root(right))
    } else {
        (audit_path(right, index - left.len()), root(left))
    };
    path.push(sibling);
    path
}

/// The largest power of two below `n`.
fn split(n: usize) -> usize {
    1 << (n - 1).ilog2()
}
