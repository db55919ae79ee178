//! One byte of a good envelope is changed: it is never accepted, but where nothing is signed.

use crate::{
    draft::{AGENT, Format},
    pki::Key,
    setup::{BOTH, Setup},
};

/// What may change without harm: the value of the unsigned signing agent, and in JWS its name.
const AGENT_VALUE: &str = "tests/1";

fn position(envelope: &[u8], part: &str) -> std::ops::Range<usize> {
    let start = envelope.windows(part.len()).position(|w| w == part.as_bytes()).unwrap();
    start..start + part.len()
}

fn every_byte(key: Key, masks: &[u8]) {
    for format in BOTH {
        let setup = Setup::signed_by(*format, key.clone());
        let envelope = setup.draft.build();
        assert!(setup.verify_bytes(&envelope).0.is_ok());
        let free = [position(&envelope, AGENT), position(&envelope, AGENT_VALUE)];
        let mut accepted_in_free = 0;
        for i in 0..envelope.len() {
            for mask in masks {
                let mut changed = envelope.clone();
                changed[i] ^= mask;
                let accepted = setup.verify_bytes(&changed).0.is_ok();
                if free.iter().any(|range| range.contains(&i)) {
                    accepted_in_free += usize::from(accepted);
                    continue;
                }
                assert!(
                    !accepted || is_agent_frame(*format, &envelope, i),
                    "{format:?}: byte {i} ^ {mask}"
                );
            }
        }
        assert!(accepted_in_free > 0, "the unsigned part is what it is said to be");
        println!("{} {format:?}: {} bytes", key.algorithm(), envelope.len());
    }
}

/// In COSE the heads of the agent's name and value (their types and lengths) are unsigned too.
fn is_agent_frame(format: Format, envelope: &[u8], i: usize) -> bool {
    let name = position(envelope, AGENT).start;
    let value = position(envelope, AGENT_VALUE).start;
    format == Format::Cose && (i + 2 == name || i + 1 == name || i + 1 == value)
}

#[test]
fn no_changed_byte_of_an_ecdsa_envelope_is_accepted() {
    every_byte(Key::p256("leaf"), &[0x01, 0x20, 0x80]);
}

#[test]
fn no_changed_byte_of_an_rsa_envelope_is_accepted() {
    every_byte(Key::rsa(2048), &[0x01, 0x20]);
}

#[test]
fn no_cut_envelope_is_accepted() {
    for format in BOTH {
        let setup = Setup::new(*format);
        let envelope = setup.draft.build();
        for length in 0..envelope.len() {
            assert!(
                setup.verify_bytes(&envelope[..length]).0.is_err(),
                "{format:?}: {length} bytes"
            );
        }
    }
}
