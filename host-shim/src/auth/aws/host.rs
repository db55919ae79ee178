//! Which hosts are ECR's, and where its API is for them
//! ([endpoints](https://docs.aws.amazon.com/general/latest/gr/ecr.html)).

/// The public registry's API is in one region only
/// ([docs](https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html)).
const PUBLIC_REGION: &str = "us-east-1";

/// Regions by the beginning of their names, and the domain of their partition
/// ([partitions](https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html)).
const PARTITIONS: [(&str, &str); 7] = [
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("", "amazonaws.com"),
];
/// Partitions that have registries with IPv6: by their domain, that of these registries and of the API
/// ([docs](https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html)).
const DUAL_STACK: [(&str, &str, &str); 2] = [
    ("amazonaws.com", "on.aws", "api.aws"),
    ("amazonaws.com.cn", "on.amazonwebservices.com.cn", "api.amazonwebservices.com.cn"),
];

/// A registry of ECR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ecr {
    pub(super) region: String,
    /// Host of the API.
    pub(super) endpoint: String,
    /// As the signature names the service.
    pub(super) service: &'static str,
    /// `X-Amz-Target`.
    pub(super) action: &'static str,
    /// The variable of this service's endpoint.
    pub(super) variable: &'static str,
}

impl Ecr {
    /// Label by label; nothing for a host that is not exactly one of ECR's.
    pub(super) fn parse(domain: &str) -> Option<Self> {
        if domain == "public.ecr.aws" {
            return Some(Self {
                region: PUBLIC_REGION.to_owned(),
                endpoint: format!("api.ecr-public.{PUBLIC_REGION}.amazonaws.com"),
                service: "ecr-public",
                action: "SpencerFrontendService.GetAuthorizationToken",
                variable: "AWS_ENDPOINT_URL_ECR_PUBLIC",
            });
        }
        let (account, rest) = domain.split_once('.')?;
        let (kind, region_and_suffix) = ["dkr.ecr", "dkr.ecr-fips", "dkr-ecr", "dkr-ecr-fips"]
            .into_iter()
            .find_map(|kind| Some((kind, rest.strip_prefix(kind)?.strip_prefix('.')?)))?;
        let (region, suffix) = region_and_suffix.split_once('.')?;
        if !is_account(account) || !is_region(region) {
            return None;
        }
        let plain = partition(region);
        let fips = if kind.ends_with("-fips") { "-fips" } else { "" };
        let endpoint = if kind.starts_with("dkr.") {
            let api = if fips.is_empty() { "api.ecr" } else { "ecr-fips" };
            (suffix == plain).then(|| format!("{api}.{region}.{plain}"))?
        } else {
            let own = |(of, on, _): &&(&str, &str, &str)| *of == plain && *on == suffix;
            let (_, _, api) = DUAL_STACK.iter().find(own)?;
            format!("ecr{fips}.{region}.{api}")
        };
        Some(Self {
            region: region.to_owned(),
            endpoint,
            service: "ecr",
            action: "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
            variable: "AWS_ENDPOINT_URL_ECR",
        })
    }

    pub(super) fn is_public(&self) -> bool {
        self.service == "ecr-public"
    }
}

/// Where STS is for a region.
pub(super) fn sts(region: &str) -> String {
    format!("sts.{region}.{}", partition(region))
}

fn partition(region: &str) -> &'static str {
    let found = PARTITIONS.iter().find(|(prefix, _)| region.starts_with(prefix));
    found.map_or("amazonaws.com", |(_, domain)| domain)
}

fn is_account(label: &str) -> bool {
    label.len() == 12 && label.bytes().all(|b| b.is_ascii_digit())
}

/// Such as `eu-west-1`: words and a number.
pub(super) fn is_region(label: &str) -> bool {
    let mut parts = label.split('-');
    let number = parts.next_back().is_some_and(|p| is_all(p, |b| b.is_ascii_digit()));
    let words: Vec<&str> = parts.collect();
    number && words.len() >= 2 && words.iter().all(|p| is_all(p, |b| b.is_ascii_lowercase()))
}

fn is_all(part: &str, of: impl Fn(u8) -> bool) -> bool {
    !part.is_empty() && part.bytes().all(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_lead_to_the_api_of_their_region() {
        for (host, region, endpoint) in [
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
                "eu-west-1",
                "api.ecr.eu-west-1.amazonaws.com",
            ),
            (
                "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
                "us-gov-west-1",
                "ecr-fips.us-gov-west-1.amazonaws.com",
            ),
            (
                "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
                "cn-north-1",
                "api.ecr.cn-north-1.amazonaws.com.cn",
            ),
            ("123456789012.dkr-ecr.us-east-2.on.aws", "us-east-2", "ecr.us-east-2.api.aws"),
            (
                "123456789012.dkr-ecr-fips.us-east-2.on.aws",
                "us-east-2",
                "ecr-fips.us-east-2.api.aws",
            ),
            (
                "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov",
                "us-iso-east-1",
                "api.ecr.us-iso-east-1.c2s.ic.gov",
            ),
            (
                "123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov",
                "us-isob-east-1",
                "api.ecr.us-isob-east-1.sc2s.sgov.gov",
            ),
            (
                "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu",
                "eusc-de-east-1",
                "api.ecr.eusc-de-east-1.amazonaws.eu",
            ),
            ("public.ecr.aws", "us-east-1", "api.ecr-public.us-east-1.amazonaws.com"),
        ] {
            let ecr = Ecr::parse(host).unwrap();
            assert_eq!((ecr.region.as_str(), ecr.endpoint.as_str()), (region, endpoint));
        }
        assert_eq!(sts("eu-west-1"), "sts.eu-west-1.amazonaws.com");
        assert_eq!(sts("cn-northwest-1"), "sts.cn-northwest-1.amazonaws.com.cn");
    }

    #[test]
    fn what_only_looks_like_a_registry_is_none() {
        for host in [
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.community",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.cn",
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com",
            "123456789012.dkr.ecr.evil.com.amazonaws.com",
            "123456789012.dkr.ecr.evil.amazonaws.com",
            "123456789012.dkr.ecr..amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.on.aws",
            "123456789012.dkr-ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr-ecr.eu-west-1.on.aws.evil.com",
            "123456789012.dkrXecr.eu-west-1.amazonaws.com",
            "123456789012xdkr.ecr.eu-west-1.amazonaws.com",
            "evil.dkr.ecr.eu-west-1.amazonaws.com",
            "1234567890123.dkr.ecr.eu-west-1.amazonaws.com",
            "x.123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "dkr.ecr.eu-west-1.amazonaws.com",
            "ecr.eu-west-1.amazonaws.com",
            "public.ecr.aws.evil.com",
            "evil-public.ecr.aws",
            "ecr.aws",
        ] {
            assert_eq!(Ecr::parse(host), None, "{host}");
        }
    }
}
