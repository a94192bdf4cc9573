//! Which addresses of the Internet are public: those that may be connected to because a stranger asked for it.
//!
//! What is not known to be public is refused. Forms of IPv6 that carry an IPv4 address inside (mapped, NAT64, 6to4,
//! Teredo) are refused whole and not unpacked: no name of a public server needs them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Special-purpose blocks of IPv4 (RFC 6890 and the IANA registry), and one of a cloud provider that is public by its number
/// only.
const SPECIAL_V4: &[(Ipv4Addr, u32)] = &[
    // This network.
    (Ipv4Addr::UNSPECIFIED, 8),
    // Private use (RFC 1918).
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    // Shared by the customers of a provider (RFC 6598); some clouds have their metadata service there.
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    // Loopback.
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link local (RFC 3927), with the metadata service of most clouds.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    // IETF protocol assignments (RFC 6890), with the metadata service of one more cloud.
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    // Documentation (RFC 5737).
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Relays of 6to4 (RFC 7526).
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    // Benchmarks (RFC 2544).
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    // The platform service of Azure: it answers every virtual machine and nobody else.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    // Multicast (RFC 5771), the reserved rest, and broadcast.
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// Global unicast (RFC 4291 §2.4). Everything outside of it is refused: loopback, unspecified, link local, unique local,
/// multicast, discard, and IPv4 that is mapped (`::ffff:0:0/96`) or translated (`64:ff9b::/96`, `64:ff9b:1::/48`).
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Special-purpose blocks within [`GLOBAL_V6`].
const SPECIAL_V6: &[(Ipv6Addr, u32)] = &[
    // IETF protocol assignments (RFC 2928): Teredo, benchmarks, ORCHID.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // Documentation (RFC 3849, RFC 9637).
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    // 6to4 (RFC 3056).
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
];

/// Whether `address` is an ordinary public address.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|(block, bits)| same_bits_v4(address, *block, *bits)),
        IpAddr::V6(address) => {
            let (global, bits) = GLOBAL_V6;
            same_bits_v6(address, global, bits)
                && !SPECIAL_V6.iter().any(|(block, bits)| same_bits_v6(address, *block, *bits))
        }
    }
}

/// Whether two addresses agree in their first `bits` bits.
fn same_bits_v4(one: Ipv4Addr, two: Ipv4Addr, bits: u32) -> bool {
    (one.to_bits() ^ two.to_bits()).leading_zeros() >= bits
}

fn same_bits_v6(one: Ipv6Addr, two: Ipv6Addr, bits: u32) -> bool {
    (one.to_bits() ^ two.to_bits()).leading_zeros() >= bits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First and last address of every block that must not be reached.
    const REFUSED: &[(&str, &str)] = &[
        ("0.0.0.0", "0.255.255.255"),
        ("10.0.0.0", "10.255.255.255"),
        ("100.64.0.0", "100.127.255.255"),
        ("127.0.0.0", "127.255.255.255"),
        ("168.63.129.16", "168.63.129.16"),
        ("169.254.0.0", "169.254.255.255"),
        ("172.16.0.0", "172.31.255.255"),
        ("192.0.0.0", "192.0.0.255"),
        ("192.0.2.0", "192.0.2.255"),
        ("192.88.99.0", "192.88.99.255"),
        ("192.168.0.0", "192.168.255.255"),
        ("198.18.0.0", "198.19.255.255"),
        ("198.51.100.0", "198.51.100.255"),
        ("203.0.113.0", "203.0.113.255"),
        ("224.0.0.0", "255.255.255.255"),
        ("::", "::1"),
        ("::ffff:0:0", "::ffff:ffff:ffff"),
        ("::ffff:8.8.8.8", "::ffff:127.0.0.1"),
        ("64:ff9b::", "64:ff9b::ffff:ffff"),
        ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
        ("100::", "100::ffff:ffff:ffff:ffff"),
        ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fd00:ec2::254", "fd20:ce::254"),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ];

    #[test]
    fn d_30_no_special_address_is_public() {
        for (first, last) in REFUSED {
            for text in [first, last] {
                assert!(!is_public(text.parse().unwrap()), "{text}");
            }
        }
    }

    #[test]
    fn the_neighbours_of_special_blocks_are_public() {
        for text in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "8.8.8.8",
            "2000::1",
            "2001:200::",
            "2001:db7:ffff::",
            "2001:db9::",
            "2003::",
            "2606:4700::1111",
            "3ffe::",
            "3fff:1000::",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn d_30_what_the_standard_library_calls_special_is_never_public(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            let is_special = address.is_private() || address.is_loopback() || address.is_link_local()
                || address.is_broadcast() || address.is_documentation() || address.is_multicast()
                || address.is_unspecified();
            proptest::prop_assert!(!(is_special && is_public(address.into())));
            proptest::prop_assert!(!is_public(address.to_ipv6_mapped().into()));
            proptest::prop_assert!(!is_public(address.to_ipv6_compatible().into()));
        }

        #[test]
        fn d_30_no_local_or_group_address_of_ipv6_is_public(bits: u128) {
            let address = Ipv6Addr::from_bits(bits);
            let is_special = address.is_loopback() || address.is_multicast() || address.is_unspecified()
                || address.is_unique_local() || address.is_unicast_link_local()
                || address.to_ipv4_mapped().is_some();
            proptest::prop_assert!(!(is_special && is_public(address.into())));
        }
    }
}
