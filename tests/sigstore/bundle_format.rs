//! What is no bundle.

use countersign::verdict::Code;
use serde_json::{Value, json};

use crate::{
    sigstore::{base64, bundle::Version, keys::Key},
    world::{Fault, World, fault, keyed, keyless, keyless_dsse, v2},
};

const MALFORMED: Code = Code::EnvelopeMalformed;

fn edit(name: impl Into<String>, right: fn() -> World, change: fn(&mut Value)) -> Fault {
    fault(name, right, move |w| w.json.set(change), MALFORMED)
}

fn text(name: &str, change: impl Fn(String) -> String + Clone + 'static) -> Fault {
    fault(
        name,
        keyless,
        move |w| {
            let change = change.clone();
            w.bytes.set(move |bytes| {
                *bytes = change(String::from_utf8(bytes.clone()).unwrap()).into_bytes();
            });
        },
        MALFORMED,
    )
}

fn entry(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"][0]
}

fn remove(value: &mut Value, name: &str) {
    value.as_object_mut().unwrap().remove(name).unwrap();
}

pub(crate) fn faults() -> Vec<Fault> {
    let mut all = Vec::new();
    all.extend(media_types());
    all.extend(members());
    all.extend(twice());
    all.extend(values());
    all.extend(texts());
    all
}

fn media_types() -> Vec<Fault> {
    let mut all: Vec<_> = [
        "",
        "application/json",
        "application/vnd.dev.sigstore.bundle",
        "application/vnd.dev.sigstore.bundle+json",
        "application/vnd.dev.sigstore.bundle+json;version=0.4",
        "application/vnd.dev.sigstore.bundle+json;version=1.0",
        "application/vnd.dev.sigstore.bundle.v0.4+json",
        "application/vnd.dev.sigstore.bundle.v0.3",
        "application/vnd.dev.sigstore.bundle.v0.3+json ",
        "application/vnd.dev.sigstore.bundle.v0.3+json; charset=utf-8",
        "Application/vnd.dev.sigstore.bundle.v0.3+json",
    ]
    .map(|media_type| {
        fault(
            format!("media type {media_type:?}"),
            keyless,
            move |w| w.json.set(move |b| b["mediaType"] = json!(media_type)),
            MALFORMED,
        )
    })
    .into();
    all.extend([
        edit("no media type", keyless, |b| remove(b, "mediaType")),
        edit("a media type of null", keyless, |b| b["mediaType"] = Value::Null),
        edit("a media type that is a number", keyless, |b| b["mediaType"] = json!(3)),
        fault(
            "the host says that it is something else",
            keyless,
            |w| w.media_type = "application/json",
            Code::EnvelopeUnsupported,
        ),
    ]);
    all
}

/// Members that are missing, unknown or one too many.
fn members() -> Vec<Fault> {
    vec![
        edit("no verification material", keyless, |b| remove(b, "verificationMaterial")),
        edit("verification material of null", keyless, |b| b["verificationMaterial"] = Value::Null),
        edit("no content", keyless, |b| remove(b, "messageSignature")),
        edit("a message signature and an envelope", keyless, |b| {
            b["dsseEnvelope"] =
                json!({"payload": "", "payloadType": "x", "signatures": [{"sig": "AA=="}]});
        }),
        edit("an envelope and a message signature", keyless_dsse, |b| {
            b["messageSignature"] = json!({"signature": "AA=="});
        }),
        edit("no certificate and no key", keyless, |b| {
            remove(&mut b["verificationMaterial"], "certificate")
        }),
        edit("a certificate and a chain", keyless, |b| {
            let leaf = b["verificationMaterial"]["certificate"].clone();
            b["verificationMaterial"]["x509CertificateChain"] = json!({"certificates": [leaf]});
        }),
        edit("a certificate and a key", keyless, |b| {
            b["verificationMaterial"]["publicKey"] = json!({"hint": "x"});
        }),
        edit("a key and a certificate", keyed, |b| {
            b["verificationMaterial"]["certificate"] = json!({"rawBytes": "AA=="});
        }),
        fault(
            "an empty chain",
            || {
                World::keyless(&crate::sigstore::Sigstore::new(), |plan, _| {
                    plan.version(Version::V02)
                })
            },
            |w| {
                w.json.set(|b| {
                    b["verificationMaterial"]["x509CertificateChain"]["certificates"] = json!([]);
                });
            },
            MALFORMED,
        ),
        edit("an unknown member of the bundle", keyless, |b| b["more"] = json!(1)),
        edit("an unknown member of the material", keyless, |b| {
            b["verificationMaterial"]["more"] = json!(1)
        }),
        edit("an unknown member of the certificate", keyless, |b| {
            b["verificationMaterial"]["certificate"]["more"] = json!(1);
        }),
        edit("an unknown member of the key", keyed, |b| {
            b["verificationMaterial"]["publicKey"]["rawBytes"] = json!("AA==");
        }),
        edit("an unknown member of the signature", keyless, |b| {
            b["messageSignature"]["more"] = json!(1)
        }),
        edit("an unknown member of the digest", keyless, |b| {
            b["messageSignature"]["messageDigest"]["more"] = json!(1);
        }),
        edit("an unknown member of the envelope", keyless_dsse, |b| {
            b["dsseEnvelope"]["more"] = json!(1)
        }),
        edit("an unknown member of the envelope's signature", keyless_dsse, |b| {
            b["dsseEnvelope"]["signatures"][0]["more"] = json!(1);
        }),
        edit("an unknown member of an entry", keyless, |b| entry(b)["more"] = json!(1)),
        edit("an unknown member of a kind", keyless, |b| {
            entry(b)["kindVersion"]["more"] = json!(1)
        }),
        edit("an unknown member of a log's id", keyless, |b| entry(b)["logId"]["more"] = json!(1)),
        edit("an unknown member of a promise", keyless, |b| {
            entry(b)["inclusionPromise"]["more"] = json!(1)
        }),
        edit("an unknown member of a proof", keyless, |b| {
            entry(b)["inclusionProof"]["more"] = json!(1)
        }),
        edit("an unknown member of a checkpoint", keyless, |b| {
            entry(b)["inclusionProof"]["checkpoint"]["more"] = json!(1);
        }),
        edit("an unknown member of the timestamps", v2, |b| {
            b["verificationMaterial"]["timestampVerificationData"]["more"] = json!(1);
        }),
        edit("an unknown member of a timestamp", v2, |b| {
            let data = &mut b["verificationMaterial"]["timestampVerificationData"];
            data["rfc3161Timestamps"][0]["more"] = json!(1);
        }),
        edit("an entry without its log", keyless, |b| remove(entry(b), "logId")),
        edit("an entry without its kind", keyless, |b| remove(entry(b), "kindVersion")),
        edit("an entry without its body", keyless, |b| remove(entry(b), "canonicalizedBody")),
        edit("a proof without its root", keyless, |b| {
            remove(&mut entry(b)["inclusionProof"], "rootHash")
        }),
        edit("a message signature without the signature", keyless, |b| {
            remove(&mut b["messageSignature"], "signature");
        }),
        edit("an envelope without the payload", keyless_dsse, |b| {
            remove(&mut b["dsseEnvelope"], "payload")
        }),
        edit("an envelope without the type", keyless_dsse, |b| {
            remove(&mut b["dsseEnvelope"], "payloadType")
        }),
        edit("an envelope without signatures", keyless_dsse, |b| {
            b["dsseEnvelope"]["signatures"] = json!([])
        }),
        edit("an envelope with two signatures", keyless_dsse, |b| {
            let list = b["dsseEnvelope"]["signatures"].as_array_mut().unwrap();
            list.push(list[0].clone());
        }),
        edit("an envelope with another's signature before", keyless_dsse, |b| {
            let list = b["dsseEnvelope"]["signatures"].as_array_mut().unwrap();
            list.insert(0, json!({"sig": base64(&Key::p256("other").sign(b"x"))}));
        }),
    ]
}

/// Duplicate members, of which one reader takes the first and another one the last.
fn twice() -> Vec<Fault> {
    [
        "mediaType",
        "verificationMaterial",
        "messageSignature",
        "messageDigest",
        "signature",
        "certificate",
        "tlogEntries",
        "logIndex",
        "integratedTime",
        "canonicalizedBody",
        "inclusionProof",
        "hashes",
        "checkpoint",
        "envelope",
        "kindVersion",
    ]
    .map(|name| {
        text(&format!("`{name}` twice"), move |text| {
            let member = format!("\"{name}\":");
            text.replacen(&member, &format!("{member}null,{member}"), 1)
        })
    })
    .into()
}

fn values() -> Vec<Fault> {
    let url_safe = |text: &str| text.replace('+', "-").replace('/', "_");
    vec![
        edit("entries that are no list", keyless, |b| {
            b["verificationMaterial"]["tlogEntries"] = json!({});
        }),
        edit("an entry of null", keyless, |b| *entry(b) = Value::Null),
        edit("a certificate that is not base64", keyless, |b| {
            b["verificationMaterial"]["certificate"]["rawBytes"] = json!("*");
        }),
        edit("a certificate as PEM", keyless, |b| {
            let raw = &mut b["verificationMaterial"]["certificate"]["rawBytes"];
            *raw = json!(format!("-----BEGIN CERTIFICATE-----\n{}\n", raw.as_str().unwrap()));
        }),
        fault(
            "base64 for addresses",
            || {
                // A body whose base64 has no letter of its own would be the same.
                keyless_dsse()
            },
            move |w| {
                w.json.set(move |b| {
                    let raw = &mut b["verificationMaterial"]["certificate"]["rawBytes"];
                    let changed = url_safe(raw.as_str().unwrap());
                    assert_ne!(*raw, json!(changed));
                    *raw = json!(changed);
                });
            },
            MALFORMED,
        ),
        edit("base64 without its end", keyless, |b| {
            let signature = &mut b["messageSignature"]["signature"];
            let text = signature.as_str().unwrap().trim_end_matches('=').to_owned();
            *signature = json!(if text.len() % 4 == 0 { text[1..].to_owned() } else { text });
        }),
        edit("base64 with white space", keyless, |b| {
            let signature = &mut b["messageSignature"]["signature"];
            *signature = json!(format!("{}\n", signature.as_str().unwrap()));
        }),
        edit("a hash of the proof that is not base64", keyless, |b| {
            entry(b)["inclusionProof"]["hashes"][0] = json!("x");
        }),
        edit("an index in words", keyless, |b| entry(b)["logIndex"] = json!("seven")),
        edit("an index with a fraction", keyless, |b| entry(b)["logIndex"] = json!(7.5)),
        edit("an index with a sign", keyless, |b| entry(b)["logIndex"] = json!("+7")),
        edit("an index with white space", keyless, |b| entry(b)["logIndex"] = json!(" 7")),
        edit("an index beyond 63 bits", keyless, |b| {
            entry(b)["logIndex"] = json!("9223372036854775808")
        }),
        edit("a time beyond 63 bits", keyless, |b| {
            entry(b)["integratedTime"] = json!("9223372036854775808")
        }),
        edit("a digest of an unknown algorithm", keyless, |b| {
            b["messageSignature"]["messageDigest"]["algorithm"] = json!("SHA1");
        }),
        edit("a digest of no algorithm", keyless, |b| {
            b["messageSignature"]["messageDigest"]["algorithm"] =
                json!("HASH_ALGORITHM_UNSPECIFIED");
        }),
        fault(
            "an empty signature",
            keyless,
            |w| {
                w.json.set(|b| b["messageSignature"]["signature"] = json!(""));
            },
            Code::LogEntryMismatch,
        ),
        fault(
            "an empty digest",
            keyless,
            |w| {
                w.json.set(|b| b["messageSignature"]["messageDigest"]["digest"] = json!(""));
            },
            Code::SubjectMismatch,
        ),
        fault(
            "the digest under another label",
            keyless,
            |w| {
                w.json.set(|b| {
                    b["messageSignature"]["messageDigest"]["algorithm"] = json!("SHA2_512")
                });
            },
            Code::SubjectMismatch,
        ),
        // sigstore-python #1652.
        fault(
            "the digest of another artifact",
            keyless,
            |w| {
                w.json.set(|b| {
                    b["messageSignature"]["messageDigest"]["digest"] = json!(base64(&[0; 32]));
                });
            },
            Code::SubjectMismatch,
        ),
    ]
}

fn texts() -> Vec<Fault> {
    vec![
        text("no JSON", |_| "bundle".to_owned()),
        text("nothing", |_| String::new()),
        text("a list", |text| format!("[{text}]")),
        text("null", |_| "null".to_owned()),
        text("two documents", |text| format!("{text}{text}")),
        text("something after it", |text| format!("{text}x")),
        text("half of it", |text| text[..text.len() / 2].to_owned()),
        text("a comma after the last member", |text| format!("{},}}", &text[..text.len() - 1])),
        text("a comment", |text| format!("/* */{text}")),
        text("a byte order mark", |text| format!("\u{feff}{text}")),
        text("not a number", |text| text.replacen("\"logIndex\":\"4005\"", "\"logIndex\":NaN", 1)),
        text("a number of many digits", |text| {
            text.replacen("\"logIndex\":\"4005\"", &format!("\"logIndex\":{}", "1".repeat(1000)), 1)
        }),
        fault(
            "UTF-16",
            keyless,
            |w| {
                w.bytes.set(|bytes| *bytes = bytes.iter().flat_map(|b| [*b, 0]).collect());
            },
            MALFORMED,
        ),
        fault(
            "a byte that is no UTF-8",
            keyless,
            |w| {
                w.bytes.set(|bytes| bytes.splice(1..1, *b"\"\xff\":1,").for_each(drop));
            },
            MALFORMED,
        ),
    ]
}
