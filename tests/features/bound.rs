//! `boundTo`: for which name an image was signed, over what cosign has signed as
//! `127.0.0.1:5001/a/cosign-p256`.

use std::path::Path;

use countersign::policy::Policy;
use serde_json::{Value, json};

use crate::support::{
    self,
    layout::{Layout, Selector},
};

const NAME: &str = "127.0.0.1:5001/a/cosign-p256";

/// The code of the decision about the image under another name, or `allow`.
fn verdict(case: &str, bound: Option<&Value>, name: &str) -> String {
    let mut case = support::cases().into_iter().find(|c| c.id == case).unwrap();
    let place = case.reference.trim_start_matches("oci-layout:");
    let (directory, tag) = place.rsplit_once(':').unwrap();
    let directory = support::corpora().join(Path::new(directory));
    let layout = Layout::open(&directory, Some(Selector::Tag(tag.to_owned())), Some(name)).unwrap();
    if let Some(bound) = bound {
        case.policy["spec"]["authorities"]["signer"]["cosign"]["boundTo"] = bound.clone();
    }
    let policy = Policy::parse(&case.policy).unwrap();
    let request = support::request(layout.reference());
    let (decision, _) = support::decide(&policy, &request, &case.now, |f| layout.answer(f));
    let reason = decision.images[0].reason.as_ref();
    reason.map_or_else(|| "allow".to_owned(), |reason| reason.code.as_str().to_owned())
}

#[test]
fn a_signature_may_be_bound_to_the_name_that_was_signed() {
    let legacy = "cosign-a-cosign-p256-right-key";
    let repository = json!("repository");
    let mirror = json!({
        "to": "repository", "remaps": [{ "from": "mirror.test/quay", "to": "127.0.0.1:5001" }],
    });
    let elsewhere = "boundTo.mismatch";
    for (bound, name, expected) in [
        (None, "evil.test/a/cosign-p256", "allow"),
        (Some(&repository), NAME, "allow"),
        (Some(&repository), "evil.test/a/cosign-p256", elsewhere),
        (Some(&repository), "127.0.0.1:5001/a/other", elsewhere),
        (Some(&mirror), NAME, "allow"),
        (Some(&mirror), "mirror.test/quay/a/cosign-p256", "allow"),
        (Some(&mirror), "mirror.test/quayx/a/cosign-p256", elsewhere),
        (Some(&mirror), "mirror.test/quay/a/other", elsewhere),
    ] {
        assert_eq!(verdict(legacy, bound, name), expected, "{bound:?} {name}");
    }
    // A bundle says no name.
    let bundle = "cosign-b-cosign-p256-right-key";
    assert_eq!(verdict(bundle, None, NAME), "allow");
    assert_eq!(verdict(bundle, Some(&repository), NAME), elsewhere);
}
