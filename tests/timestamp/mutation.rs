//! One bit of a good token is changed: it is never accepted, but where nothing is signed or used.

use std::{collections::BTreeSet, fs};

use countersign::{
    crypto::{Memo, Spend},
    timestamp::{Token, verify},
};

use crate::{
    data::{Trust, certificate_file, not_run, vectors},
    made::{MESSAGE, named, stamp, store},
    sigstore::tsa::Embedded,
    tree::spans,
};

/// The paths of the elements of which a changed bit was accepted.
fn accepted(trust: &Trust, token: &[u8], message: &[u8]) -> BTreeSet<Vec<usize>> {
    // Signatures on certificates are known after the first.
    let memo = Memo::default();
    let good = |token: &[u8]| {
        let spend = Spend::new(100, memo.clone());
        Token::parse(token)
            .is_ok_and(|token| verify(&token, message, &trust.authority(), &spend).is_ok())
    };
    assert!(good(token));
    let spans = spans(token);
    let mut found = BTreeSet::new();
    let mut changed = token.to_vec();
    for at in 0..token.len() {
        for bit in 0..8 {
            changed[at] ^= 1 << bit;
            if good(&changed) {
                let inner = spans.iter().rfind(|span| span.whole.contains(&at)).unwrap();
                found.insert(inner.path.clone());
            }
            changed[at] ^= 1 << bit;
        }
    }
    found
}

/// Certificates that travel are nobody's word: what of them is not on the path to a root is inert,
/// and all of them where the trust material names the chain.
#[test]
fn no_changed_bit_of_a_bare_token_is_accepted() {
    let made = stamp();
    let token = made.make(MESSAGE);
    let root = made.tsa.chain().pop().unwrap();
    let root_at = spans(&token).into_iter().find(|s| token[s.whole.clone()] == root[..]).unwrap();
    let unused = accepted(&store(&made.tsa), &token, MESSAGE);
    assert!(!unused.is_empty() && unused.iter().all(|path| path.starts_with(&root_at.path)));
    let certificates = [0, 1, 0, 3];
    let unused = accepted(&named(&made.tsa), &token, MESSAGE);
    assert!(!unused.is_empty() && unused.iter().all(|path| path.starts_with(&certificates)));
    let mut alone = made;
    alone.embedded = Embedded::Nothing;
    let token = alone.make(MESSAGE);
    assert_eq!(accepted(&named(&alone.tsa), &token, MESSAGE), BTreeSet::new());
}

/// In a response, both statuses that grant are as good.
#[test]
fn no_changed_bit_of_a_response_is_accepted() {
    let mut made = stamp();
    (made.bare, made.embedded) = (false, Embedded::Nothing);
    let token = made.make(MESSAGE);
    let status = BTreeSet::from([vec![0, 0, 0]]);
    assert_eq!(accepted(&named(&made.tsa), &token, MESSAGE), status);
}

/// GlobalSign's brings a root that is not on the path.
#[test]
fn no_changed_bit_of_a_real_token_is_accepted() {
    let Some(vectors) = vectors("tspclient") else {
        return not_run("tspclient's vectors are not there");
    };
    let trust = Trust::root(certificate_file(&vectors.join("testdata/GlobalSignRootCA.crt")));
    let token = fs::read(vectors.join("testdata/TimeStampToken.p7s")).unwrap();
    let unused = accepted(&trust, &token, b"notation");
    assert!(unused.iter().all(|path| path.starts_with(&[0, 1, 0, 3, 3])), "{unused:?}");
}
