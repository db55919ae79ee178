//! Documents that are no envelopes: which format, which version.

use serde::Deserialize;

/// The members that say it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    spdx_version: Option<String>,
    bom_format: Option<String>,
    spec_version: Option<String>,
    version: Option<serde_json::Value>,
    #[serde(rename = "$schema")]
    schema: Option<String>,
}

/// What a document says that it is: `SBOM (SPDX 2.3)`.
pub(super) fn name(bytes: &[u8]) -> Option<String> {
    let head: Head = serde_json::from_slice(bytes).ok()?;
    if let Some(version) = head.spdx_version {
        return Some(format!("SBOM (SPDX {})", version.trim_start_matches("SPDX-")));
    }
    if let (Some(format), Some(version)) = (head.bom_format, head.spec_version) {
        return Some(format!("SBOM ({format} {version})"));
    }
    let is_sarif = head.schema.is_some_and(|schema| schema.contains("sarif"));
    match head.version {
        Some(serde_json::Value::String(version)) if is_sarif => {
            Some(format!("scan (SARIF {version})"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_version_of_a_format() {
        let named = |text: &str| name(text.as_bytes());
        assert_eq!(named(r#"{"spdxVersion":"SPDX-2.3","x":[{}]}"#).unwrap(), "SBOM (SPDX 2.3)");
        let bom = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1}"#;
        assert_eq!(named(bom).unwrap(), "SBOM (CycloneDX 1.6)");
        let sarif = r#"{"$schema":"https://x/sarif-2.1.0.json","version":"2.1.0"}"#;
        assert_eq!(named(sarif).unwrap(), "scan (SARIF 2.1.0)");
        assert_eq!(named("{}"), None);
        assert_eq!(named("<xml>"), None);
    }
}
