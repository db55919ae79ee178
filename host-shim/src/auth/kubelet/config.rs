//! `CredentialProviderConfig`
//! ([reference](https://kubernetes.io/docs/reference/config-api/kubelet-config.v1/)), read as strictly as
//! kubelet reads it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    auth::{AuthError, error::words, file, helper::is_name, keyring::Pattern},
    policy,
};

const CONFIG_VERSIONS: [&str; 3] =
    ["kubelet.config.k8s.io/v1", "kubelet.config.k8s.io/v1beta1", "kubelet.config.k8s.io/v1alpha1"];
/// The three differ in nothing that is used here.
const VERSIONS: [&str; 3] = [
    "credentialprovider.kubelet.k8s.io/v1",
    "credentialprovider.kubelet.k8s.io/v1beta1",
    "credentialprovider.kubelet.k8s.io/v1alpha1",
];
/// Files of one directory; clouds have one provider each.
const MAX_FILES: usize = 64;

/// One program, and for which images it is asked.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) name: String,
    pub(super) match_images: Vec<String>,
    pub(super) default_cache_duration: Duration,
    pub(super) api_version: String,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Config {
    api_version: String,
    kind: String,
    providers: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    name: String,
    match_images: Vec<String>,
    default_cache_duration: String,
    api_version: String,
    args: Option<Vec<String>>,
    env: Option<Vec<Variable>>,
    token_attributes: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    name: String,
    value: String,
}

/// The providers of a file, or of all the files of a directory in the order of their names.
pub(super) fn read(path: &Path) -> Result<Vec<Provider>, AuthError> {
    let mut providers: Vec<Provider> = Vec::new();
    for file in files(path)? {
        for provider in read_file(&file)? {
            if providers.iter().any(|other| other.name == provider.name) {
                let message = format!("the provider `{}` is there twice", provider.name);
                return Err(AuthError::misconfigured(file::name(&file), message));
            }
            providers.push(provider);
        }
    }
    Ok(providers)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, AuthError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let wrong = |what: String| AuthError::misconfigured(file::name(path), what);
    let failed = |e: std::io::Error| wrong(format!("cannot be read: {e}"));
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let named = |extension: &&str| file.extension().is_some_and(|e| e == *extension);
        if ["json", "yaml", "yml"].iter().any(named) && file.is_file() {
            files.push(file);
        }
        if files.len() > MAX_FILES {
            return Err(wrong(format!("has more than {MAX_FILES} files of configuration")));
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(wrong("has no `.json`, `.yaml` or `.yml` in it".to_owned())),
        false => Ok(files),
    }
}

fn read_file(path: &Path) -> Result<Vec<Provider>, AuthError> {
    let wrong = |what: String| AuthError::misconfigured(file::name(path), what);
    let bytes = file::read(path)?.ok_or_else(|| wrong("is not there".to_owned()))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("is not UTF-8".to_owned()))?;
    let value = policy::parse_yaml(text).map_err(wrong)?;
    let config: Config = serde_json::from_value(value)
        .map_err(|e| wrong(format!("is no CredentialProviderConfig: {e}")))?;
    if config.kind != "CredentialProviderConfig"
        || !CONFIG_VERSIONS.contains(&config.api_version.as_str())
    {
        let Config { kind, api_version, .. } = config;
        return Err(wrong(format!(
            "is a `{kind}` of `{api_version}`; expected CredentialProviderConfig of one of {}",
            CONFIG_VERSIONS.join(", ")
        )));
    }
    if config.providers.is_empty() {
        return Err(wrong("has no `providers`".to_owned()));
    }
    config
        .providers
        .into_iter()
        .map(|written| {
            let name = words(written.name.as_bytes());
            check(written).map_err(|what| wrong(format!("the provider `{name}` {what}")))
        })
        .collect()
}

fn check(written: Written) -> Result<Provider, String> {
    if !is_name(&written.name) || written.name.chars().all(|c| c == '.') {
        return Err("has a name that is no file name".to_owned());
    }
    if !VERSIONS.contains(&written.api_version.as_str()) {
        let (found, known) = (&written.api_version, VERSIONS.join(", "));
        return Err(format!("speaks `{found}`; expected one of {known}"));
    }
    if written.token_attributes.is_some() {
        return Err("has `tokenAttributes`: tokens of service accounts are made for Pods that a \
                    node runs, and cannot be had here"
            .to_owned());
    }
    if written.match_images.is_empty() {
        return Err("has no `matchImages`".to_owned());
    }
    if let Some(bad) = written.match_images.iter().find(|text| Pattern::of_image(text).is_none()) {
        return Err(format!("has `{bad}` in `matchImages`, which is no pattern of a registry"));
    }
    let default_cache_duration = duration(&written.default_cache_duration)
        .ok_or("has a `defaultCacheDuration` that is not such as `12h` or `10m30s`")?;
    let env = written.env.unwrap_or_default();
    if let Some(bad) = env.iter().find(|v| v.name.is_empty() || v.name.contains(['=', '\0'])) {
        return Err(format!("has `{}` in `env`, which is no name of a variable", bad.name));
    }
    Ok(Provider {
        name: written.name,
        match_images: written.match_images,
        default_cache_duration,
        api_version: written.api_version,
        args: written.args.unwrap_or_default(),
        env: env.into_iter().map(|variable| (variable.name, variable.value)).collect(),
    })
}

/// Go's durations ([ParseDuration](https://pkg.go.dev/time#ParseDuration)) that are not negative.
pub(super) fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * seconds;
        rest = after;
    }
    let parsed = Duration::try_from_secs_f64(total).ok();
    parsed.filter(|_| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        for (text, milliseconds) in [
            ("12h", 43_200_000),
            ("10m30s", 630_000),
            ("1.5h", 5_400_000),
            ("0s", 0),
            ("0", 0),
            ("300ms", 300),
            ("12h0m0s", 43_200_000),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for bad in
            ["", "12", "h", "-1h", "1d", "1h 2m", "1e3s", "1..2s", "99999999999999999999999h"]
        {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
