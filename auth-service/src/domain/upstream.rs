//! People who sign in at a provider outside of the gateway, and the way there and back.

use std::fmt;
use std::str::FromStr;

use super::secret::Digest;
use super::user::Subject;

/// The name of a provider: the first part of the subjects of its users, and the last of its redirect URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderId(String);

/// A text that cannot be the name of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected names such as corp: 1 to 32 characters of a-z, 0-9 and _, beginning with a letter")]
pub struct NotAProvider;

impl ProviderId {
    /// The name as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProviderId {
    type Err = NotAProvider;

    fn from_str(text: &str) -> Result<Self, NotAProvider> {
        let is_plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        let begins_well = text.starts_with(|first: char| first.is_ascii_lowercase());
        let fits = text.len() <= 32;
        if is_plain && begins_well && fits { Ok(Self(text.to_owned())) } else { Err(NotAProvider) }
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A browser on its way to a provider. Kept under the digest of the `state` that it took along (RFC 6749 §10.12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// Where it was sent. An answer that comes in anywhere else is not taken (RFC 9700 §4.4).
    pub provider: ProviderId,
    /// Digest of what only this browser has.
    pub browser: Digest,
    /// What it comes back to: path and query of an authorization request, or the page for devices.
    pub return_to: String,
}

/// What a provider said about somebody when they signed in. Their tokens are forgotten; this is what they are judged by
/// from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who it is: the provider's name, and an id there that never changes hands.
    pub subject: Subject,
    /// Who said so. Under the same name another issuer speaks of other people.
    pub issuer: String,
    /// A name to show; may change.
    pub username: String,
    /// What lists of users call them: the login at GitHub, the `sub` at an `OpenID` provider.
    pub login: String,
    /// Their address in lower case, if the provider has verified it.
    pub email: Option<Email>,
    /// The domain that answers for them, in lower case.
    pub domain: Option<String>,
    /// Logins of the organisations that they are a member of, in lower case.
    pub organisations: Vec<String>,
}

/// An e-mail address that can be compared: ASCII in lower case, one `@`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads an address. Quoted and international ones are none: nobody could say what they are equal to.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        let is_local = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~.-".contains(&b);
        let is_address = !local.is_empty() && local.bytes().all(is_local) && text.len() <= 254;
        (is_address && is_domain(domain)).then(|| Self(text.to_ascii_lowercase()))
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

/// Whether `text` is the name of a domain, in ASCII (international ones in Punycode).
#[must_use]
pub fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_plain = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (1..=63).contains(&label.len()) && is_plain && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_into_a_subject_a_path_and_a_setting() {
        for good in ["github", "corp_2", "a"] {
            assert!(good.parse::<ProviderId>().is_ok(), "{good}");
        }
        for bad in ["", "Corp", "2corp", "a/b", "a:b", "a-b", "é", &"a".repeat(33)] {
            assert!(bad.parse::<ProviderId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn b_09_an_address_has_one_domain_and_one_spelling() {
        for (text, address, domain) in [
            ("Ada@Corp.Example", "ada@corp.example", "corp.example"),
            ("ada+tag@xn--bcher-kva.example", "ada+tag@xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            let email = Email::parse(text).unwrap();
            assert_eq!((email.as_str(), email.domain()), (address, domain));
        }
        for bad in [
            "user@evil.example@corp.example",
            "\"a@evil.example\"@corp.example",
            "ada@bücher.example",
            "ada@corp.example.",
            "ada@localhost",
            "@corp.example",
            "ada@",
            "ada",
            "a da@corp.example",
            "ada@corp.example\n",
        ] {
            assert_eq!(Email::parse(bad), None, "{bad}");
        }
    }
}
