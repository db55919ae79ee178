//! Every case of the corpora: really signed images, a policy, the expected verdict.

mod support;

use countersign::wire::Outcome;

/// Each denial is asserted with its reason code; a policy that uses what this build does not
/// implement is refused as such, and stands in a list of its own that may not go stale.
#[test]
fn every_case_has_its_verdict_and_its_reason() {
    let reasons = support::table("reasons.tsv");
    let later = support::table("not-implemented.tsv");
    let mut wrong = Vec::new();
    let (mut passed, mut left) = (0, 0);
    for case in support::cases() {
        match support::decide_case(&case) {
            Err(codes) => {
                left += 1;
                if codes.iter().any(|c| c != "policy.notImplemented")
                    || !later.contains_key(&case.id)
                {
                    wrong.push(format!("{}: policy refused: {codes:?}", case.id));
                }
            }
            Ok((decision, _)) => {
                passed += 1;
                if later.contains_key(&case.id) {
                    wrong.push(format!("{}: listed as not implemented, and it is", case.id));
                }
                let outcome = match decision.outcome {
                    Outcome::Allow => "allow",
                    Outcome::Deny => "deny",
                    Outcome::Undetermined => "undetermined",
                };
                let code = decision.images[0].reason.as_ref().map(|r| r.code.as_str());
                if outcome != case.expect || code != reasons.get(&case.id).map(String::as_str) {
                    wrong.push(format!("{}\t{outcome}\t{}", case.id, code.unwrap_or("-")));
                }
            }
        }
    }
    println!("cases: {passed} judged, {left} not implemented");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((passed, left), (130 - later.len(), later.len()));
}
