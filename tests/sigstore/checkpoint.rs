//! Checkpoints: the log's word on its tree.

use countersign::verdict::Code;

use crate::{
    sigstore::{
        Sigstore, base64,
        keys::Key,
        note::{Checkpoint, NoteSigner},
        rekor::Rekor,
    },
    world::{Fault, World, fault, flip, keyless, v2},
};

/// A log that signs as ECDSA keys do.
fn v2_ecdsa() -> World {
    let mut sigstore = Sigstore::new();
    sigstore.rekor2 = Rekor::v2("one", Key::p256("one Rekor v2 ECDSA"));
    World::keyless(&sigstore, |plan, s| plan.v2(s))
}

fn cosigned() -> World {
    let mut world = v2();
    world.plan.logs[0].checkpoint.set(|c| {
        c.signers.push(NoteSigner::witness("witness.test/w1", 1_748_779_207));
    });
    world
}

fn own(c: &Checkpoint) -> NoteSigner {
    c.signers[0].clone()
}

pub(crate) fn faults() -> Vec<Fault> {
    let (invalid, proof) = (Code::CheckpointInvalid, Code::LogProofInvalid);
    let mut all = Vec::new();
    let rights: [(&str, fn() -> World); 3] =
        [("Rekor v1", keyless), ("Rekor v2", v2), ("Rekor v2 with ECDSA", v2_ecdsa)];
    for (which, right) in rights {
        let mut add = |what: &str, change: fn(&mut Checkpoint), code| {
            all.push(fault(
                format!("{what}, {which}"),
                right,
                move |w| w.plan.logs[0].checkpoint.set(change),
                code,
            ));
        };
        add("another signature", |c| c.signers[0].signature.set(flip), invalid);
        add(
            "another key",
            |c| {
                let name = c.signers[0].name.clone();
                let id = c.signers[0].id.clone();
                c.signers[0] = NoteSigner { id, ..NoteSigner::log(&name, &Key::p256("x")) };
            },
            invalid,
        );
        add(
            "another key and its number",
            |c| {
                let name = c.signers[0].name.clone();
                c.signers[0] = NoteSigner::log(&name, &Key::p256("x"));
            },
            invalid,
        );
        add("another number of the key", |c| flip(&mut c.signers[0].id), invalid);
        add("nobody's signature", |c| c.signers.clear(), invalid);
        add(
            "a witness's signature alone",
            |c| {
                c.signers = vec![NoteSigner::witness("witness.test/w1", 1_748_779_207)];
            },
            invalid,
        );
        add(
            "a good signature and a bad one of the log",
            |c| {
                let mut bad = own(c);
                bad.signature.set(flip);
                c.signers.push(bad);
            },
            invalid,
        );
        add("five signatures of the log", |c| c.signers = vec![own(c); 5], invalid);
        add(
            "a hundred signatures more",
            |c| {
                let witness = NoteSigner::witness("witness.test/w1", 1_748_779_207);
                c.signers.extend(vec![witness; 100]);
            },
            invalid,
        );
        // Signed by the log, and not what the proof leads to.
        add("another root", |c| flip(&mut c.root), proof);
        add("a larger tree", |c| c.size = "10".to_owned(), proof);
        add("an empty tree", |c| c.size = "0".to_owned(), proof);
        add("a root of 31 bytes", |c| c.root.truncate(31), invalid);
        add("a size with a zero before it", |c| c.size = "09".to_owned(), invalid);
        add("a size with a sign", |c| c.size = "+9".to_owned(), invalid);
        add("a size beyond 64 bits", |c| c.size = "18446744073709551625".to_owned(), invalid);
        add("a size in hexadecimal", |c| c.size = "0x9".to_owned(), invalid);
        add("no size", |c| c.size.clear(), invalid);
        add("no root", |c| c.root.clear(), invalid);
        add("no origin", |c| c.origin.clear(), invalid);
        add(
            "no root line",
            |c| {
                c.text.set(|text| {
                    *text = text.lines().take(2).map(|line| format!("{line}\n")).collect()
                });
            },
            invalid,
        );
        add(
            "an empty line in the text",
            |c| c.more = vec![String::new(), "more".to_owned()],
            invalid,
        );
        add(
            "another text after it was signed",
            |c| {
                c.note.set(|note| *note = note.replacen('\n', " \n", 1));
            },
            invalid,
        );
        add(
            "a line more after it was signed",
            |c| {
                c.note.set(|note| *note = note.replacen("\n\n", "\nmore\n\n", 1));
            },
            invalid,
        );
        add(
            "no end of the last line",
            |c| {
                c.note.set(|note| note.truncate(note.len() - 1));
            },
            invalid,
        );
        add("something after the signatures", |c| c.note.set(|note| note.push_str("x\n")), invalid);
        add(
            "lines that end as on Windows",
            |c| {
                c.note.set(|note| *note = note.replace('\n', "\r\n"));
            },
            invalid,
        );
        add(
            "a hyphen in place of the dash",
            |c| {
                c.note.set(|note| *note = note.replace('\u{2014}', "-"));
            },
            invalid,
        );
        add(
            "a signature that is not base64",
            |c| {
                c.note.set(|note| {
                    let end = note.len() - 4;
                    note.replace_range(end..end + 1, "*");
                });
            },
            invalid,
        );
        add(
            "a signature without a number",
            |c| {
                c.note.set(|note| {
                    let at = note.rfind(' ').unwrap();
                    note.replace_range(at.., " AAA=\n");
                });
            },
            invalid,
        );
        add(
            "a signature over the text without its last line's end",
            |c| {
                let key = c.signers[0].key.clone();
                let text = format!("{}\n{}\n{}", c.origin, c.size, base64(&c.root));
                c.signers[0].signature.set(move |s| *s = key.sign(text.as_bytes()));
            },
            invalid,
        );
        add(
            "text alone",
            |c| {
                c.note.set(|note| *note = note.split_once("\n\n").unwrap().0.to_owned());
            },
            invalid,
        );
        add("more than 128 KiB", |c| c.more.push("x".repeat(129 << 10)), invalid);
    }
    let v2_only = |what: &str, right: fn() -> World, change: fn(&mut World)| {
        fault(what, right, change, invalid)
    };
    let origin = |what: &str, text: &'static str| {
        fault(
            what,
            v2,
            move |w| w.plan.logs[0].checkpoint.set(move |c| c.origin = text.to_owned()),
            invalid,
        )
    };
    all.extend([
        // A key may be that of several logs; the origin says which of them it is.
        origin("the origin of another log", "log2025.rekor.other.test"),
        origin("the origin of a shard", "log2025.rekor.one.test/1"),
        origin("an origin with a space after it", "log2025.rekor.one.test "),
        origin("an origin in other letters", "LOG2025.rekor.one.test"),
        origin("an origin that begins as the log's", "log2025.rekor.one.test.evil"),
        origin("an origin as Rekor v1 has it", "log2025.rekor.one.test - 2605736670972794746"),
        v2_only("another name in the signature's line", v2, |w| {
            w.plan.logs[0].checkpoint.set(|c| c.signers[0].name = "other.test".to_owned());
        }),
        v2_only("the trusted root has no address of the log", v2, |w| {
            w.policy.set(|document| {
                let log =
                    &mut document["spec"]["trust"]["test"]["sigstore"]["trustedRoot"]["tlogs"][1];
                log.as_object_mut().unwrap().remove("baseUrl");
            });
        }),
        v2_only("the trusted root has another address of the log", v2, |w| {
            w.root.tlogs[1].base_url = "https://other.test".to_owned();
        }),
        v2_only("the checkpoint of another log of the instance", v2, |w| {
            w.plan.logs[0].checkpoint.set(|c| {
                let other = Sigstore::new().rekor1;
                c.origin.clone_from(&other.origin);
                c.signers = vec![other.signer()];
            });
        }),
        v2_only("signed by another log of the instance", v2, |w| {
            w.plan.logs[0].checkpoint.set(|c| {
                let mut signer = Sigstore::new().rekor1.signer();
                signer.name.clone_from(&c.signers[0].name);
                c.signers = vec![signer];
            });
        }),
        v2_only("cosigned by a witness, and the log's own signature bad", cosigned, |w| {
            w.plan.logs[0].checkpoint.set(|c| c.signers[0].signature.set(flip));
        }),
        v2_only("the log's signature as a witness's", v2, |w| {
            w.plan.logs[0].checkpoint.set(|c| c.signers[0].cosigned_at = Some(1_748_779_207));
        }),
        fault(
            "of an older tree",
            keyless,
            |w| {
                let mut older = w.plan.clone();
                older.logs[0].others = (5, 0);
                let entries = Sigstore::new().sign(&older).entries;
                let note = entries[0].proof.as_ref().unwrap().checkpoint.clone();
                w.plan.logs[0].entry.set(move |e| {
                    e.proof.as_mut().unwrap().checkpoint.clone_from(&note);
                });
            },
            proof,
        ),
    ]);
    all
}
