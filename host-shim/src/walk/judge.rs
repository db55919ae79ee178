//! A decision put beside what was found: which signature satisfies whom, or why not.

use std::collections::BTreeMap;

use countersign::{
    verdict::{Code, Reason},
    wire::{Kind, Mark, Node},
};
use serde::Serialize;

use super::Artifact;

/// What a policy makes of one signature, or of an attestation by what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The authority that was looked for; of an attestation's content, nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// The requirement that asks for the attestation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirement: Option<String>,
    /// How it came out.
    pub mark: Mark,
    /// Why, where it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// Verdicts by the candidate's name. One authority looks at the candidates of one name in their
/// order: the outer list is by authority, the inner by candidate.
type Verdicts = BTreeMap<String, Vec<(String, Vec<Verdict>)>>;

/// Notes on each signature what `explanation`, of a decision on that image, says of it. What it does
/// not mention gets an empty list: nobody asks for it, or enough was found before.
pub fn judged(image: &mut Artifact, explanation: &Node) {
    let mut verdicts = Verdicts::new();
    collect(explanation, &Place::default(), &mut verdicts);
    note(image, &verdicts, &mut BTreeMap::new());
}

/// Where in the explanation.
#[derive(Clone, Default)]
struct Place {
    path: String,
    authority: Option<String>,
    requirement: Option<String>,
}

fn collect(node: &Node, place: &Place, verdicts: &mut Verdicts) {
    let mut below = place.clone();
    match node.kind {
        Kind::Authority => below.authority = Some(node.name.clone()),
        Kind::Attestation => {
            below.requirement = Some(node.name.clone());
            below.authority = None;
        }
        Kind::Candidate => add(node, place, verdicts),
        Kind::Blob | Kind::Image | Kind::Rule | Kind::Tree | Kind::Check => {}
    }
    for (i, child) in node.children.iter().enumerate() {
        // Each look of an authority is one of its own.
        let counts = child.kind != Kind::Candidate || below.authority.is_none();
        let path = if counts { format!("{}/{i}", place.path) } else { place.path.clone() };
        collect(child, &Place { path, ..below.clone() }, verdicts);
    }
}

fn add(node: &Node, place: &Place, verdicts: &mut Verdicts) {
    let Place { authority, requirement, path } = place.clone();
    let is_content = authority.is_none();
    // Whose signature it is that fails is said by the authority below.
    if is_content && node.mark != Mark::Pass && says_below(node) {
        return;
    }
    let verdict = Verdict { authority, requirement, mark: node.mark, reason: reason(node) };
    let looks = verdicts.entry(node.name.clone()).or_default();
    match looks.iter_mut().find(|(of, _)| *of == path) {
        Some((_, look)) => look.push(verdict),
        None => looks.push((path, vec![verdict])),
    }
}

/// Its own reason, else that of the check that failed.
fn reason(node: &Node) -> Option<Reason> {
    let failed = |child: &&Node| child.kind == Kind::Check && child.mark != Mark::Pass;
    let below = || node.children.iter().find(failed)?.reason.clone();
    node.reason.clone().or_else(below)
}

/// Whether an authority below it says why it fails.
fn says_below(node: &Node) -> bool {
    node.reason.is_none()
        && node.children.iter().any(|child| {
            matches!(child.kind, Kind::Authority | Kind::Tree) && child.mark != Mark::Pass
        })
}

fn note(artifact: &mut Artifact, verdicts: &Verdicts, seen: &mut BTreeMap<String, usize>) {
    if let Some(name) = &artifact.candidate {
        artifact.verdicts = Some(nth(verdicts, name, 0));
    }
    for signature in &mut artifact.signatures {
        // Two signatures over the same payload have one name.
        let count = seen.entry(signature.candidate.clone()).or_default();
        let mut found = nth(verdicts, &signature.candidate, *count);
        *count += 1;
        if let Some(statement) = &signature.statement {
            found.extend(nth(verdicts, statement, 0));
        }
        signature.verdicts = Some(found);
    }
    for below in artifact.attached.iter_mut().chain(&mut artifact.platforms) {
        note(below, verdicts, seen);
    }
}

/// What each look says of the n-th candidate of that name, each thing once.
fn nth(verdicts: &Verdicts, name: &str, n: usize) -> Vec<Verdict> {
    let looks = verdicts.get(name).into_iter().flatten();
    let mut found: Vec<Verdict> = Vec::new();
    for verdict in looks.filter_map(|(_, look)| look.get(n)) {
        if !is_other_kind(verdict) && !found.contains(verdict) {
            found.push(verdict.clone());
        }
    }
    found
}

/// It was looked at only to see that it is something else than was asked for.
fn is_other_kind(verdict: &Verdict) -> bool {
    let code = verdict.reason.as_ref().map(|reason| reason.code);
    matches!(
        code,
        Some(
            Code::AttestationType
                | Code::CandidateOtherFamily
                | Code::PayloadNotAttestation
                | Code::PayloadNotSignature
        )
    )
}

#[cfg(test)]
mod tests {

    use super::{super::Signature, *};

    fn signature(candidate: &str, statement: Option<&str>) -> Signature {
        Signature {
            candidate: candidate.into(),
            statement: statement.map(str::to_owned),
            ..Signature::default()
        }
    }

    fn image(signatures: Vec<Signature>) -> Artifact {
        let tag = Artifact { signatures, ..Artifact::default() };
        Artifact { attached: vec![tag], ..Artifact::default() }
    }

    fn marks(image: &Artifact) -> Vec<Vec<(Option<&str>, Mark)>> {
        let all = image.attached.iter().flat_map(|a| &a.signatures);
        all.map(|s| {
            let verdicts = s.verdicts.as_ref().unwrap().iter();
            verdicts.map(|v| (v.authority.as_deref(), v.mark)).collect()
        })
        .collect()
    }

    #[test]
    fn two_signatures_of_one_name_get_a_verdict_each() {
        let wrong = Reason::of(Code::SignatureInvalid);
        let tried = vec![
            Node::refuse(Kind::Candidate, "t layer d", wrong),
            Node::pass(Kind::Candidate, "t layer d"),
        ];
        let explanation = Node::pass(Kind::Image, "x")
            .children(vec![Node::pass(Kind::Authority, "key").children(tried)]);
        let two =
            vec![signature("t layer d", None), signature("t layer d", None), signature("o", None)];
        let mut image = image(two);
        judged(&mut image, &explanation);
        let key = Some("key");
        assert_eq!(marks(&image), [vec![(key, Mark::Fail)], vec![(key, Mark::Pass)], vec![]]);
    }

    #[test]
    fn a_signed_statement_whose_content_fails_says_both() {
        let check = Node::refuse(Kind::Check, "maxAge", Reason::of(Code::AttestationStale));
        let authority = Node::pass(Kind::Authority, "ci")
            .children(vec![Node::pass(Kind::Candidate, "referrer b")]);
        let statement = Node { mark: Mark::Fail, ..Node::pass(Kind::Candidate, "statement s") };
        let statement = statement.children(vec![authority, check]);
        let explanation = Node::pass(Kind::Image, "x")
            .children(vec![Node::pass(Kind::Attestation, "vuln").children(vec![statement])]);
        let mut image = image(vec![signature("referrer b", Some("statement s"))]);
        judged(&mut image, &explanation);
        assert_eq!(marks(&image), [[(Some("ci"), Mark::Pass), (None, Mark::Fail)]]);
        let verdicts = image.attached[0].signatures[0].verdicts.as_ref().unwrap();
        assert_eq!(verdicts[1].reason.as_ref().unwrap().code, Code::AttestationStale);
        assert_eq!(verdicts[1].requirement.as_deref(), Some("vuln"));
    }

    #[test]
    fn what_an_authority_refuses_is_said_once() {
        let wrong = Reason::of(Code::SignatureInvalid);
        let authority = Node::refuse(Kind::Authority, "ci", wrong.clone())
            .children(vec![Node::refuse(Kind::Candidate, "referrer b", wrong)]);
        let statement = Node { mark: Mark::Fail, ..Node::pass(Kind::Candidate, "statement s") };
        let explanation = Node::pass(Kind::Image, "x").children(vec![
            Node::pass(Kind::Attestation, "vuln")
                .children(vec![statement.children(vec![authority])]),
        ]);
        let mut image = image(vec![signature("referrer b", Some("statement s"))]);
        judged(&mut image, &explanation);
        assert_eq!(marks(&image), [[(Some("ci"), Mark::Fail)]]);
    }
}
