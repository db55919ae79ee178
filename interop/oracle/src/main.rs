//! A second opinion: what sigstore-verify says to each case of a directory.
//!
//! A case is a directory with `bundle.json`, `trusted_root.json`, `artifact`, and either `identity`
//! and `issuer` or `key.pub`; a file `skip` has lines `tlog` and `sct` for what is not asked for.
//! One line per case: its name, a tab, `accept` or `refuse: why`.

use std::{env, error::Error, fs, path::Path, process::ExitCode};

use sigstore_verify::{
    PublicKeyVerificationPolicy, VerificationPolicy,
    trust_root::TrustedRoot,
    types::{Bundle, DerPublicKey},
    verify,
};

fn judge(case: &Path) -> Result<(), Box<dyn Error>> {
    let text = |name: &str| fs::read_to_string(case.join(name));
    let skip = text("skip").unwrap_or_default();
    let skips = |what: &str| skip.lines().any(|line| line == what);
    let root = TrustedRoot::from_json(&text("trusted_root.json")?)?;
    let bundle = Bundle::from_json(&text("bundle.json")?)?;
    let artifact = fs::read(case.join("artifact"))?;
    if let Ok(key) = text("key.pub") {
        let mut policy = PublicKeyVerificationPolicy::new(DerPublicKey::from_pem(&key)?);
        if skips("tlog") {
            policy = policy.skip_tlog_unsafe();
        }
        verify(&artifact, &bundle, &policy, &root)?;
        return Ok(());
    }
    let mut policy = VerificationPolicy::new(text("identity")?, text("issuer")?);
    if skips("tlog") {
        policy = policy.skip_tlog_unsafe();
    }
    if skips("sct") {
        policy = policy.skip_sct();
    }
    verify(&artifact, &bundle, &policy, &root)?;
    Ok(())
}

fn main() -> ExitCode {
    let Some(directory) = env::args_os().nth(1) else {
        eprintln!("usage: countersign-oracle DIRECTORY");
        return ExitCode::from(3);
    };
    let mut cases: Vec<_> = match fs::read_dir(&directory) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) => {
            eprintln!("{}: {error}", Path::new(&directory).display());
            return ExitCode::from(3);
        }
    };
    cases.retain(|case| case.is_dir());
    cases.sort();
    for case in cases {
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match judge(&case) {
            Ok(()) => println!("{name}\taccept"),
            Err(error) => {
                let mut why = error.to_string();
                let mut cause = error.source();
                while let Some(next) = cause {
                    why = format!("{why}: {next}");
                    cause = next.source();
                }
                println!("{name}\trefuse: {}", why.replace('\n', " "));
            }
        }
    }
    ExitCode::SUCCESS
}
