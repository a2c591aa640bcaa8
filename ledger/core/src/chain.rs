//! Proof that nothing was changed afterwards: a Merkle tree over each batch of records (RFC 6962,
//! section 2.1), and a chain of hashes over the batches.

use sha2::{Digest as _, Sha256};

use crate::Record;

/// SHA-256.
pub type Hash = [u8; 32];

/// RFC 6962, section 2.1: told apart so that no leaf passes for a node.
const LEAF: u8 = 0;
const NODE: u8 = 1;
/// A link of the chain; not of RFC 6962.
const LINK: u8 = 2;

pub(crate) fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// The leaf of a record.
#[must_use]
pub fn leaf(record: &Record) -> Hash {
    sha256(&[&[LEAF], record.to_bytes().as_slice()].concat())
}

fn node(left: &Hash, right: &Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([NODE]);
    hasher.update(left);
    hasher.update(right);
    hasher.finalize().into()
}

/// The chain's head after a batch: over the head before it, the batch's root and how many records
/// it has.
#[must_use]
pub fn chain(previous: &Hash, root: &Hash, records: u64) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([LINK]);
    hasher.update(previous);
    hasher.update(root);
    hasher.update(records.to_be_bytes());
    hasher.finalize().into()
}

/// The root of a tree. Of no leaf at all it is the hash of nothing.
#[must_use]
pub fn merkle_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [leaf] => *leaf,
        leaves => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&merkle_root(left), &merkle_root(right))
        }
    }
}

/// The largest power of two below `length`, which is at least 2.
fn split(length: usize) -> usize {
    length.next_power_of_two() / 2
}

/// That a leaf is in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// Where the leaf is.
    pub index: usize,
    /// Leaves of the tree.
    pub size: usize,
    /// Hashes of what is beside the leaf's way up, from below.
    pub path: Vec<Hash>,
}

/// Proves that the leaf at an index is in the tree (RFC 6962, section 2.1.1). None past the end.
#[must_use]
pub fn merkle_proof(leaves: &[Hash], index: usize) -> Option<InclusionProof> {
    if index >= leaves.len() {
        return None;
    }
    let mut path = Vec::new();
    let (mut rest, mut at) = (leaves, index);
    while rest.len() > 1 {
        let (left, right) = rest.split_at(split(rest.len()));
        if at < left.len() {
            path.push(merkle_root(right));
            rest = left;
        } else {
            path.push(merkle_root(left));
            at -= left.len();
            rest = right;
        }
    }
    path.reverse();
    Some(InclusionProof {
        index,
        size: leaves.len(),
        path,
    })
}

/// True when the proof leads from the leaf to the root (RFC 9162, section 2.1.3.2).
#[must_use]
pub fn verify_inclusion(proof: &InclusionProof, leaf: &Hash, root: &Hash) -> bool {
    if proof.index >= proof.size {
        return false;
    }
    let (mut at, mut last) = (proof.index, proof.size - 1);
    let mut hash = *leaf;
    for beside in &proof.path {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            hash = node(beside, &hash);
            while at % 2 == 0 && at != 0 {
                at /= 2;
                last /= 2;
            }
        } else {
            hash = node(&hash, beside);
        }
        at /= 2;
        last /= 2;
    }
    last == 0 && hash == *root
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hashes(count: usize) -> Vec<Hash> {
        (0..count)
            .map(|index| sha256(&index.to_be_bytes()))
            .collect()
    }

    fn hex(hash: &Hash) -> String {
        use std::fmt::Write as _;
        hash.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string");
            text
        })
    }

    #[test]
    fn the_trees_are_those_of_certificate_transparency() {
        // The test vectors of RFC 6962's reference implementation (merkle_tree_test.cc).
        let inputs: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[
                0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,
                0x6e, 0x6f,
            ],
        ];
        let leaves: Vec<Hash> = inputs
            .iter()
            .map(|input| sha256(&[&[LEAF], *input].concat()))
            .collect();
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        for (count, root) in roots.iter().enumerate() {
            assert_eq!(
                hex(&merkle_root(&leaves[..=count])),
                *root,
                "{} leaves",
                count + 1
            );
        }
    }

    proptest! {
        #[test]
        fn a_proof_holds_for_its_leaf_and_no_other(size in 1usize..80, index in 0usize..80, flip in 0usize..8) {
            let leaves = hashes(size);
            let root = merkle_root(&leaves);
            let Some(proof) = merkle_proof(&leaves, index) else {
                prop_assert!(index >= size);
                return Ok(());
            };
            prop_assert!(verify_inclusion(&proof, &leaves[index], &root));
            let mut other = leaves[index];
            other[flip] ^= 1;
            prop_assert!(!verify_inclusion(&proof, &other, &root));
            let elsewhere = InclusionProof { index: (index + 1) % size, ..proof.clone() };
            prop_assert!(size == 1 || !verify_inclusion(&elsewhere, &leaves[index], &root));
            let mut cut = proof;
            if cut.path.pop().is_some() {
                prop_assert!(!verify_inclusion(&cut, &leaves[index], &root));
            }
        }
    }
}
