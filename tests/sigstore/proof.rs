//! Proofs of inclusion.

use countersign::verdict::Code;
use serde_json::json;

use crate::{
    sigstore::{
        Sigstore,
        bundle::Version,
        merkle,
        rekor::{Logging, Proof},
    },
    world::{Fault, World, fault, flip, keyless, stamped, v2},
};

/// Of the only entry of its tree.
fn alone() -> World {
    let mut world = keyless();
    world.plan.logs[0].others = (0, 0);
    world
}

fn version_1() -> World {
    World::keyless(&Sigstore::new(), |plan, _| plan.version(Version::V01))
}

fn version_2() -> World {
    World::keyless(&Sigstore::new(), |plan, _| plan.version(Version::V02))
}

fn proof(
    name: impl Into<String>,
    right: fn() -> World,
    change: impl Fn(&mut Proof) + Clone + 'static,
    code: Code,
) -> Fault {
    fault(
        name,
        right,
        move |w| {
            let change = change.clone();
            w.plan.logs[0].entry.set(move |entry| change(entry.proof.as_mut().unwrap()));
        },
        code,
    )
}

pub(crate) fn faults() -> Vec<Fault> {
    let (absent, invalid) = (Code::LogProofAbsent, Code::LogProofInvalid);
    let malformed = Code::EnvelopeMalformed;
    let log = |name: &str, right: fn() -> World, change: fn(&mut Logging), code| {
        fault(name, right, move |w| change(&mut w.plan.logs[0]), code)
    };
    // The path of the neighbour to the left, which is as long.
    let neighbours = |l: &mut Logging| {
        let name = l.log.name.clone();
        l.entry.set(move |entry| {
            let leaf = |n: usize| merkle::leaf(format!("{name} entry {n}").as_bytes());
            let mut leaves: Vec<_> = (0..5).map(leaf).collect();
            leaves.push(merkle::leaf(&entry.body));
            leaves.extend((6..=8).map(leaf));
            let proof = entry.proof.as_mut().unwrap();
            proof.hashes = merkle::audit_path(&leaves, 4);
            proof.log_index = 4;
        });
    };
    let mut all = vec![
        log("missing", keyless, |l| l.proof = false, absent),
        log("missing in version 0.2", version_2, |l| l.proof = false, absent),
        log("missing in Rekor v2", v2, |l| l.proof = false, absent),
        log("of the leaf beside", keyless, neighbours, invalid),
        log(
            "of the leaf beside, in Rekor v2",
            v2,
            |l| {
                l.entry.set(|e| {
                    e.log_index -= 1;
                    e.proof.as_mut().unwrap().log_index -= 1;
                });
            },
            invalid,
        ),
        log(
            "of another entry than the bundle says, in Rekor v2",
            v2,
            |l| {
                l.entry.set(|e| e.log_index += 1);
            },
            invalid,
        ),
        log(
            "of an entry that was changed after it was logged",
            v2,
            |l| {
                // The members' order is not RFC 8785's: same meaning, another leaf.
                l.entry.set(|e| {
                    let text = String::from_utf8(e.body.clone()).unwrap();
                    e.body = text.replacen('{', "{ ", 1).into_bytes();
                });
            },
            invalid,
        ),
        proof("more than 64 hashes", keyless, |p| p.hashes = vec![vec![0; 32]; 65], malformed),
        proof("64 hashes", keyless, |p| p.hashes = vec![vec![0; 32]; 64], invalid),
        proof("an index before the first", keyless, |p| p.log_index = -1, malformed),
        proof("a size below nothing", keyless, |p| p.tree_size = -1, malformed),
        proof("a checkpoint without text", keyless, |p| p.checkpoint = Some(String::new()), absent),
        proof("no checkpoint", keyless, |p| p.checkpoint = None, absent),
        proof("no checkpoint in version 0.1", version_1, |p| p.checkpoint = None, absent),
        proof("no checkpoint in version 0.2", version_2, |p| p.checkpoint = None, absent),
        proof("a hash for a leaf that is alone", alone, |p| p.hashes.push(vec![0; 32]), invalid),
        proof("of nothing in a tree of one", alone, |p| p.log_index = 1, invalid),
        fault(
            "a bad one in version 0.1, where none is needed",
            version_1,
            |w| {
                w.plan.logs[0].entry.set(|e| flip(&mut e.proof.as_mut().unwrap().hashes[0]));
            },
            invalid,
        ),
        fault(
            "an index that is no integer",
            keyless,
            |w| {
                w.json.set(|b| {
                    let entry = &mut b["verificationMaterial"]["tlogEntries"][0];
                    entry["inclusionProof"]["logIndex"] = json!("5.0");
                });
            },
            malformed,
        ),
        fault(
            "a size beyond 64 bits",
            keyless,
            |w| {
                w.json.set(|b| {
                    let entry = &mut b["verificationMaterial"]["tlogEntries"][0];
                    entry["inclusionProof"]["treeSize"] = json!("18446744073709551625");
                });
            },
            malformed,
        ),
        fault(
            "a size in 64 bits without sign",
            keyless,
            |w| {
                w.json.set(|b| {
                    let entry = &mut b["verificationMaterial"]["tlogEntries"][0];
                    entry["inclusionProof"]["treeSize"] = json!("9223372036854775808");
                });
            },
            malformed,
        ),
    ];
    let rights: [(&str, fn() -> World); 2] = [("Rekor v1", stamped), ("Rekor v2", v2)];
    for (which, right) in rights {
        let cases: [(&str, fn(&mut Proof)); 14] = [
            ("another hash", |p| flip(&mut p.hashes[0])),
            ("another last hash", |p| flip(p.hashes.last_mut().unwrap())),
            ("a hash too few", |p| p.hashes.truncate(p.hashes.len() - 1)),
            ("a hash too many", |p| p.hashes.push(vec![0; 32])),
            ("no hashes", |p| p.hashes.clear()),
            ("hashes in another order", |p| p.hashes.reverse()),
            ("a hash of 31 bytes", |p| p.hashes[0].truncate(31)),
            ("a hash of 33 bytes", |p| p.hashes[0].push(0)),
            ("another root", |p| flip(&mut p.root)),
            ("an empty root", |p| p.root.clear()),
            ("a larger tree", |p| p.tree_size += 1),
            ("a smaller tree", |p| p.tree_size -= 1),
            ("no tree", |p| p.tree_size = 0),
            ("the largest tree of all", |p| p.tree_size = i64::MAX),
        ];
        for (what, change) in cases {
            all.push(proof(format!("{what}, {which}"), right, change, invalid));
        }
        // Rekor v2's entry has the same index.
        let indexes: [(&str, i64); 4] = [
            ("the next index", 6),
            ("the first", 0),
            ("the size", 9),
            ("the last of all", i64::MAX),
        ];
        for (what, index) in indexes {
            all.push(fault(
                format!("{what}, {which}"),
                right,
                move |w| {
                    w.plan.logs[0].entry.set(move |e| {
                        let shift = index - e.proof.as_ref().unwrap().log_index;
                        e.proof.as_mut().unwrap().log_index = index;
                        if e.version == "0.0.2" {
                            e.log_index += shift;
                        }
                    });
                },
                invalid,
            ));
        }
    }
    all
}
