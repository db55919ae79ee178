use ed25519_dalek::{Signer, SigningKey};

use super::*;
use crate::crypto::Memo;

const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
const LOG: &str = "example.com/log";

fn key(seed: u8) -> (SigningKey, PublicKey) {
    let key = SigningKey::from_bytes(&[seed; 32]);
    // RFC 8410 §4.
    let prefix = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
    let spki = [&prefix[..], key.verifying_key().as_bytes()].concat();
    (key, PublicKey::from_spki_der(&spki).unwrap())
}

fn text() -> String {
    format!("{LOG}\n20852163\n{ROOT}\n")
}

fn line(name: &str, id: [u8; 4], signature: &[u8]) -> String {
    format!("— {name} {}\n", STANDARD.encode([&id[..], signature].concat()))
}

fn signed(text: &str, seed: u8, id: u8) -> String {
    line(LOG, [id; 4], &key(seed).0.sign(text.as_bytes()).to_bytes())
}

fn verifier(key: &PublicKey) -> NoteVerifier<'_> {
    NoteVerifier { key, scheme: Scheme::Ed25519, key_ids: vec![[1; 4]], name: Some(LOG) }
}

fn verify(note: &str) -> Result<(), NoteError> {
    let (_, key) = key(1);
    let spend = Spend::new(10, Memo::default());
    Checkpoint::parse(note).unwrap().verify(&verifier(&key), &spend).unwrap()
}

#[test]
fn a_checkpoint_is_read_whole() {
    let (_, key) = key(1);
    let body = format!("{}extension one\nextension two\n", text());
    let note = format!("{body}\n{}", signed(&body, 1, 1));
    let checkpoint = Checkpoint::parse(&note).unwrap();
    assert_eq!(checkpoint.origin, LOG);
    assert_eq!(checkpoint.size, 20_852_163);
    assert_eq!(STANDARD.encode(checkpoint.root), ROOT);
    assert_eq!(checkpoint.extensions, ["extension one", "extension two"]);
    assert_eq!(checkpoint.signed, body);
    assert_eq!(checkpoint.signatures.len(), 1);
    let spend = Spend::new(1, Memo::default());
    assert_eq!(checkpoint.verify(&verifier(&key), &spend), Ok(Ok(())));
    assert_eq!(spend.used(), 1);
}

#[test]
fn texts_that_are_not_checkpoints_are_refused() {
    use CheckpointError as E;
    let line = signed(&text(), 1, 1);
    let note = |text: &str, lines: &str| format!("{text}\n{lines}");
    let sized = |size: &str| note(&format!("{LOG}\n{size}\n{ROOT}\n"), &line);
    let rooted = |root: &str| note(&format!("{LOG}\n1\n{root}\n"), &line);
    let lined = |bad: &str| note(&text(), bad);
    let b64 = |bytes: &[u8]| STANDARD.encode(bytes);
    for (note, error) in [
        (String::new(), E::Form),
        (text(), E::Form),
        (note(&text(), ""), E::Form),
        (note(&text(), line.trim_end()), E::Form),
        (format!("{}{line}", text()), E::Form),
        (note(&format!("\n1\n{ROOT}\n"), &line), E::Origin),
        (note(&format!("1\n{ROOT}\n"), &line), E::Size),
        (note(&format!("{LOG}\n{ROOT}\n"), &line), E::Size),
        (note(&format!("{LOG}\n1\n"), &line), E::Root),
        (note(&format!("{LOG}\n"), &line), E::Size),
        (sized(""), E::Size),
        (sized("00"), E::Size),
        (sized("01"), E::Size),
        (sized("+1"), E::Size),
        (sized("-1"), E::Size),
        (sized("1 "), E::Size),
        (sized("0x1"), E::Size),
        (sized("1e3"), E::Size),
        (sized("18446744073709551616"), E::Size),
        (sized("١"), E::Size),
        (rooted(""), E::Root),
        (rooted(&b64(&[0; 31])), E::Root),
        (rooted(&b64(&[0; 33])), E::Root),
        (rooted(ROOT.trim_end_matches('=')), E::Root),
        (rooted(&ROOT.replace("2I=", "2J=")), E::Root),
        (note(&format!("{}x\n\ny\n", text()), &line), E::EmptyLine),
        (note(&format!("{}\n", text()), &line), E::EmptyLine),
        (note(&text().replace("log\n", "log\r\n"), &line), E::Control),
        (note(&text().replace("log\n", "lo\0g\n"), &line), E::Control),
        (lined(&line.replace('—', "-")), E::Signature),
        (lined(&line.replace("— ", "—")), E::Signature),
        (lined(&line.replace(LOG, "")), E::Signature),
        (lined(&line.replace(LOG, "a+b")), E::Signature),
        (lined(&line.replace(LOG, "a\u{a0}b")), E::Signature),
        (lined(&line.replace(LOG, "a b")), E::Signature),
        (lined(&format!("— {LOG} {}\n", b64(&[1; 4]))), E::Signature),
        (lined(&format!("— {LOG} {}\n", b64(&[1; 3]))), E::Signature),
        (lined(&format!("— {LOG} \n")), E::Signature),
        (lined(&format!("— {LOG}\n")), E::Signature),
        (lined(&line.replace(" \n", "\n").replace("=\n", "\n")), E::Signature),
        (lined(&format!("{line}x\n")), E::Signature),
    ] {
        assert_eq!(Checkpoint::parse(&note), Err(error), "{note:?}");
    }
    assert!(Checkpoint::parse(&sized("0")).is_ok());
    assert!(Checkpoint::parse(&sized("18446744073709551615")).is_ok());
}

#[test]
fn notes_are_bounded() {
    let (_, key) = key(1);
    let own = signed(&text(), 1, 1);
    let others = |n: usize| line("witness.example", [9; 4], &[0; 72]).repeat(n);
    let note = |lines: &str| format!("{}\n{lines}", text());
    let spend = Spend::new(1, Memo::default());
    let most = Checkpoint::parse(&note(&(others(99) + &own))).unwrap();
    assert_eq!(most.verify(&verifier(&key), &spend), Ok(Ok(())));
    let many = note(&(others(100) + &own));
    assert_eq!(Checkpoint::parse(&many), Err(CheckpointError::TooManySignatures));
    let million = note(&("— a AAAAAAA=\n".repeat(1_000_000) + &own));
    assert_eq!(Checkpoint::parse(&million), Err(CheckpointError::TooLarge));
    // Sixteen signatures of 5 kB have to be accepted.
    let large = line("pq.example", [9; 4], &[0; 5000]).repeat(15) + &own;
    assert!(Checkpoint::parse(&note(&large)).is_ok());
}

#[test]
fn lines_of_other_keys_are_ignored_wherever_they_are() {
    let own = signed(&text(), 1, 1);
    let witness = line("witness.example", [9; 4], &[0; 72]);
    let same_id = line("witness.example", [1; 4], &[0; 64]);
    let same_name = line(LOG, [2; 4], &[0; 64]);
    for lines in [
        own.clone(),
        format!("{own}{witness}"),
        format!("{witness}{own}"),
        format!("{witness}{same_id}{same_name}{own}"),
        format!("{own}{own}"),
    ] {
        assert_eq!(verify(&format!("{}\n{lines}", text())), Ok(()), "{lines}");
    }
    for lines in [witness, same_id, same_name] {
        let note = format!("{}\n{lines}", text());
        assert_eq!(verify(&note), Err(NoteError::Unsigned), "{lines}");
    }
}

#[test]
fn a_bad_signature_of_the_logs_key_spoils_the_checkpoint() {
    let own = signed(&text(), 1, 1);
    let note = |lines: String| format!("{}\n{lines}", text());
    let other_key = signed(&text(), 2, 1);
    let other_text = signed(&text().replace("20852163", "20852164"), 1, 1);
    for bad in [other_key, other_text, line(LOG, [1; 4], &[0; 64]), line(LOG, [1; 4], &[0])] {
        for lines in [bad.clone(), format!("{bad}{own}"), format!("{own}{bad}")] {
            assert_eq!(verify(&note(lines)), Err(NoteError::Invalid));
        }
    }
    let many = format!("{own}{own}{own}{own}{own}");
    assert_eq!(verify(&note(many)), Err(NoteError::TooMany));
}

#[test]
fn a_checkpoint_of_another_origin_is_refused() {
    let text = text().replace(LOG, "example.com/other");
    let note = format!("{text}\n{}", signed(&text, 1, 1));
    assert!(matches!(verify(&note), Err(NoteError::Origin { .. })));
    // Rekor v1 has no rule for names.
    let (_, key) = key(1);
    let spend = Spend::new(1, Memo::default());
    let unnamed = NoteVerifier { name: None, ..verifier(&key) };
    assert_eq!(Checkpoint::parse(&note).unwrap().verify(&unnamed, &spend), Ok(Ok(())));
}

#[test]
fn signatures_are_paid_for() {
    let (_, key) = key(1);
    let note = format!("{}\n{}", text(), signed(&text(), 1, 1));
    let spend = Spend::new(0, Memo::default());
    let result = Checkpoint::parse(&note).unwrap().verify(&verifier(&key), &spend);
    assert_eq!(result, Err(Exhausted));
}

#[test]
fn every_bit_of_a_checkpoint_counts() {
    let note = format!("{}\n{}", text(), signed(&text(), 1, 1));
    for at in 0..note.len() {
        for bit in 0..8 {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let (_, key) = key(1);
            let spend = Spend::new(10, Memo::default());
            let good = Checkpoint::parse(&changed)
                .is_ok_and(|c| c.verify(&verifier(&key), &spend) == Ok(Ok(())));
            assert!(!good, "byte {at}, bit {bit}: {changed}");
        }
    }
}
