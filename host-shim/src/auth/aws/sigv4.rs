//! Signature Version 4
//! ([docs](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html)), of
//! what is signed here: requests whose path needs no encoding, without a query.

use std::time::{SystemTime, UNIX_EPOCH};

use countersign::{
    crypto::{hex, sha256},
    time::Time,
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::identity::Keys;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What is signed beside the date and the session's token, which are added.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// Names in lower case.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
}

/// What makes a request a signed one.
pub(super) struct Signed {
    /// `X-Amz-Date`.
    pub(super) date: String,
    /// `Authorization`.
    pub(super) authorization: Zeroizing<String>,
}

/// Signs for a region and a service; nothing for a time that has no date.
pub(super) fn sign(
    request: &Request<'_>,
    keys: &Keys,
    (region, service): (&str, &str),
    now: SystemTime,
) -> Option<Signed> {
    let date = basic_format(now)?;
    let day = date.get(..8)?;
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let (canonical, names) = canonical(request, keys, &date);
    let text = format!("{ALGORITHM}\n{date}\n{scope}\n{}", hex(&sha256(canonical.as_bytes())));
    let key = signing_key(keys.secret.expose(), day, region, service)?;
    let signature = hex(&*hmac(&key, text.as_bytes())?);
    let authorization = Zeroizing::new(format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        keys.id
    ));
    Some(Signed { date, authorization })
}

/// The canonical request, and the names of its headers.
fn canonical(request: &Request<'_>, keys: &Keys, date: &str) -> (Zeroizing<String>, String) {
    let own = [("x-amz-date", Some(date)), ("x-amz-security-token", keys.session())];
    let own = own.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let mut headers: Vec<(&str, &str)> = request.headers.iter().copied().chain(own).collect();
    headers.sort_unstable();
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let mut text = Zeroizing::new(format!("{}\n{}\n\n", request.method, request.path));
    for (name, value) in headers {
        let value: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
        text.push_str(&format!("{name}:{}\n", value.join(" ")));
    }
    text.push_str(&format!("\n{names}\n{}", hex(&sha256(request.body))));
    (text, names)
}

fn signing_key(secret: &str, day: &str, region: &str, service: &str) -> Option<Mac256> {
    let secret = Zeroizing::new(format!("AWS4{secret}"));
    let day = hmac(secret.as_bytes(), day.as_bytes())?;
    let region = hmac(*day, region.as_bytes())?;
    let service = hmac(*region, service.as_bytes())?;
    hmac(*service, b"aws4_request")
}

type Mac256 = Zeroizing<[u8; 32]>;

fn hmac(key: impl AsRef<[u8]>, message: &[u8]) -> Option<Mac256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_ref()).ok()?;
    mac.update(message);
    Some(Zeroizing::new(mac.finalize().into_bytes().into()))
}

/// `20150830T123600Z`.
fn basic_format(time: SystemTime) -> Option<String> {
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let text = Time::from_unix(i64::try_from(seconds).ok()?).to_string();
    let text: String = text.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    (text.len() == 16 && text.ends_with('Z')).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::auth::Secret;

    /// Of AWS's test suite for Signature Version 4, which is carried by its SDKs, such as in
    /// <https://github.com/smithy-lang/smithy-rs/tree/main/aws/rust-runtime/aws-sigv4/aws-signing-test-suite/v4>.
    const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
    const BODY_HASH: &str = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";
    const HOST: (&str, &str) = ("host", "example.amazonaws.com");

    fn keys(session: Option<&str>) -> Keys {
        Keys {
            id: "AKIDEXAMPLE".to_owned(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session: session.map(Secret::new),
        }
    }

    fn at_2015_08_30() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_440_938_160)
    }

    #[test]
    fn signs_the_test_suite_of_aws_as_it_is_signed_there() {
        let form = "application/x-www-form-urlencoded";
        let utf8 = "application/x-www-form-urlencoded; charset=utf-8";
        let with_body = |kind| {
            vec![
                HOST,
                ("content-length", "13"),
                ("content-type", kind),
                ("x-amz-content-sha256", BODY_HASH),
            ]
        };
        for (name, method, headers, body, session, expected) in [
            (
                "get-vanilla",
                "GET",
                vec![HOST],
                "",
                None,
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "post-vanilla",
                "POST",
                vec![HOST],
                "",
                None,
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "post-header-key-sort",
                "POST",
                vec![("my-header1", "value1"), HOST],
                "",
                None,
                "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
            ),
            (
                "post-header-value-case",
                "POST",
                vec![HOST, ("my-header1", "VALUE1")],
                "",
                None,
                "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
            ),
            (
                "get-header-value-trim",
                "GET",
                vec![HOST, ("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
                "",
                None,
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            ),
            (
                "post-sts-header-before",
                "POST",
                vec![HOST],
                "",
                Some(TOKEN),
                "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
            (
                "post-x-www-form-urlencoded",
                "POST",
                with_body(form),
                "Param1=value1",
                None,
                "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
            ),
            (
                "post-x-www-form-urlencoded-parameters",
                "POST",
                with_body(utf8),
                "Param1=value1",
                None,
                "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422",
            ),
        ] {
            let request = Request { method, path: "/", headers: &headers, body: body.as_bytes() };
            let scope = ("us-east-1", "service");
            let signed = sign(&request, &keys(session), scope, at_2015_08_30()).unwrap();
            assert_eq!(signed.date, "20150830T123600Z", "{name}");
            let (before, signature) = signed.authorization.rsplit_once("Signature=").unwrap();
            assert_eq!(signature, expected, "{name}");
            let credential = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=";
            assert!(before.starts_with(credential), "{name}: {before}");
        }
    }

    /// <https://docs.aws.amazon.com/general/latest/gr/signature-v4-examples.html>
    #[test]
    fn derives_the_key_of_the_documentation() {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let key = signing_key(secret, "20120215", "us-east-1", "iam").unwrap();
        assert_eq!(hex(&*key), "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d");
    }

    #[test]
    fn a_time_without_a_date_signs_nothing() {
        assert_eq!(basic_format(UNIX_EPOCH - Duration::from_secs(1)), None);
        assert_eq!(basic_format(UNIX_EPOCH + Duration::from_secs(1 << 40)), None);
    }
}
