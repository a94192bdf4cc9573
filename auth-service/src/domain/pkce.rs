//! Proof Key for Code Exchange (RFC 7636), method S256 and no other.

use super::secret::Digest;

/// `code_challenge`: the SHA-256 of the verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeChallenge(Digest);

impl CodeChallenge {
    /// Reads a challenge of method S256: 43 base64url characters without padding (RFC 7636 §4.2).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Digest::from_text(text).map(Self)
    }

    /// The challenge as the client wrote it.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.0.to_text()
    }

    /// Whether `verifier` is what the challenge was made from. Constant time.
    #[must_use]
    pub fn is_met_by(&self, verifier: &CodeVerifier) -> bool {
        self.0 == Digest::of(verifier.0.as_bytes())
    }
}

/// `code_verifier`: 43 to 128 unreserved characters (RFC 7636 §4.1).
pub struct CodeVerifier(String);

impl CodeVerifier {
    /// Reads a verifier.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        let is_verifier = (43..=128).contains(&text.len()) && text.bytes().all(is_unreserved);
        is_verifier.then(|| Self(text.to_owned()))
    }
}

impl std::fmt::Debug for CodeVerifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CodeVerifier(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_05_the_example_of_rfc_7636_appendix_b_is_accepted() {
        let verifier = CodeVerifier::parse("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
        let challenge = CodeChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        assert!(challenge.is_met_by(&verifier));
        assert_eq!(challenge.to_text(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn c_04_a_verifier_has_43_to_128_unreserved_characters() {
        for good in ["a".repeat(43), "~".repeat(128), "A-._~9".repeat(10)] {
            assert!(CodeVerifier::parse(&good).is_some(), "{good}");
        }
        let bad_charset = format!("{}+", "a".repeat(43));
        for bad in ["", &"a".repeat(42), &"a".repeat(129), &bad_charset, &"é".repeat(43)] {
            assert!(CodeVerifier::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_05_a_challenge_is_exactly_one_sha_256_in_base64url() {
        for bad in
            ["", "abc", &"a".repeat(42), &"a".repeat(44), &format!("{}=", "A".repeat(43)), &"+".repeat(43)]
        {
            assert!(CodeChallenge::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn c_04_the_challenge_itself_is_not_its_verifier() {
        let text = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(!CodeChallenge::parse(text).unwrap().is_met_by(&CodeVerifier::parse(text).unwrap()));
    }
}
