//! The headers by which the edge tells an upstream who is calling.

use crate::jwt::Identity;
use crate::scope::ScopeSet;

/// The headers for `identity`, which may do what `scopes` say. Values are visible ASCII, scopes are separated by spaces.
#[must_use]
pub fn of(identity: Identity<'_>, scopes: &ScopeSet) -> Vec<(&'static str, String)> {
    let Identity { user, name, client, token } = identity;
    let optional = [("x-client-id", client), ("x-token-id", token), ("x-user-name", name)];
    // The edge keeps these for each token that it knows: no room to spare.
    let mut headers = Vec::with_capacity(optional.len().saturating_add(2));
    headers.push(("x-user-id", visible_ascii(user)));
    headers.push(("x-scopes", scopes.to_string().into_boxed_str().into_string()));
    headers.extend(
        optional.iter().filter_map(|(header, value)| value.map(|value| (*header, visible_ascii(value)))),
    );
    headers
}

/// Percent-encodes what is not visible ASCII, and `%` and `,` themselves, so that the value can be read back and can
/// neither end a header nor pass for a list (G-04).
#[must_use]
pub fn visible_ascii(value: &str) -> String {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or('0');
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' && byte != b',' {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', digit(byte >> 4), digit(byte & 0x0F)]);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g_04_no_value_can_end_a_header_or_pass_for_a_list() {
        assert_eq!(visible_ascii("local:ada"), "local:ada");
        assert_eq!(visible_ascii("a\r\nx: y,%\0é"), "a%0D%0Ax:%20y%2C%25%00%C3%A9");
    }

    #[test]
    fn what_an_issuer_does_not_say_is_not_sent() {
        let identity = Identity { user: "u", name: None, client: Some("c"), token: None };
        let headers = of(identity, &ScopeSet::parse("mcp:b mcp:a"));
        let expected = [("x-user-id", "u"), ("x-scopes", "mcp:a mcp:b"), ("x-client-id", "c")];
        assert_eq!(headers, expected.map(|(name, value)| (name, value.to_owned())));
    }
}
