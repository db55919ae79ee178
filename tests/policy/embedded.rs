//! What BuildKit puts into an index beside the platforms: statements about them, which are as good
//! as a signature over the index.

use serde_json::{Value, json};

use crate::{
    registry::{MANIFEST, PROVENANCE, Registry, VULN, digest, found, image, signed_by, statement},
    subjects::{
        CONFIG, NONE, Signatures, descriptor, holding, index, named, of, on, platform, proven,
        reserialise, rule, sign, verdict,
    },
};

const IN_TOTO: &str = "application/vnd.in-toto+json";

/// An attestation manifest of BuildKit's.
struct Beside {
    /// The image that its descriptor names.
    of: &'static str,
    /// The image that its statement is about.
    about: &'static str,
    kind: &'static str,
    layer: &'static str,
}

const PROVEN: Beside = Beside { of: "linux/a", about: "linux/a", kind: PROVENANCE, layer: IN_TOTO };

impl Beside {
    fn statement(&self) -> Vec<u8> {
        statement(&image(self.about), self.kind, &json!({ "of": self.about }))
    }

    fn manifest(&self) -> Vec<u8> {
        let statement = self.statement();
        json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": { "mediaType": CONFIG, "digest": digest(b"{}"), "size": 2 },
            "layers": [{
                "mediaType": self.layer, "digest": digest(&statement), "size": statement.len(),
                "annotations": { "in-toto.io/predicate-type": PROVENANCE },
            }],
        })
        .to_string()
        .into_bytes()
    }

    fn descriptor(&self) -> Value {
        let mut descriptor = descriptor(&self.manifest(), &on("unknown/unknown"));
        descriptor["annotations"] = json!({
            "vnd.docker.reference.digest": digest(&image(self.of)),
            "vnd.docker.reference.type": "attestation-manifest",
        });
        descriptor
    }
}

/// An index of `linux/a` and `linux/b` with what BuildKit has put beside them.
fn built(beside: &[Beside]) -> (Registry, Vec<u8>) {
    let mut manifests = vec![platform("linux/a"), platform("linux/b")];
    manifests.extend(beside.iter().map(Beside::descriptor));
    let index = index(&manifests);
    let mut registry = holding(&index, &["linux/a", "linux/b"]);
    for beside in beside {
        registry.store(&beside.manifest());
        registry.store(&beside.statement());
    }
    (registry, index)
}

fn both() -> [Beside; 2] {
    [PROVEN, Beside { of: "linux/b", about: "linux/b", ..PROVEN }]
}

/// What an index carries is signed by who signed the index, and by nobody else.
#[test]
fn what_an_index_carries_is_as_good_as_its_signature() {
    let (registry, index) = built(&both());
    let policy = rule(&json!("platforms"), &proven(json!({})));
    let (a, b) = (image("linux/a"), image("linux/b"));
    let carrier = both()[0].manifest();
    let signed: [(Signatures<'_>, &str); 6] = [
        (&[(&index, "ci")], "allow"),
        (&[(&index, "security"), (&index, "ci")], "allow"),
        (&[], NONE),
        (&[(&index, "security")], "key.hintMismatch"),
        // Whoever has signed a platform has not said what the index says of it.
        (&[(&a, "ci"), (&b, "ci")], "payload.notAttestation"),
        (&[(&carrier, "ci")], NONE),
    ];
    for (signatures, expected) in signed {
        let mut registry = registry.clone();
        for (of, by) in signatures {
            sign(&mut registry, of, by);
        }
        let found = registry.decide_on(&policy, &of(&index)).verdict();
        assert_eq!(found, expected, "{} signatures", signatures.len());
    }
    // A signature over another index with the same platforms.
    let (_, other) = built(&[]);
    let mut registry = registry;
    registry.attach_to(&index, &signed_by("ci", &other));
    assert_eq!(registry.decide_on(&policy, &of(&index)).verdict(), "subject.mismatch");
}

#[test]
fn a_statement_counts_for_the_platform_that_it_names() {
    let [a, b] = both();
    let misplaced = Beside { of: "linux/b", ..PROVEN };
    let misnamed = Beside { about: "linux/b", ..PROVEN };
    let of_a_scan = Beside { kind: VULN, of: "linux/b", about: "linux/b", ..PROVEN };
    let no_statement = Beside { layer: "text/plain", of: "linux/b", about: "linux/b", ..PROVEN };
    let of_none = Beside { of: "linux/c", about: "linux/b", ..PROVEN };
    let copy = |b: &Beside| Beside { ..*b };
    let (all, first) = (json!("platforms"), named(&["linux/a"]));
    for (beside, subject, expected) in [
        (vec![copy(&a), copy(&b)], &all, "allow"),
        (vec![copy(&b), copy(&a)], &all, "allow"),
        (vec![copy(&a)], &all, "attestations.none"),
        (vec![copy(&a)], &first, "allow"),
        (vec![copy(&b)], &first, "attestations.none"),
        // About another platform than it stands for.
        (vec![copy(&a), misplaced], &all, "subject.mismatch"),
        (vec![copy(&b), copy(&misnamed)], &all, "subject.mismatch"),
        (vec![copy(&a), copy(&b), misnamed], &all, "allow"),
        (vec![copy(&a), of_none], &all, "attestations.none"),
        (vec![copy(&a), of_a_scan], &all, "attestation.type"),
        (vec![copy(&a), no_statement], &all, "attestations.none"),
        // The index itself has none.
        (vec![copy(&a), copy(&b)], &json!("resolved"), "payload.notAttestation"),
        (vec![copy(&a), copy(&b)], &json!("both"), "payload.notAttestation"),
    ] {
        let (mut registry, index) = built(&beside);
        sign(&mut registry, &index, "ci");
        let policy = rule(subject, &proven(json!({})));
        let found = registry.decide_on(&policy, &of(&index)).verdict();
        assert_eq!(found, expected, "{subject}, {} beside", beside.len());
    }
}

/// It is read like any other.
#[test]
fn what_it_says_is_judged_on_each_platform() {
    let (mut registry, index) = built(&both());
    sign(&mut registry, &index, "ci");
    let verdict = |subject: Value, fields: Value| {
        registry.decide_on(&rule(&subject, &proven(fields)), &of(&index)).verdict()
    };
    let cel = |text: &str| json!({ "conditions": [{ "cel": text }] });
    assert_eq!(verdict(json!("platforms"), cel("predicate.of.startsWith('linux/')")), "allow");
    assert_eq!(verdict(json!("platforms"), cel("predicate.of == 'linux/a'")), "condition.unmet");
    assert_eq!(verdict(named(&["linux/a"]), cel("predicate.of == 'linux/a'")), "allow");
    assert_eq!(verdict(named(&["linux/b"]), cel("predicate.of == 'linux/a'")), "condition.unmet");
    // Nothing says when it was made.
    let aged = json!({ "maxAge": "1d" });
    assert_eq!(verdict(json!("platforms"), aged), "attestation.undated");
}

/// What cannot be had, or was not hashed here, is not known; nothing that it may have said counts.
#[test]
fn what_an_index_carries_is_hashed_here() {
    let (mut registry, index) = built(&both());
    sign(&mut registry, &index, "ci");
    let policy = rule(&json!("platforms"), &proven(json!({})));
    let [a, b] = both();
    let altered = |of: &[u8], with: &[u8]| {
        let mut registry = registry.clone();
        registry.answers.insert(digest(of), found(with.to_vec()));
        registry
    };
    let withheld = |of: &[u8]| {
        let mut registry = registry.clone();
        registry.withhold(&digest(of));
        registry
    };
    let mut rewritten = registry.clone();
    reserialise(&mut rewritten, &a.manifest());
    for (registry, expected) in [
        (registry.clone(), "allow"),
        (altered(&a.statement(), &a.statement()), "allow"),
        (altered(&a.statement(), &b.statement()), "evidence.digestMismatch"),
        (altered(&a.manifest(), &b.manifest()), "evidence.digestMismatch"),
        (withheld(&a.statement()), "evidence.unavailable"),
        (withheld(&a.manifest()), "evidence.unavailable"),
        (rewritten, "evidence.hostAsserted"),
    ] {
        assert_eq!(registry.decide_on(&policy, &of(&index)).verdict(), expected);
    }
}

#[test]
fn an_index_without_platforms_has_none() {
    let beside = PROVEN.descriptor();
    for (manifests, expected) in [
        (vec![], "platform.absent"),
        (vec![beside.clone()], "platform.absent"),
        (vec![platform("linux/a"), beside], "allow"),
    ] {
        let index = index(&manifests);
        let mut registry = holding(&index, &["linux/a"]);
        registry.store(&PROVEN.manifest());
        sign(&mut registry, &image("linux/a"), "ci");
        sign(&mut registry, &index, "ci");
        assert_eq!(verdict(&registry, &index, &json!("platforms")), expected);
        assert_eq!(verdict(&registry, &index, &json!("resolved")), "allow");
    }
}
