//! Every option of Notation's trust policy, in our own words and in the Notary Project's: the same
//! signature, the same verdict. Each option has rows that it alone makes differ, so that one that nobody
//! reads would show.

use serde_json::{Value, json};

use crate::{
    draft::{AUTHENTIC, Draft, EXPIRY, SCHEME, TIMESTAMP, Value as Field, field},
    host::{Decided, Host, draft, pem},
    made::{DAY, HOUR, NOW, World, with_ocsp},
    sigstore::{
        certificate::Certificate,
        der,
        keys::Key,
        tsa::{Embedded, Tsa},
    },
};

const LIST: &str = "http://c/1.crl";
const RESPONDER: &str = "http://o/";

/// One option: the stores, what the authority says, what the statement and its surroundings say.
struct Options {
    /// `ca` unless it says otherwise.
    store: &'static str,
    /// Roots of timestamp authorities.
    tsa: Vec<String>,
    /// Members of `signatureVerification`, or of a native authority.
    verification: Value,
    /// The same in both.
    identities: &'static [&'static str],
    /// Members of the authority, and of `notationTrustPolicy`.
    beside: Value,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            store: "ca",
            tsa: Vec::new(),
            verification: json!({}),
            identities: &["*"],
            beside: json!({}),
        }
    }
}

fn verification(verification: Value) -> Options {
    Options { verification, ..Options::default() }
}

fn merged(mut into: Value, more: &Value) -> Value {
    into.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    into
}

fn spec(spec: &Value) -> Value {
    json!({ "apiVersion": "countersign.dev/v1", "kind": "ImagePolicy", "spec": spec })
}

impl Options {
    fn native(&self, root: &str) -> Value {
        let mut stores = json!({ self.store: [root] });
        if !self.tsa.is_empty() {
            stores["tsa"] = json!(self.tsa);
        }
        let mut authority = merged(self.verification.clone(), &self.beside);
        if authority["level"] != "skip" {
            authority["trust"] = json!("t");
            authority["trustedIdentities"] = json!(self.identities);
        }
        spec(&json!({
            "trust": { "t": { "notation": stores } },
            "authorities": { "a": { "notation": authority } },
            "rules": [{ "images": ["reg.test/app"], "require": "a" }],
        }))
    }

    fn document(&self, root: &str) -> Value {
        let mut named = vec![format!("{}:acme", self.store)];
        let mut stores = json!({ self.store: { "acme": [root] } });
        if !self.tsa.is_empty() {
            named.push("tsa:stamps".to_owned());
            stores["tsa"] = json!({ "stamps": self.tsa });
        }
        let mut statement = json!({
            "name": "a",
            "registryScopes": ["reg.test/app"],
            "signatureVerification": merged(json!({ "level": "strict" }), &self.verification),
        });
        if statement["signatureVerification"]["level"] != "skip" {
            statement["trustStores"] = json!(named);
            statement["trustedIdentities"] = json!(self.identities);
        }
        let document = json!({ "version": "1.0", "trustPolicies": [statement] });
        let policy = merged(json!({ "document": document, "stores": stores }), &self.beside);
        spec(&json!({ "notationTrustPolicy": policy }))
    }
}

fn root(world: &World) -> String {
    pem(&world.root.issued_by(&world.root.as_issuer()))
}

/// What the image carries.
#[derive(Clone, Copy, Debug)]
enum Signature {
    Good,
    None,
    Expired,
    /// By a leaf that has expired.
    OldLeaf,
    /// Under a root that nobody trusts.
    Stranger,
    ByAuthority,
    /// By a leaf that a responder says to be revoked.
    Revoked,
    /// By a leaf whose list is two days old.
    OldList,
    /// With a timestamp, by an authority whose responder does not answer.
    Stamped,
}

use Signature::*;

fn tsa() -> Tsa {
    let mut tsa = Tsa::new("stamps", Key::p256("TSA"));
    tsa.leaf = with_ocsp(tsa.leaf, &["http://tsa/"]);
    tsa
}

fn tsa_root() -> Vec<String> {
    vec![pem(tsa().stamp().tsa.chain().last().unwrap())]
}

fn stamp(draft: &mut Draft) {
    let signature = countersign::envelope::jws::parse(&draft.build()).unwrap().signature;
    let tsa = tsa();
    let mut stamp = tsa.stamp();
    (stamp.bare, stamp.embedded, stamp.time) = (true, Embedded::Chain, NOW - HOUR + 60);
    draft.set_open(field(TIMESTAMP), Field::Bytes(stamp.make(&signature)));
}

/// [`ACME`], with a common name.
fn subject() -> Vec<u8> {
    let attribute = |(kind, value): (&str, &str)| {
        der::set_of(vec![der::seq(&[der::oid(kind), der::utf8(value)])])
    };
    let acme = [("2.5.4.6", "US"), ("2.5.4.8", "WA"), ("2.5.4.10", "Acme"), ("2.5.4.3", "build")];
    der::seq(&acme.map(attribute))
}

fn host(signature: Signature) -> Host {
    let world = World::new();
    let mut made = draft(&world, &Certificate { subject: subject(), ..world.leaf() });
    match signature {
        None => return Host::with(&[]),
        Good => {}
        Expired => {
            made.set(field(EXPIRY), Field::Time(NOW - 60));
            made.crit(&[SCHEME, EXPIRY]);
        }
        OldLeaf => {
            let leaf = Certificate { not_after: NOW - 60, ..world.leaf() };
            made = draft(&world, &leaf);
        }
        Stranger => {
            let root = Certificate { key: Key::p256("stranger"), ..World::new().root };
            let world = World { root, ..World::new() };
            made = draft(&world, &world.leaf());
        }
        ByAuthority => {
            made.by_authority(NOW - HOUR);
            made.crit(&[SCHEME, AUTHENTIC]);
        }
        Revoked => {
            let response = world.response().saying(|a| a.revoked(NOW - HOUR, Some(1))).make();
            let envelope = draft(&world, &world.leaf_with_ocsp()).build();
            return Host::with(&[envelope]).on(RESPONDER, response);
        }
        OldList => {
            let envelope = draft(&world, &world.leaf_with_crls(&[LIST])).build();
            let list = world.crl().from(NOW - 2 * DAY).make();
            return Host::with(&[envelope]).on(LIST, list);
        }
        Stamped => stamp(&mut made),
    }
    Host::with(&[made.build()])
}

type Row = (&'static str, Signature, Options, &'static str);

const TIME: &str = "authenticTimestamp.invalid";
const UNTRUSTED: &str = "authenticity.untrusted";
const IDENTITY: &str = "identity.untrusted";
/// Of the leaves of these tests.
const ACME: &str = "x509.subject: C=US, ST=WA, O=Acme";
const OTHER: &str = "x509.subject: C=US, ST=WA, O=Other";

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let level = |level: &str| verification(json!({ "level": level }));
    let over = |level: &str, validation: &str, action: &str| verification(json!({ "level": level, "override": { validation: action } }));
    let named = |identities| Options { identities, ..Options::default() };
    let named_at = |identities, level: &str| Options { identities, ..verification(json!({ "level": level })) };
    let store = |store| Options { store, ..Options::default() };
    let stamped = |verification| Options { tsa: tsa_root(), verification, ..Options::default() };
    let beside = |beside| Options { beside, ..Options::default() };
    let tsa_beside = |beside| Options { tsa: tsa_root(), beside, ..Options::default() };
    vec![
        ("level", Good, Options::default(), "allow"),
        ("level", Expired, Options::default(), "expiry.expired"),
        ("level", Expired, level("strict"), "expiry.expired"),
        ("level", Expired, level("permissive"), "allow"),
        ("level", Expired, level("audit"), "allow"),
        ("level", OldLeaf, level("strict"), TIME),
        ("level", OldLeaf, level("permissive"), "allow"),
        ("level", OldLeaf, level("audit"), "allow"),
        ("level", Stranger, level("strict"), UNTRUSTED),
        ("level", Stranger, level("permissive"), UNTRUSTED),
        ("level", Stranger, level("audit"), "allow"),
        ("level", Revoked, level("strict"), "revocation.revoked"),
        ("level", Revoked, level("permissive"), "allow"),
        ("level", Revoked, level("audit"), "allow"),
        ("level", None, level("audit"), "signatures.none"),
        ("level", None, level("skip"), "allow"),
        ("override", Expired, over("strict", "expiry", "log"), "allow"),
        ("override", Expired, over("permissive", "expiry", "enforce"), "expiry.expired"),
        ("override", Expired, over("strict", "authenticTimestamp", "log"), "expiry.expired"),
        ("override", OldLeaf, over("strict", "authenticTimestamp", "log"), "allow"),
        ("override", OldLeaf, over("audit", "authenticTimestamp", "enforce"), TIME),
        ("override", OldLeaf, over("strict", "expiry", "log"), TIME),
        ("override", Stranger, over("strict", "authenticity", "log"), "allow"),
        ("override", Stranger, over("audit", "authenticity", "enforce"), UNTRUSTED),
        ("override", Stranger, over("strict", "revocation", "log"), UNTRUSTED),
        ("override", Revoked, over("strict", "revocation", "log"), "allow"),
        ("override", Revoked, over("strict", "revocation", "skip"), "allow"),
        ("override", Revoked, over("audit", "revocation", "enforce"), "revocation.revoked"),
        ("trustedIdentities", Good, named(&[ACME]), "allow"),
        ("trustedIdentities", Good, named(&[OTHER]), IDENTITY),
        ("trustedIdentities", Good, named(&[OTHER, ACME]), "allow"),
        ("trustedIdentities", Good, named_at(&[OTHER], "permissive"), IDENTITY),
        ("trustedIdentities", Good, named_at(&[OTHER], "audit"), "allow"),
        ("ca", ByAuthority, Options::default(), UNTRUSTED),
        ("signingAuthority", ByAuthority, store("signingAuthority"), "allow"),
        ("signingAuthority", Good, store("signingAuthority"), UNTRUSTED),
        ("tsa", Good, stamped(json!({})), "timestamp.absent"),
        ("verifyTimestamp", Good, stamped(json!({ "verifyTimestamp": "always" })), "timestamp.absent"),
        ("verifyTimestamp", Good, stamped(json!({ "verifyTimestamp": "afterCertExpiry" })), "allow"),
        ("verifyTimestamp", OldLeaf, stamped(json!({ "verifyTimestamp": "afterCertExpiry" })), "timestamp.absent"),
        ("verifyTimestamp", ByAuthority, Options { store: "signingAuthority", ..stamped(json!({})) }, "allow"),
        ("tsaRevocation", Stamped, tsa_beside(json!({})), "revocation.unknown"),
        ("tsaRevocation", Stamped, tsa_beside(json!({ "tsaRevocation": "enforce" })), "revocation.unknown"),
        ("tsaRevocation", Stamped, tsa_beside(json!({ "tsaRevocation": "log" })), "allow"),
        ("tsaRevocation", Stamped, tsa_beside(json!({ "tsaRevocation": "skip" })), "allow"),
        ("maxEvidenceAge", OldList, beside(json!({})), "allow"),
        ("maxEvidenceAge", OldList, beside(json!({ "maxEvidenceAge": "3d" })), "allow"),
        ("maxEvidenceAge", OldList, beside(json!({ "maxEvidenceAge": "1d" })), "revocation.unknown"),
        ("profile", Good, beside(json!({ "profile": "compat" })), "allow"),
        ("profile", Expired, beside(json!({ "profile": "compat" })), "expiry.expired"),
    ]
}

#[test]
fn both_kinds_of_policy_say_the_same() {
    let root = root(&World::new());
    let mut wrong = Vec::new();
    let rows = rows();
    for (option, signature, options, expected) in &rows {
        let native = options.native(&root);
        for (words, policy) in [("native", &native), ("document", &options.document(&root))] {
            let found = host(*signature).decide(policy).verdict();
            if found != *expected {
                wrong.push(format!("{option}, {words}, {signature:?}: {found}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every member that the schema has for a Notation authority has a row above or a test below.
#[test]
fn every_option_of_the_schema_is_here() {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/policy.v1.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    let members = |pointer: &str| -> Vec<String> {
        let members = schema.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
        members.as_object().unwrap().keys().cloned().collect()
    };
    let rows = rows();
    // `trust` is what the three stores are under; `userMetadata` is ours alone.
    for member in members("/$defs/notation/properties") {
        let is_elsewhere = matches!(member.as_str(), "trust" | "userMetadata");
        assert!(is_elsewhere || rows.iter().any(|row| row.0 == member), "no row of `{member}`");
    }
    for store in ["ca", "signingAuthority", "tsa"] {
        assert!(rows.iter().any(|row| row.0 == store), "no row of `{store}`");
    }
    for validation in members("/$defs/override/properties") {
        let is_there = |row: &&Row| row.2.verification["override"].get(&validation).is_some();
        assert!(rows.iter().any(|row| is_there(&row)), "no row that overrides `{validation}`");
    }
}

/// The document has no such option: notation takes it on the command line.
#[test]
fn user_metadata_is_asked_for_natively() {
    let world = World::new();
    let mut made = draft(&world, &world.leaf());
    let payload = String::from_utf8(made.payload.clone()).unwrap();
    made.payload =
        payload.replace(r#""digest""#, r#""annotations":{"build":"123"},"digest""#).into_bytes();
    let host = Host::with(&[made.build()]);
    for (metadata, expected) in [
        (json!({}), "allow"),
        (json!({ "build": "123" }), "allow"),
        (json!({ "build": "124" }), "metadata.mismatch"),
        (json!({ "build": "123", "env": "prod" }), "metadata.mismatch"),
    ] {
        for level in ["strict", "audit"] {
            let beside = json!({ "userMetadata": metadata, "level": level });
            let options = Options { beside, ..Options::default() };
            let decided = host.decide(&options.native(&root(&world)));
            assert_eq!(decided.verdict(), expected, "{metadata} {level}");
        }
    }
}

/// Scopes, and more than one statement: here rules, there `registryScopes`.
#[test]
fn each_repository_has_its_own_statement() {
    let world = World::new();
    let root = root(&world);
    let host = host(Good);
    let statement = |name: &str, scope: &str, identity: &str| json!({ "name": name, "registryScopes": [scope], "signatureVerification": { "level": "strict" }, "trustStores": ["ca:acme"], "trustedIdentities": [identity] });
    let document = |statements: &[Value]| {
        let document = json!({ "version": "1.0", "trustPolicies": statements });
        spec(&json!({ "notationTrustPolicy": {
            "document": document,
            "stores": { "ca": { "acme": [root] } },
        } }))
    };
    let authority =
        |identity: &str| json!({ "notation": { "trust": "t", "trustedIdentities": [identity] } });
    let native = |rules: &[(&str, &str)]| {
        let rules: Vec<Value> =
            rules.iter().map(|(image, a)| json!({ "images": [image], "require": a })).collect();
        spec(&json!({
            "trust": { "t": { "notation": { "ca": [root] } } },
            "authorities": { "acme": authority(ACME), "other": authority(OTHER) },
            "rules": rules,
        }))
    };
    let (here, elsewhere) = ("reg.test/app", "reg.test/other");
    let verdict = |policy: &Value| -> Decided { host.decide(policy) };
    for (of_here, of_elsewhere, expected) in
        [((ACME, "acme"), (OTHER, "other"), "allow"), ((OTHER, "other"), (ACME, "acme"), IDENTITY)]
    {
        let in_words = document(&[
            statement("one", here, of_here.0),
            statement("two", elsewhere, of_elsewhere.0),
        ]);
        assert_eq!(verdict(&in_words).verdict(), expected);
        let in_rules = native(&[(here, of_here.1), (elsewhere, of_elsewhere.1)]);
        assert_eq!(verdict(&in_rules).verdict(), expected);
        // The statement of a repository is for it alone; `*` is for what has none. A rule for every
        // image is for this one too.
        let in_words =
            document(&[statement("one", here, of_here.0), statement("two", "*", of_elsewhere.0)]);
        assert_eq!(verdict(&in_words).verdict(), expected);
        let in_words = document(&[
            statement("one", elsewhere, of_elsewhere.0),
            statement("two", "*", of_here.0),
        ]);
        assert_eq!(verdict(&in_words).verdict(), expected);
        let in_rules = native(&[(here, of_here.1), ("**", of_elsewhere.1)]);
        assert_eq!(verdict(&in_rules).verdict(), IDENTITY);
    }
    assert_eq!(
        verdict(&document(&[statement("one", elsewhere, ACME)])).verdict(),
        "image.unmatched"
    );
    assert_eq!(verdict(&native(&[(elsewhere, "acme")])).verdict(), "image.unmatched");
}
