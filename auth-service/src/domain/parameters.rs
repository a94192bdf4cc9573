//! `application/x-www-form-urlencoded` parameters, read strictly.

use super::error::{ErrorCode, Refusal};

/// The parameters of one query or form. Percent-encoding and UTF-8 have been checked; there is no NUL in it.
pub struct Parameters(Vec<(String, String)>);

/// The bytes are not a form: broken percent-encoding, not UTF-8, or a NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed form")]
pub struct NotAForm;

/// A parameter is there more than once (RFC 6749 §3.1: "MUST NOT be included more than once").
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a parameter is repeated")]
pub struct Repeated;

impl From<Repeated> for Refusal {
    fn from(_: Repeated) -> Self {
        Self::new(ErrorCode::InvalidRequest, "a parameter is repeated")
    }
}

impl Parameters {
    /// Reads a query or a form body.
    ///
    /// # Errors
    /// [`NotAForm`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NotAForm> {
        bytes
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let mut halves = pair.splitn(2, |byte| *byte == b'=');
                let name = decode(halves.next().unwrap_or_default())?;
                Ok((name, decode(halves.next().unwrap_or_default())?))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The value of `name`. An empty value counts as absent (RFC 6749 §3.1).
    ///
    /// # Errors
    /// [`Repeated`], whether or not the values are the same.
    pub fn get(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Repeated),
            (value, None) => Ok(value.filter(|text| !text.is_empty())),
        }
    }

    /// The value of `name`, which must be there; `missing` says that it is not.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn required(&self, name: &str, missing: &'static str) -> Result<&str, Refusal> {
        self.get(name)?.ok_or(Refusal::new(ErrorCode::InvalidRequest, missing))
    }

    /// Whether any parameter, known to us or not, is repeated.
    #[must_use]
    pub fn has_repeated(&self) -> bool {
        let mut names: Vec<&str> = self.names().collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair.first() == pair.last())
    }

    /// The names, in the order in which they came.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Whether `name` is repeated.
    #[must_use]
    pub fn repeats(&self, name: &str) -> bool {
        self.get(name).is_err()
    }
}

impl std::fmt::Debug for Parameters {
    /// Names only: values are passwords, codes and secrets.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.names()).finish()
    }
}

/// Decodes one form-encoded text, such as one half of HTTP Basic credentials (RFC 6749 §2.3.1).
///
/// # Errors
/// [`NotAForm`].
pub fn decode(encoded: &[u8]) -> Result<String, NotAForm> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = rest.next().and_then(|it| hex(*it)).zip(rest.next().and_then(|it| hex(*it)));
                let (high, low) = digits.ok_or(NotAForm)?;
                high << 4 | low
            }
            other => *other,
        });
    }
    if decoded.contains(&0) { Err(NotAForm) } else { String::from_utf8(decoded).map_err(|_| NotAForm) }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were_before_encoding() {
        let form = Parameters::parse(b"a=1+2&b=%E2%9C%93%26&&c&d=x=y").unwrap();
        assert_eq!(form.get("a"), Ok(Some("1 2")));
        assert_eq!(form.get("b"), Ok(Some("✓&")));
        assert_eq!(form.get("c"), Ok(None), "without a value is absent");
        assert_eq!(form.get("d"), Ok(Some("x=y")));
        assert_eq!(form.get("e"), Ok(None));
    }

    #[test]
    fn a_06_a_repeated_parameter_has_no_value() {
        let form = Parameters::parse(b"a=1&b=2&%61=1").unwrap();
        assert_eq!(form.get("a"), Err(Repeated));
        assert!(form.has_repeated() && form.repeats("a") && !form.repeats("b"));
    }

    #[test]
    fn c_09_what_is_not_clean_utf_8_is_no_form() {
        for bad in [&b"a=%"[..], b"a=%4", b"a=%zz", b"a=%FF", b"a=\xff", b"a=%00", b"a=\0", b"%c3=1"] {
            assert_eq!(Parameters::parse(bad).unwrap_err(), NotAForm, "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_client_encodes_is_what_we_read(value in "[^\\x00]{1,40}") {
            let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            let form = Parameters::parse(format!("v={encoded}").as_bytes()).unwrap();
            proptest::prop_assert_eq!(form.get("v"), Ok(Some(value.as_str())));
        }
    }
}
