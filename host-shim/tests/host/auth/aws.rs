use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign_host::auth::{AuthError, CredentialSource, Environment, aws::Aws};
use serde_json::json;

use super::{
    basic,
    fake::{Clock, Clouds, START, environment, fields, http, pairs, server},
    nothing,
};
use crate::{
    loopback::{Incoming, Loopback, Reply},
    scratch::Scratch,
};

const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const ECR: &str = "https://api.ecr.eu-west-1.amazonaws.com";
const STS: &str = "https://sts.eu-west-1.amazonaws.com";
const STATIC: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "s/ecret+Key")];
/// As a temporary identity is given out by all but STS.
const TEMPORARY: &str = r#"{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"s/ecret+Key","Token":"tok//en==","Expiration":"2026-11-21T04:00:00Z"}"#;

/// What STS answers, from 03:00 to `end`.
fn assumed(end: &str) -> String {
    format!(
        r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>system:serviceaccount:a:b</SubjectFromWebIdentityToken>
    <Credentials>
      <SessionToken>tok//en==</SessionToken>
      <SecretAccessKey>s/ecret+Key</SecretAccessKey>
      <Expiration>{end}</Expiration>
      <AccessKeyId>ASIAEXAMPLE</AccessKeyId>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"#
    )
}

/// ECR's answer with a password, for so many seconds from the start of the clock.
fn password(password: &str, seconds: u64) -> Reply {
    let token = STANDARD.encode(format!("AWS:{password}"));
    let end = (START + seconds) as f64 + 0.25;
    let data = json!({
        "authorizationData": [{
            "authorizationToken": token,
            "expiresAt": end,
            "proxyEndpoint": format!("https://{HOST}"),
        }],
    });
    Reply::new(200, data.to_string())
}

fn ecr(answer: &'static str) -> Box<dyn Fn(&Incoming) -> Reply + Send + Sync> {
    server(move |_| password(answer, 43_200))
}

/// An environment with a web identity.
fn web_identity(scratch: &Scratch, clock: &Clock) -> Environment {
    let token = scratch.write("token", "eyJh.eyJz.c2ln\n");
    environment(
        clock,
        &[
            ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/verifier"),
        ],
    )
}

#[test]
fn a_web_identity_assumes_its_role_and_signs_the_request_for_a_password() {
    let (scratch, clock) = (Scratch::new(), Clock::new());
    let clouds = Clouds::new([
        (STS, server(|_| Reply::new(200, assumed("2026-11-21T04:00:00Z")))),
        (ECR, ecr("pass:word")),
    ]);
    let source = Aws::new(clouds.clone(), &web_identity(&scratch, &clock));
    assert_eq!(source.find(HOST, "app"), Ok(basic("AWS", "pass:word")));
    assert_eq!(clouds.asked(), [format!("POST {STS}/"), format!("POST {ECR}/")]);

    let sts = &clouds.log(STS)[0];
    assert_eq!((sts.method.as_str(), sts.path.as_str()), ("POST", "/"));
    assert_eq!(sts.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(sts.header("authorization"), None);
    let expected = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", "arn:aws:iam::123456789012:role/verifier"),
        ("RoleSessionName", "countersign"),
        ("WebIdentityToken", "eyJh.eyJz.c2ln"),
    ];
    assert_eq!(fields(&sts.body), pairs(&expected));

    let ecr = &clouds.log(ECR)[0];
    assert_eq!((ecr.method.as_str(), ecr.path.as_str()), ("POST", "/"));
    assert_eq!(ecr.body, b"{}");
    let target = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
    assert_eq!(ecr.header("x-amz-target"), Some(target));
    assert_eq!(ecr.header("content-type"), Some("application/x-amz-json-1.1"));
    assert_eq!(ecr.header("x-amz-date"), Some("20261121T030000Z"));
    assert_eq!(ecr.header("x-amz-security-token"), Some("tok//en=="));
    // Made by botocore 1.44.5 of the same request, keys and time.
    let signature = "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/20261121/eu-west-1/ecr/aws4_request, \
        SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, \
        Signature=f874771bf8c2abef8783e4d38eb7a0f645559e965d76d67de7a29a2d96ab8f0e";
    assert_eq!(ecr.header("authorization"), Some(signature));
}

#[test]
fn the_public_registry_is_asked_for_where_it_was_asked_for() {
    const PUBLIC: &str = "https://api.ecr-public.us-east-1.amazonaws.com";
    let clock = Clock::new();
    let answer =
        r#"{"authorizationData":{"authorizationToken":"QVdTOnA=","expiresAt":1795240000}}"#;
    let clouds = Clouds::new([(PUBLIC, server(move |_| Reply::new(200, answer)))]);
    let environment = environment(&clock, &STATIC);
    nothing(&Aws::new(clouds.clone(), &environment), "public.ecr.aws", "a/b");
    let source = Aws::new(clouds.clone(), &environment).and_the_public_registry();
    assert_eq!(source.find("public.ecr.aws", "a/b"), Ok(basic("AWS", "p")));
    let asked = &clouds.log(PUBLIC)[0];
    let target = "SpencerFrontendService.GetAuthorizationToken";
    assert_eq!(asked.header("x-amz-target"), Some(target));
    assert_eq!(asked.header("x-amz-security-token"), None);
    // Made by botocore 1.44.5 of the same request, keys and time.
    let signature = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261121/us-east-1/ecr-public/aws4_request, \
        SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
        Signature=10429b2cf4a5aa54e0353359239e957d43e563b0ed35ec6614848352e993761b";
    assert_eq!(asked.header("authorization"), Some(signature));
}

#[test]
fn passwords_and_keys_are_renewed_before_they_end_and_not_earlier() {
    let (scratch, clock) = (Scratch::new(), Clock::new());
    let clouds = Clouds::new([
        (STS, server(|_| Reply::new(200, assumed("2026-11-21T04:00:00Z")))),
        (ECR, ecr("p")),
    ]);
    let source = Aws::new(clouds.clone(), &web_identity(&scratch, &clock));
    let rounds = || (clouds.log(STS).len(), clouds.log(ECR).len());
    for repository in ["a", "b"] {
        source.find(HOST, repository).unwrap();
    }
    // Another account of the region has the same password.
    source.find(&HOST.replace('1', "2").replace("eu-west-2", "eu-west-1"), "a").unwrap();
    assert_eq!(rounds(), (1, 1));
    clock.pass(43_200 - 301);
    source.find(HOST, "a").unwrap();
    assert_eq!(rounds(), (1, 1));
    clock.pass(1);
    source.find(HOST, "a").unwrap();
    assert_eq!(rounds(), (2, 2));
}

#[test]
fn each_region_is_asked_at_its_own_place() {
    let clock = Clock::new();
    let other = "https://api.ecr.cn-north-1.amazonaws.com.cn";
    let clouds = Clouds::new([(ECR, ecr("west")), (other, ecr("north"))]);
    let source = Aws::new(clouds, &environment(&clock, &STATIC));
    assert_eq!(source.find(HOST, "a"), Ok(basic("AWS", "west")));
    let china = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn";
    assert_eq!(source.find(china, "a"), Ok(basic("AWS", "north")));
}

#[test]
fn a_pod_identity_is_shown_to_the_agent_on_the_node() {
    let (scratch, clock) = (Scratch::new(), Clock::new());
    let token = scratch.write("token", "pod-token\n");
    for (variables, origin, path, shown) in [
        (
            vec![
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.to_str().unwrap()),
            ],
            "http://169.254.170.23",
            "/v1/credentials",
            Some("pod-token"),
        ),
        (
            vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://[fd00:ec2::23]/v1/credentials")],
            "http://[fd00:ec2::23]",
            "/v1/credentials",
            None,
        ),
        (
            vec![
                ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/4a?x=1"),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc"),
            ],
            "http://169.254.170.2",
            "/v2/credentials/4a?x=1",
            Some("Basic abc"),
        ),
    ] {
        let clouds =
            Clouds::new([(origin, server(|_| Reply::new(200, TEMPORARY))), (ECR, ecr("p"))]);
        let source = Aws::new(clouds.clone(), &environment(&clock, &variables));
        assert_eq!(source.find(HOST, "a"), Ok(basic("AWS", "p")));
        let asked = &clouds.log(origin)[0];
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", path));
        assert_eq!(asked.header("authorization"), shown);
        let signed = &clouds.log(ECR)[0];
        assert_eq!(signed.header("x-amz-security-token"), Some("tok//en=="));
    }
}

#[test]
fn an_instance_gives_its_role_by_version_2_of_the_metadata_service() {
    const METADATA: &str = "http://169.254.169.254";
    let clock = Clock::new();
    let metadata = server(|incoming| {
        let token = incoming.header("x-aws-ec2-metadata-token");
        let role = "/latest/meta-data/iam/security-credentials/";
        match (incoming.method.as_str(), incoming.path.as_str(), token) {
            ("PUT", "/latest/api/token", None) => Reply::new(200, "imds=="),
            ("GET", path, Some("imds==")) if path == role => Reply::new(200, "node-role\n"),
            ("GET", path, Some("imds==")) if path == format!("{role}node-role") => {
                Reply::new(200, TEMPORARY)
            }
            _ => Reply::new(401, ""),
        }
    });
    let clouds = Clouds::new([(METADATA, metadata), (ECR, ecr("p"))]);
    let source = Aws::new(clouds.clone(), &environment(&clock, &[]));
    assert_eq!(source.find(HOST, "a"), Ok(basic("AWS", "p")));
    let first = &clouds.log(METADATA)[0];
    assert_eq!(first.header("x-aws-ec2-metadata-token-ttl-seconds"), Some("21600"));

    let off = environment(&clock, &[("AWS_EC2_METADATA_DISABLED", "true")]);
    let clouds = Clouds::new([]);
    let error = Aws::new(clouds.clone(), &off).find(HOST, "a").unwrap_err();
    assert!(matches!(error, AuthError::Misconfigured { .. }), "{error:?}");
    assert!(error.to_string().contains("this process has no identity"), "{error}");
    assert!(clouds.asked().is_empty());
}

#[test]
fn services_are_where_the_environment_says() {
    let (scratch, clock) = (Scratch::new(), Clock::new());
    let sts = Loopback::start(|_| Reply::new(200, assumed("2026-11-21T04:00:00Z")));
    let ecr = Loopback::start(|_| password("p", 43_200));
    let token = scratch.write("token", "t");
    let (sts_url, ecr_url) = (format!("http://{}", sts.host), format!("http://{}/base", ecr.host));
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ("AWS_ENDPOINT_URL_STS", &sts_url),
        ("AWS_ENDPOINT_URL", &ecr_url),
    ];
    let source = Aws::new(Arc::new(http()), &environment(&clock, &variables));
    assert_eq!(source.find(HOST, "a"), Ok(basic("AWS", "p")));
    assert_eq!(ecr.log()[0].path, "/base");
    assert_eq!(ecr.log()[0].header("host"), Some(ecr.host.as_str()));
    assert_eq!((sts.log().len(), ecr.log().len()), (1, 1));
}

#[test]
fn an_endpoint_that_anybody_could_read_along_is_refused() {
    let clock = Clock::new();
    let [id, secret] = STATIC;
    for (variables, expected) in [
        (vec![id, secret, ("AWS_ENDPOINT_URL", "http://ecr.example")], "neither https nor"),
        (vec![id, secret, ("AWS_ENDPOINT_URL_ECR", "ftp://ecr.example")], "neither https nor"),
        (vec![id, secret, ("AWS_ENDPOINT_URL", "https://u:p@ecr.example")], "a user in it"),
        (vec![id, secret, ("AWS_ENDPOINT_URL", "https://ecr.example/?a=b")], "a plain path"),
        (vec![id, secret, ("AWS_REGION", "evil.com/")], "is no region"),
        (
            vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23.evil.com/")],
            "neither",
        ),
        (vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1/")], "neither https nor"),
        (vec![("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.com/")], "begin with `/`"),
        (vec![("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/a@b")], "a user in it"),
        (vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://10.0.0.1")], "neither https nor"),
    ] {
        let clouds = Clouds::new([]);
        let source = Aws::new(clouds.clone(), &environment(&clock, &variables));
        let error = source.find(HOST, "a").unwrap_err();
        assert!(matches!(error, AuthError::Misconfigured { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(clouds.asked().is_empty(), "{variables:?}");
    }
}

#[test]
fn what_is_missing_from_the_environment_is_said() {
    let (scratch, clock) = (Scratch::new(), Clock::new());
    let token = scratch.write("token", "t");
    let lines = scratch.write("lines", "a\nb");
    let role = ("AWS_ROLE_ARN", "arn");
    let file = |path: &'static str| ("AWS_WEB_IDENTITY_TOKEN_FILE", path);
    let leak = |path: &std::path::Path| -> &'static str {
        Box::leak(path.to_str().unwrap().to_owned().into_boxed_str())
    };
    for (variables, expected) in [
        (vec![STATIC[0]], "AWS_SECRET_ACCESS_KEY: is not set, and AWS_ACCESS_KEY_ID is"),
        (vec![STATIC[0], STATIC[1], ("AWS_SESSION_TOKEN", "a\nb")], "has characters that no key"),
        (vec![file(leak(&token))], "AWS_ROLE_ARN: is not set, and AWS_WEB_IDENTITY_TOKEN_FILE is"),
        (vec![file("/nowhere/token"), role], "`/nowhere/token`: is not there"),
        (vec![file(leak(&lines)), role], "lines`: holds no token"),
    ] {
        let clouds = Clouds::new([]);
        let error = Aws::new(clouds.clone(), &environment(&clock, &variables)).find(HOST, "a");
        let error = error.unwrap_err();
        assert!(matches!(error, AuthError::Misconfigured { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(clouds.asked().is_empty());
    }
}

#[test]
fn who_refuses_has_refused_and_who_is_silent_may_answer_later() {
    let xml = |code: &str| {
        format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>hm</Message></Error></ErrorResponse>"
        )
    };
    let denied = r#"{"__type":"AccessDeniedException","message":"not you"}"#;
    for (sts, ecr, is_denied, expected) in [
        (
            Reply::new(403, xml("AccessDenied")),
            None,
            true,
            "AWS STS refuses credentials: status 403 AccessDenied hm",
        ),
        (Reply::new(400, xml("ExpiredTokenException")), None, true, "ExpiredTokenException"),
        (Reply::new(400, xml("Throttling")), None, false, "status 400 Throttling hm"),
        (Reply::new(503, ""), None, false, "AWS STS gives no credentials: status 503"),
        (Reply::new(200, "<html>"), None, false, "has no `AccessKeyId`"),
        (Reply::new(200, assumed("later")), None, false, "`Expiration` that is no time"),
        (
            Reply::new(200, assumed("2026-11-21T04:00:00Z").replace("tok//en==", "a&#13;b")),
            None,
            false,
            "has no `SessionToken`",
        ),
        (Reply::new(302, "").with("Location", "https://evil.com/"), None, false, "status 302"),
        (
            Reply::default(),
            Some(Reply::new(400, denied)),
            true,
            "AWS ECR in `eu-west-1` refuses credentials: status 400 AccessDeniedException not you",
        ),
        (Reply::default(), Some(Reply::new(500, "")), false, "status 500"),
        (Reply::default(), Some(Reply::new(200, "<html>")), false, "is not JSON"),
        (Reply::default(), Some(Reply::new(200, "{}")), false, "has no `authorizationData`"),
        (
            Reply::default(),
            Some(Reply::new(
                200,
                r#"{"authorizationData":[{"authorizationToken":"hunter2","expiresAt":1}]}"#,
            )),
            false,
            "no user name and password",
        ),
        (
            Reply::default(),
            Some(Reply::new(200, r#"{"authorizationData":[{"authorizationToken":"QVdTOnA="}]}"#)),
            false,
            "how long it holds",
        ),
        (
            Reply::default(),
            Some(Reply::new(200, vec![b'x'; 3 << 20])),
            false,
            "larger than 2097152 bytes",
        ),
    ] {
        let (scratch, clock) = (Scratch::new(), Clock::new());
        let sts =
            if ecr.is_some() { Reply::new(200, assumed("2026-11-21T04:00:00Z")) } else { sts };
        let ecr = ecr.unwrap_or_default();
        let clouds =
            Clouds::new([(STS, server(move |_| sts.clone())), (ECR, server(move |_| ecr.clone()))]);
        let source = Aws::new(clouds.clone(), &web_identity(&scratch, &clock));
        let error = source.find(HOST, "a").unwrap_err();
        let text = error.to_string();
        assert_eq!(matches!(error, AuthError::Denied { .. }), is_denied, "{text}");
        assert_eq!(matches!(error, AuthError::Unavailable { .. }), !is_denied, "{text}");
        assert!(text.contains(expected), "{text}");
        for secret in ["hunter2", "s/ecret", "eyJ", "tok//en"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn what_holds_is_used_while_the_service_is_silent() {
    let clock = Clock::new();
    let answered = std::sync::atomic::AtomicUsize::new(0);
    let flaky =
        server(move |_| match answered.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => password("p", 43_200),
            _ => Reply::new(503, ""),
        });
    let clouds = Clouds::new([(ECR, flaky)]);
    let source = Aws::new(clouds, &environment(&clock, &STATIC));
    assert_eq!(source.find(HOST, "a"), Ok(basic("AWS", "p")));
    clock.pass(43_200 - 200);
    assert_eq!(source.find(HOST, "a"), Ok(basic("AWS", "p")));
    clock.pass(200);
    assert!(matches!(source.find(HOST, "a"), Err(AuthError::Unavailable { .. })));
}

#[test]
fn no_other_host_gets_a_password_or_a_request() {
    let clock = Clock::new();
    let clouds = Clouds::new([(ECR, ecr("p"))]);
    let source = Aws::new(clouds.clone(), &environment(&clock, &STATIC)).and_the_public_registry();
    for host in [
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.com",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com:443",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com.",
        "evil.com@123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com@evil.com",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com#.evil.com",
        "evil.123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        "xx123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        "123456789012.dkr.ecr.eu-west-1.evilamazonaws.com",
        "ghcr.io",
        "public.ecr.aws.evil.com",
        "docker.io",
    ] {
        nothing(&source, host, "a");
        nothing(&source, host, HOST);
    }
    assert!(clouds.asked().is_empty());
    // Names are told apart as DNS does it.
    assert_eq!(source.find(&HOST.to_uppercase(), "a"), Ok(basic("AWS", "p")));
}

#[test]
fn the_environment_names_an_identity_or_does_not() {
    let named = |variables: &[(&str, &str)]| {
        Aws::is_named_in(&Environment::fixed(variables.iter().copied()))
    };
    assert!(named(&STATIC));
    assert!(named(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "x")]));
    assert!(named(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "x")]));
    assert!(!named(&[("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "")]));
}
