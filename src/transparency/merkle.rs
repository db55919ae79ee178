//! Merkle trees of logs ([RFC 6962 §2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1)).

use std::fmt;

use crate::crypto::sha256;

/// Bytes of one hash.
const HASH: usize = 32;

/// Hashes of one proof: the height of a tree whose size is 64 bits wide.
pub const MOST_HASHES: usize = 64;

/// Why a leaf is not proved to be in a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InclusionError {
    /// The index is not one of the tree's.
    Index,
    /// The proof has more or fewer hashes than the place of the leaf needs.
    Length,
    /// A hash of the proof is not of 32 bytes.
    Malformed,
    /// The proof leads to another root.
    Root,
}

/// The hash of a leaf with these contents.
///
/// spec: RFC 6962 §2.1 "MTH({d(0)}) = SHA-256(0x00 || d(0))"
pub fn leaf_hash(entry: &[u8]) -> [u8; HASH] {
    sha256(&[&[0][..], entry].concat())
}

/// Checks that the leaf with `leaf`'s hash is at `index` of the tree of `size` leaves with `root`.
///
/// spec: RFC 9162 §2.1.3.2
pub fn verify_inclusion(
    leaf: &[u8; HASH],
    index: u64,
    size: u64,
    proof: &[impl AsRef<[u8]>],
    root: &[u8; HASH],
) -> Result<(), InclusionError> {
    let mut last = size.checked_sub(1).ok_or(InclusionError::Index)?;
    if index > last {
        return Err(InclusionError::Index);
    }
    if proof.len() > MOST_HASHES {
        return Err(InclusionError::Length);
    }
    let mut node = index;
    let mut hash = *leaf;
    for sibling in proof {
        let sibling = sibling.as_ref();
        if sibling.len() != HASH {
            return Err(InclusionError::Malformed);
        }
        if last == 0 {
            return Err(InclusionError::Length);
        }
        if node & 1 == 1 || node == last {
            hash = parent(sibling, &hash);
            // A node without a right neighbour goes up until it is one itself.
            let up = node.trailing_zeros();
            node >>= up;
            last >>= up;
        } else {
            hash = parent(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(InclusionError::Length);
    }
    if hash != *root {
        return Err(InclusionError::Root);
    }
    Ok(())
}

/// spec: RFC 6962 §2.1 "MTH(D[n]) = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n]))"
fn parent(left: &[u8], right: &[u8]) -> [u8; HASH] {
    sha256(&[&[1][..], left, right].concat())
}

impl fmt::Display for InclusionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Index => "the index is outside of the tree",
            Self::Length => "the proof's length is not that of the leaf's place",
            Self::Malformed => "a hash of the proof is not of 32 bytes",
            Self::Root => "the proof leads to another root",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
        match leaves {
            [] => sha256(&[]),
            [only] => *only,
            _ => {
                let (left, right) = leaves.split_at(split(leaves.len()));
                parent(&root(left), &root(right))
            }
        }
    }

    /// RFC 6962 §2.1.1, PATH.
    fn path_of(leaves: &[[u8; 32]], index: usize) -> Vec<[u8; 32]> {
        if leaves.len() < 2 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(split(leaves.len()));
        let (mut path, sibling) = if index < left.len() {
            (path_of(left, index), root(right))
        } else {
            (path_of(right, index - left.len()), root(left))
        };
        path.push(sibling);
        path
    }

    fn split(n: usize) -> usize {
        1 << (n - 1).ilog2()
    }

    #[test]
    fn the_empty_leaf_has_the_hash_of_the_specification() {
        // RFC 9162 and certificate-transparency-go's test of HashLeaf.
        let hex = crate::crypto::hex(&leaf_hash(b""));
        assert_eq!(hex, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proved_at_its_place_only() {
        let all: Vec<_> = (0..130u8).map(|i| leaf_hash(&[i])).collect();
        for size in 1..=all.len() {
            let leaves = &all[..size];
            let root = root(leaves);
            for index in 0..size {
                let proof = path_of(leaves, index);
                let verify = |index: usize, size: usize, proof: &[[u8; 32]]| {
                    verify_inclusion(
                        &leaves[index.min(size - 1)],
                        index as u64,
                        size as u64,
                        proof,
                        &root,
                    )
                };
                assert_eq!(verify(index, size, &proof), Ok(()), "{index} of {size}");
                for elsewhere in (0..size).filter(|e| *e != index) {
                    let result = verify_inclusion(
                        &leaves[index],
                        elsewhere as u64,
                        size as u64,
                        &proof,
                        &root,
                    );
                    assert!(result.is_err(), "{index} at {elsewhere} of {size}");
                }
                let longer = [&proof[..], &[root]].concat();
                assert_eq!(verify(index, size, &longer), Err(InclusionError::Length));
                if let Some((_, shorter)) = proof.split_last() {
                    // Fewer hashes may be the proof in a smaller tree, with another root.
                    assert_eq!(verify(index, size, shorter), Err(InclusionError::Length));
                }
            }
        }
    }

    #[test]
    fn every_hash_of_a_proof_counts() {
        let leaves: Vec<_> = (0..77u8).map(|i| leaf_hash(&[i])).collect();
        let (root, proof) = (root(&leaves), path_of(&leaves, 70));
        for hash in 0..proof.len() {
            for byte in 0..32 {
                let mut changed = proof.clone();
                changed[hash][byte] ^= 1;
                let result = verify_inclusion(&leaves[70], 70, 77, &changed, &root);
                assert_eq!(result, Err(InclusionError::Root));
            }
        }
    }

    #[test]
    fn the_edges_of_the_arithmetic_are_refused_cleanly() {
        let hash = leaf_hash(b"x");
        let none: [[u8; 32]; 0] = [];
        let most = [hash; 64];
        let too_many = [hash; 65];
        for (index, size, proof, error) in [
            (0, 0, &none[..], InclusionError::Index),
            (1, 1, &none[..], InclusionError::Index),
            (u64::MAX, u64::MAX, &most[..], InclusionError::Index),
            (u64::MAX, 0, &most[..], InclusionError::Index),
            (0, 1, &most[..1], InclusionError::Length),
            (0, u64::MAX, &most[..], InclusionError::Root),
            (0, u64::MAX, &most[..63], InclusionError::Length),
            (u64::MAX - 1, u64::MAX, &most[..], InclusionError::Length),
            (0, u64::MAX, &too_many[..], InclusionError::Length),
        ] {
            let result = verify_inclusion(&hash, index, size, proof, &[0; 32]);
            assert_eq!(result, Err(error), "{index} of {size}, {} hashes", proof.len());
        }
        let short = [vec![0; 31]];
        assert_eq!(verify_inclusion(&hash, 0, 2, &short, &hash), Err(InclusionError::Malformed));
        assert_eq!(verify_inclusion(&hash, 0, 1, &none, &hash), Ok(()));
    }
}
