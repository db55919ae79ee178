//! Which addresses are on the public internet.
//!
//! The tables are IANA's special-purpose registries
//! ([IPv4](https://www.iana.org/assignments/iana-ipv4-special-registry/),
//! [IPv6](https://www.iana.org/assignments/iana-ipv6-special-registry/), RFC 6890): what they do not
//! call globally reachable is not asked.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// What an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Benchmarking,
    CloudPlatform,
    Documentation,
    LinkLocal,
    Loopback,
    Multicast,
    Private,
    Public,
    Reserved,
    /// Behind a provider's translation (RFC 6598).
    Shared,
    /// Written as IPv6: mapped, NAT64, 6to4.
    Translated,
    UniqueLocal,
    Unspecified,
}

impl Kind {
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::of_v4(v4),
            IpAddr::V6(v6) => Self::of_v6(v6),
        }
    }

    /// Whether a host that the user has listed may be there. Never on the link: that is where
    /// clouds keep their credentials.
    pub(super) fn may_be_listed(self) -> bool {
        use Kind::{Loopback, Private, Public, Shared, Translated, UniqueLocal};
        matches!(self, Loopback | Private | Public | Shared | Translated | UniqueLocal)
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [0, 0, 0, 0] => Self::Unspecified,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Self::Private,
            [100, 64..=127, ..] => Self::Shared,
            [127, ..] => Self::Loopback,
            [169, 254, ..] => Self::LinkLocal,
            // Azure answers its virtual machines here.
            [168, 63, 129, 16] => Self::CloudPlatform,
            [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Self::Documentation,
            [198, 18..=19, ..] => Self::Benchmarking,
            [224..=239, ..] => Self::Multicast,
            [0, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [240..=255, ..] => Self::Reserved,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if let Some(inner) = embedded(address) {
            return match Self::of_v4(inner) {
                Self::Public => Self::Translated,
                other => other,
            };
        }
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0] => Self::Unspecified,
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            [0xfc00..=0xfdff, ..] => Self::UniqueLocal,
            [0xfe80..=0xfebf, ..] => Self::LinkLocal,
            [0xff00..=0xffff, ..] => Self::Multicast,
            [0x2001, 2, 0, ..] => Self::Benchmarking,
            [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Self::Documentation,
            // Protocol assignments, Teredo among them.
            [0x2001, 0..=0x1ff, ..] => Self::Reserved,
            // Global unicast (RFC 4291 §2.4); nothing else is assigned.
            [0x2000..=0x3fff, ..] => Self::Public,
            _ => Self::Reserved,
        }
    }
}

/// The IPv4 address that an IPv6 address leads to: mapped and compatible (RFC 4291 §2.5.5), NAT64
/// (RFC 6052 §2.1, RFC 8215), 6to4 (RFC 3056 §2). A network's own NAT64 prefix cannot be known here.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0..=1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Benchmarking => "benchmarking",
            Self::CloudPlatform => "cloud platform's",
            Self::Documentation => "documentation",
            Self::LinkLocal => "link-local",
            Self::Loopback => "loopback",
            Self::Multicast => "multicast",
            Self::Private => "private",
            Self::Public => "public",
            Self::Reserved => "reserved",
            Self::Shared => "provider-internal",
            Self::Translated => "translated",
            Self::UniqueLocal => "unique local",
            Self::Unspecified => "unspecified",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_globally_reachable_is_public() {
        use Kind::*;
        for (kind, addresses) in [
            (Public, "8.8.8.8 1.1.1.1 172.15.255.255 172.32.0.0 100.63.255.255 100.128.0.0"),
            (Public, "169.253.255.255 198.17.255.255 198.20.0.0 192.0.1.0 223.255.255.255"),
            (Public, "2606:4700::1111 2001:200::1 2a00:1450::1 2003::1 3ffe::1"),
            (Private, "10.0.0.7 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1"),
            (Loopback, "127.0.0.1 127.255.255.254 ::1"),
            (LinkLocal, "169.254.169.254 169.254.0.1 fe80::1 febf::1"),
            (Shared, "100.64.0.1 100.127.255.255 100.100.100.200"),
            (Benchmarking, "198.18.0.1 198.19.255.255 2001:2::1"),
            (Multicast, "224.0.0.1 239.255.255.255 ff02::1"),
            (Unspecified, "0.0.0.0 ::"),
            (Documentation, "192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1 3fff::1"),
            (Reserved, "0.0.0.1 192.0.0.8 192.88.99.1 240.0.0.1 255.255.255.255"),
            (Reserved, "2001::1 2001:10::1 100::1 fec0::1 4000::1 5f00::1 1::1"),
            (UniqueLocal, "fc00::1 fd00:ec2::254"),
            (CloudPlatform, "168.63.129.16"),
            (Translated, "::ffff:8.8.8.8 ::8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1"),
            (Private, "::ffff:10.0.0.7 64:ff9b::10.0.0.7 64:ff9b:1::10.0.0.7 2002:a00:7::1"),
            (LinkLocal, "::ffff:169.254.169.254 64:ff9b::169.254.169.254 2002:a9fe:a9fe::"),
            (Loopback, "::ffff:127.0.0.1 ::127.0.0.1 64:ff9b::127.0.0.1 2002:7f00:1::1"),
        ] {
            for address in addresses.split(' ') {
                assert_eq!(Kind::of(address.parse().unwrap()), kind, "{address}");
            }
        }
    }

    #[test]
    fn a_listed_host_is_in_ones_own_network_and_never_on_the_link() {
        let may = |address: &str| Kind::of(address.parse().unwrap()).may_be_listed();
        for address in ["127.0.0.1", "10.1.2.3", "fd00::1", "100.64.0.1", "64:ff9b::8.8.8.8"] {
            assert!(may(address), "{address}");
        }
        for address in
            ["169.254.169.254", "::ffff:169.254.169.254", "0.0.0.0", "ff02::1", "fe80::1"]
        {
            assert!(!may(address), "{address}");
        }
    }
}
