//! Who must have signed, as the policy document that says so.

use serde_json::{Map, Value, json};

/// Who must have signed, and whom to believe it.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Who.
    pub signer: Signer,
    /// The Sigstore instance whose words count.
    pub root: Root,
    /// An attestation with this predicate type is asked for. Without one, a signature and an
    /// attestation of any type are both good.
    pub predicate_type: Option<String>,
    /// Do not ask for an entry in the transparency log.
    pub ignore_log: bool,
    /// Ask for an RFC 3161 timestamp.
    pub need_timestamp: bool,
}

/// A signer.
#[derive(Clone, Debug)]
pub enum Signer {
    /// Whoever has this key: PEM.
    Key(String),
    /// Whoever the certificate names.
    Keyless {
        /// The OIDC issuer.
        issuer: Identity,
        /// The subject alternative name.
        subject: Identity,
    },
}

/// A text to be met.
#[derive(Clone, Debug)]
pub enum Identity {
    /// To the byte.
    Exact(String),
    /// By a regular expression, anchored at both ends.
    RegExp(String),
}

/// A trusted root.
#[derive(Clone, Debug)]
pub enum Root {
    /// Sigstore's public-good instance, as the module carries it.
    PublicGood,
    /// Sigstore's staging instance, as the module carries it.
    Staging,
    /// A `trusted_root.json`.
    Document(Value),
}

/// JSON pointers of the policy's parts, for messages.
pub(crate) mod place {
    pub(crate) const ROOT: &str = "/spec/trust/instance/sigstore/trustedRoot";
    pub(crate) const KEY: &str = "/spec/authorities/signer/cosign/keys";
    pub(crate) const IDENTITY: &str = "/spec/authorities/signer/cosign/keyless/0/subject";
    pub(crate) const ISSUER: &str = "/spec/authorities/signer/cosign/keyless/0/issuer";
    pub(crate) const PREDICATE_TYPE: &str = "/spec/rules/0/require/attestation/type";
}

impl Expectation {
    /// The policy document.
    pub fn policy(&self) -> Value {
        let mut cosign = Map::new();
        match &self.signer {
            Signer::Key(pem) => cosign.insert("keys".to_owned(), json!([pem])),
            Signer::Keyless { issuer, subject } => {
                let identity = Map::from_iter([issuer.field("issuer"), subject.field("subject")]);
                cosign.insert("keyless".to_owned(), json!([identity]))
            }
        };
        let root = match &self.root {
            Root::PublicGood => json!("embedded"),
            Root::Staging => json!("staging"),
            Root::Document(document) => document.clone(),
        };
        if self.ignore_log {
            cosign.insert("transparencyLog".to_owned(), json!("ignore"));
        }
        if self.need_timestamp {
            cosign.insert("timestamp".to_owned(), json!("required"));
        }
        let mut trust = Map::new();
        if !self.is_key_alone() {
            cosign.insert("trust".to_owned(), json!("instance"));
            trust.insert("instance".to_owned(), json!({ "sigstore": { "trustedRoot": root } }));
        }
        let attestation =
            |of_type: &str| json!({ "attestation": { "type": of_type, "signedBy": "signer" } });
        let require = match &self.predicate_type {
            Some(of_type) => attestation(of_type),
            None => json!({ "any": ["signer", attestation("*")] }),
        };
        json!({
            "apiVersion": "countersign.dev/v1",
            "kind": "ImagePolicy",
            "metadata": { "name": "command-line" },
            "spec": {
                "trust": trust,
                "authorities": { "signer": { "cosign": cosign } },
                "rules": [{ "blobs": ["**"], "require": require }],
            },
        })
    }

    /// With neither log nor timestamp nothing of an instance is needed.
    fn is_key_alone(&self) -> bool {
        matches!(self.signer, Signer::Key(_)) && self.ignore_log && !self.need_timestamp
    }
}

impl Identity {
    fn field(&self, name: &str) -> (String, Value) {
        match self {
            Self::Exact(text) => (name.to_owned(), json!(text)),
            Self::RegExp(text) => (format!("{name}RegExp"), json!(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign::policy::Policy;

    use super::*;

    const KEY: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
";

    fn keyless() -> Expectation {
        Expectation {
            signer: Signer::Keyless {
                issuer: Identity::Exact("https://accounts.example".to_owned()),
                subject: Identity::RegExp(".+@acme[.]test".to_owned()),
            },
            root: Root::PublicGood,
            predicate_type: None,
            ignore_log: false,
            need_timestamp: false,
        }
    }

    #[test]
    fn every_expectation_is_a_policy_that_the_core_accepts() {
        let signer = Signer::Key(KEY.to_owned());
        let by_key = Expectation { signer, ..keyless() };
        for root in [Root::PublicGood, Root::Staging] {
            for base in [keyless(), by_key.clone()] {
                for (ignore_log, need_timestamp) in [(false, false), (true, true), (false, true)] {
                    let root = root.clone();
                    let expectation =
                        Expectation { root, ignore_log, need_timestamp, ..base.clone() };
                    assert!(Policy::parse(&expectation.policy()).is_ok(), "{expectation:?}");
                }
            }
        }
        let alone = Expectation { ignore_log: true, ..by_key };
        assert!(Policy::parse(&alone.policy()).is_ok());
        assert_eq!(alone.policy()["spec"]["trust"], json!({}));
    }

    #[test]
    fn a_predicate_type_leaves_no_other_way() {
        let of_type = Some("https://slsa.dev/provenance/v1".to_owned());
        let policy = Expectation { predicate_type: of_type, ..keyless() }.policy();
        let expected = json!({ "attestation": {
            "type": "https://slsa.dev/provenance/v1", "signedBy": "signer" } });
        assert_eq!(policy["spec"]["rules"][0]["require"], expected);
        assert!(policy.pointer(place::PREDICATE_TYPE).is_some());
    }

    #[test]
    fn errors_are_found_at_the_places_that_the_messages_use() {
        let policy = keyless().policy();
        assert!(policy.pointer(place::ROOT).is_some() && policy.pointer(place::ISSUER).is_some());
        assert!(policy.pointer(&format!("{}RegExp", place::IDENTITY)).is_some());
        let signer = Signer::Key(KEY.to_owned());
        let policy = Expectation { signer, ..keyless() }.policy();
        assert!(policy.pointer(place::KEY).is_some());
    }
}
