//! What sigstore-verify says to each case of a directory.
//!
//! Cases are as tests/sigstore/dump.rs writes them. One line per case: its name, a tab, and `accept`,
//! `none` for what it has no word for, or `refuse: why`.

use std::{error::Error, fs, panic, path::Path};

use sigstore_verify::{
    PublicKeyVerificationPolicy, VerificationPolicy,
    trust_root::TrustedRoot,
    types::{Bundle, DerPublicKey},
    verify,
};

enum Answer {
    Accept,
    /// It has no such option.
    None,
    Refuse(String),
}

pub fn all(directory: &Path) -> Result<(), Box<dyn Error>> {
    let mut cases = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    cases.sort();
    panic::set_hook(Box::new(|_| {}));
    for case in cases {
        let name = case.file_name().unwrap_or_default().to_string_lossy();
        let answer = panic::catch_unwind(|| judge(&case).unwrap_or_else(refused))
            .unwrap_or_else(|_| Answer::Refuse("panic".to_owned()));
        match answer {
            Answer::Accept => println!("{name}\taccept"),
            Answer::None => println!("{name}\tnone"),
            Answer::Refuse(why) => {
                println!("{name}\trefuse: {}", why.replace(char::is_control, " "))
            }
        }
    }
    Ok(())
}

fn refused(error: Box<dyn Error>) -> Answer {
    let mut why = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        why = format!("{why}: {next}");
        cause = next.source();
    }
    Answer::Refuse(why)
}

fn judge(case: &Path) -> Result<Answer, Box<dyn Error>> {
    let text = |name: &str| fs::read_to_string(case.join(name));
    let ask = text("ask")?;
    let asks = |what: &str| ask.lines().any(|line| line == what);
    if asks("timestamp") && !asks("no-tlog") {
        return Ok(Answer::None);
    }
    let root = TrustedRoot::from_json(&text("trusted_root.json")?)?;
    let bundle = Bundle::from_json(&text("bundle.json")?)?;
    let artifact = fs::read(case.join("artifact"))?;
    if let Ok(key) = text("key.pub") {
        let mut policy = PublicKeyVerificationPolicy::new(DerPublicKey::from_pem(&key)?);
        if asks("no-tlog") {
            policy = policy.skip_tlog_unsafe();
        }
        verify(&artifact, &bundle, &policy, &root)?;
        return Ok(Answer::Accept);
    }
    let mut policy = VerificationPolicy::new(text("identity")?, text("issuer")?);
    if asks("no-tlog") {
        policy = policy.skip_tlog_unsafe();
    }
    if asks("no-sct") {
        policy = policy.skip_sct();
    }
    verify(&artifact, &bundle, &policy, &root)?;
    Ok(Answer::Accept)
}
